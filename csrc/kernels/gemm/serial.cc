// gemm, portable: row times matrix in order of depth, so that both operands are read along rows.
// Uses its scratch for the int32 sums of one row; the panel of the vector kernels is not needed.
#include <cstring>

#include "../epilogue/serial.h"
#include "smoothbit/gemm.h"

namespace smoothbit {

void gemm_serial(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const int64_t num_channels = e.num_channels;
  int32_t* sums = static_cast<int32_t*>(scratch);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* source = args.source + row * args.source_stride;
    std::memset(sums, 0, static_cast<size_t>(num_channels) * sizeof(int32_t));
    int32_t row_sum = 0;
    for (int64_t k = 0; k < args.depth; ++k) {
      const int code = code_at_serial(source, args.source_bits, k);
      if (code == 0) continue;
      row_sum += code;
      const uint8_t* weight = args.weight + k * args.weight_stride;
      for (int64_t c = 0; c < num_channels; ++c) sums[c] += code * code_at_serial(weight, args.weight_bits, c);
    }
    const float row_term = e.row_term ? e.row_term[row] : static_cast<float>(row_sum);
    finish_row_serial(e, row, 0, num_channels, sums, row_term);
    clear_row_padding_serial(e, row);
  }
}

}  // namespace smoothbit
