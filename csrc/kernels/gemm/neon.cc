// gemm, NEON: the panel drawn in smoothbit/gemm.h, read with a de-interleaving load (even and odd depths).
//
// Widening multiply-accumulate by a broadcast lane: u16 codes up to 255, products up to 65,025 in u32.
// 2 rows x 16 channels hold 8 accumulators.
#if defined(__aarch64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/neon.h"

namespace smoothbit {
namespace {

constexpr int kRows = static_cast<int>(kGemmRowBlock);

template <int kBits>
void unpack_row(const uint8_t* packed, int64_t depth, uint16_t* codes) {
  for (int64_t k = 0; k < depth; k += 8) {
    const int64_t count = std::min<int64_t>(8, depth - k);
    uint64_t word = load_bytes(packed + k * kBits / 8, (count * kBits + 7) / 8);
    if (count < 8) word &= (uint64_t{1} << (count * kBits)) - 1;
    const CodeOctet octet = spread_word_neon<kBits>(word);
    vst1q_u16(codes + k, vcombine_u16(vmovn_u32(octet.low), vmovn_u32(octet.high)));
  }
}

void unpack_row_any(int bits, const uint8_t* packed, int64_t depth, uint16_t* codes) {
  switch (bits) {
    case 1: return unpack_row<1>(packed, depth, codes);
    case 2: return unpack_row<2>(packed, depth, codes);
    case 4: return unpack_row<4>(packed, depth, codes);
    default: return unpack_row<8>(packed, depth, codes);
  }
}

// 16 channels of `sums` for rows r and r + 1.
void multiply_group(const uint16_t* source, int64_t source_stride, const int16_t* panel, int64_t num_pairs,
                    uint32_t* sums, int64_t sums_stride) {
  uint32x4_t acc_u32x4[2][4];
  for (auto& row : acc_u32x4)
    for (uint32x4_t& acc : row) acc = vdupq_n_u32(0);
  for (int64_t k = 0; k < num_pairs; ++k) {
    for (int half = 0; half < 2; ++half) {
      const uint16x8x2_t weights = vld2q_u16(reinterpret_cast<const uint16_t*>(panel) + 32 * k + 16 * half);
      for (int r = 0; r < 2; ++r) {
        const uint16_t* pair = source + r * source_stride + 2 * k;
        for (int odd = 0; odd < 2; ++odd) {
          const uint16x8_t w = weights.val[odd];
          uint32x4_t* acc = acc_u32x4[r] + 2 * half;
          acc[0] = vmlal_n_u16(acc[0], vget_low_u16(w), pair[odd]);
          acc[1] = vmlal_n_u16(acc[1], vget_high_u16(w), pair[odd]);
        }
      }
    }
  }
  for (int r = 0; r < 2; ++r)
    for (int i = 0; i < 4; ++i) vst1q_u32(sums + r * sums_stride + 4 * i, acc_u32x4[r][i]);
}

}  // namespace

void gemm_neon(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const int64_t num_groups = gemm_num_groups(e.num_channels), num_pairs = gemm_num_pairs(args.depth);
  const int64_t source_stride = (args.depth + 63) / 64 * 64, sums_stride = num_groups * kGemmGroup;
  uint16_t* source = static_cast<uint16_t*>(scratch);
  int32_t* sums = reinterpret_cast<int32_t*>(source + kRows * source_stride);
  std::memset(source, 0, static_cast<size_t>(kRows * source_stride) * sizeof(uint16_t));
  for (int64_t row = row_begin; row < row_end; row += kRows) {
    const int64_t num_rows = std::min<int64_t>(kRows, row_end - row);
    // In the last block the rows that do not exist keep old codes; their sums are not used.
    for (int64_t r = 0; r < num_rows; ++r)
      unpack_row_any(args.source_bits, args.source + (row + r) * args.source_stride, args.depth,
                     source + r * source_stride);
    for (int64_t r = 0; r < num_rows; r += 2)
      for (int64_t g = 0; g < num_groups; ++g)
        multiply_group(source + r * source_stride, source_stride, args.panel + g * num_pairs * kGemmGroup * 2,
                       num_pairs, reinterpret_cast<uint32_t*>(sums + r * sums_stride + g * kGemmGroup),
                       sums_stride);
    for (int64_t r = 0; r < num_rows; ++r) {
      float row_term = e.row_term ? e.row_term[row + r] : 0.0f;
      if (e.col_term && !e.row_term) {
        int32_t row_sum = 0;
        for (int64_t k = 0; k < args.depth; ++k) row_sum += source[r * source_stride + k];
        row_term = static_cast<float>(row_sum);
      }
      finish_row_neon(e, row + r, 0, e.num_channels, sums + r * sums_stride, row_term);
      clear_row_padding_serial(e, row + r);
    }
  }
}

}  // namespace smoothbit
#endif
