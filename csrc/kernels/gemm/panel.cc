// Unpacks the weight of a product into the panel layout drawn in smoothbit/gemm.h.
#include <cstring>

#include "smoothbit/gemm.h"

namespace smoothbit {

void gemm_fill_panel(const GemmArgs& args, int16_t* panel) {
  const int64_t num_channels = args.epilogue.num_channels;
  const int64_t num_pairs = gemm_num_pairs(args.depth);
  const int bits = args.weight_bits;
  const int mask = (1 << bits) - 1;
  std::memset(panel, 0, static_cast<size_t>(gemm_panel_bytes(args.depth, num_channels)));
  for (int64_t k = 0; k < args.depth; ++k) {
    const uint8_t* row = args.weight + k * args.weight_stride;
    for (int64_t c = 0; c < num_channels; ++c) {
      const int64_t lane = ((c / kGemmGroup) * num_pairs + k / 2) * kGemmGroup + c % kGemmGroup;
      panel[2 * lane + (k & 1)] = static_cast<int16_t>((row[c * bits >> 3] >> (c * bits & 7)) & mask);
    }
  }
}

}  // namespace smoothbit
