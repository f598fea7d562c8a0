// spmm, NEON: sums of gather_neon.h, then the epilogue.
#if defined(__aarch64__)
#include <algorithm>

#include "gather_neon.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

template <int kBits>
void sum_block(const SpmmArgs& args, int64_t row, int64_t channel) {
  const Epilogue& e = args.epilogue;
  const int64_t count = std::min(kChannelBlock, e.num_channels - channel);
  const RowsNeon rows{args.source + channel * kBits / 8, args.source_stride, args.indices, args.indptr[args.num_rows]};
  const float row_term = e.row_term ? e.row_term[row] : 0.0f;
  sum_rows_neon<kBits>(rows, count, args.indptr[row], args.indptr[row + 1],
                       [&](const auto* sums) { finish_row_neon(e, row, channel, count, sums, row_term); });
}

template <int kBits>
void weighted_row(const SpmmArgs& args, int64_t row) {
  const Epilogue& e = args.epilogue;
  const float row_term = e.row_term ? e.row_term[row] : 0.0f;
  for (int64_t channel = 0; channel < e.num_channels; channel += 8) {
    const int64_t count = std::min<int64_t>(8, e.num_channels - channel);
    int32x4_t low = vdupq_n_s32(0), high = vdupq_n_s32(0);
    for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
      const uint8_t* bytes = args.source + args.indices[entry] * args.source_stride + channel * kBits / 8;
      const CodeOctet codes = spread_word_neon<kBits>(load_bytes(bytes, (count * kBits + 7) / 8));
      const int32_t weight = args.weights[entry];
      low = vmlaq_n_s32(low, vreinterpretq_s32_u32(codes.low), weight);
      high = vmlaq_n_s32(high, vreinterpretq_s32_u32(codes.high), weight);
    }
    int32_t sums[8];
    vst1q_s32(sums, low);
    vst1q_s32(sums + 4, high);
    finish_row_neon(e, row, channel, count, sums, row_term);
  }
}

template <int kBits>
void spmm_neon(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    if (args.weights) {
      weighted_row<kBits>(args, row);
    } else {
      for (int64_t channel = 0; channel < args.epilogue.num_channels; channel += kChannelBlock)
        sum_block<kBits>(args, row, channel);
    }
    clear_row_padding_serial(args.epilogue, row);
  }
}

}  // namespace

void spmm_u1_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_neon<1>(args, begin, end); }
void spmm_u2_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_neon<2>(args, begin, end); }
void spmm_u4_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_neon<4>(args, begin, end); }
void spmm_u8_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_neon<8>(args, begin, end); }

}  // namespace smoothbit
#endif
