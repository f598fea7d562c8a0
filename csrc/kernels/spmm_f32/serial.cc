// spmm_f32, portable.
#include "smoothbit/spmm.h"

namespace smoothbit {

void spmm_f32_serial(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  const int64_t num_channels = args.num_channels;
  for (int64_t row = row_begin; row < row_end; ++row) {
    float* out = args.out + row * num_channels;
    for (int64_t c = 0; c < num_channels; ++c) out[c] = 0.0f;
    for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
      const float* source = args.source + args.indices[entry] * num_channels;
      if (args.values) {
        const float value = args.values[entry];
        for (int64_t c = 0; c < num_channels; ++c) out[c] = out[c] + source[c] * value;
      } else {
        for (int64_t c = 0; c < num_channels; ++c) out[c] = out[c] + source[c];
      }
    }
    for (int64_t c = 0; c < num_channels; ++c) {
      float y = out[c];
      if (args.row_scale) y = y * args.row_scale[row];
      y = y * args.scale;
      if (args.skip) y = y + args.skip[row * num_channels + c] * args.skip_scale;
      out[c] = y;
    }
  }
}

}  // namespace smoothbit
