// gemm, NEON: blocks of rows are unpacked, multiplied four rows at a time (two in words), and finished.
//
//     lookup   vqtbl1q, 16 channels x a nibble's depths each, summed in u8 (14 or 63 steps), then u16 and u32
//     bytes    the panel read with a de-interleaving load, one register a depth; widening multiply-accumulate
//              into u16: 65,535 / (15 * 15) = 291 depths at 4 bits
//     words    the same by pairs of depths into u32
#if defined(__aarch64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/neon.h"
#include "lookup.h"

namespace smoothbit {
namespace {

constexpr int kRows = 4;
static_assert(kGemmRowBlock % kRows == 0, "a row block is whole calls");

// Four rows of unpacked codes against one panel group; sums of row r go to sums + r * sums_stride.
struct Group {
  const uint8_t* codes;
  int64_t codes_stride;
  const uint8_t* panel;
  int64_t num_steps;
  int64_t narrow_steps;  // steps that fit u16
  uint32_t* sums;
  int64_t sums_stride;
};

// Codes of 8 * kBits bits from `depth - k` codes on, zero past the end.
template <int kBits>
uint64_t load_word(const uint8_t* packed, int64_t k, int64_t depth) {
  const int64_t count = std::min<int64_t>(8, depth - k);
  uint64_t word = load_bytes(packed + k * kBits / 8, (count * kBits + 7) / 8);
  if (count < 8) word &= (uint64_t{1} << (count * kBits)) - 1;
  return word;
}

// Returns the sum of the codes, as do the following.
template <int kBits>
int32_t unpack_codes(const uint8_t* packed, int64_t depth, bool is_words, uint8_t* codes) {
  uint32_t sum = 0;
  for (int64_t k = 0; k < depth; k += 8) {
    const CodeOctet octet = spread_word_neon<kBits>(load_word<kBits>(packed, k, depth));
    const uint16x8_t codes_u16x8 = vcombine_u16(vmovn_u32(octet.low), vmovn_u32(octet.high));
    sum += vaddvq_u16(codes_u16x8);
    if (is_words) vst1q_u8(codes + 2 * k, vreinterpretq_u8_u16(codes_u16x8));
    else vst1_u8(codes + k, vmovn_u16(codes_u16x8));
  }
  return static_cast<int32_t>(sum);
}

template <int kBits>
int32_t unpack_nibbles(const uint8_t* packed, int64_t depth, uint8_t* codes) {
  static const uint8_t kSums[2][16] = {{0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4},
                                       {0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6}};
  const uint8x16_t sums_of_nibbles = vld1q_u8(kSums[kBits - 1]);
  uint32_t sum = 0;
  for (int64_t bit = 0; bit < depth * kBits; bit += 64) {
    const int64_t num_bits = std::min<int64_t>(64, depth * kBits - bit);
    uint64_t word = load_bytes(packed + bit / 8, (num_bits + 7) / 8);
    if (num_bits < 64) word &= (uint64_t{1} << num_bits) - 1;
    const uint8x8_t bytes = vcreate_u8(word);
    const uint8x8_t low = vand_u8(bytes, vdup_n_u8(15)), high = vshr_n_u8(bytes, 4);
    const uint8x16_t nibbles = vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high));
    sum += vaddvq_u8(vqtbl1q_u8(sums_of_nibbles, nibbles));
    vst1q_u8(codes + bit / 4, vshlq_n_u8(nibbles, 4));
  }
  return static_cast<int32_t>(sum);
}

int32_t unpack_row(const GemmArgs& args, int64_t row, uint8_t* codes) {
  const uint8_t* packed = args.source + row * args.source_stride;
  const GemmLayout layout = gemm_layout(args);
  if (layout == GemmLayout::nibbles)
    return args.source_bits == 2 ? unpack_nibbles<2>(packed, args.depth, codes)
                                 : unpack_nibbles<1>(packed, args.depth, codes);
  const bool is_words = layout == GemmLayout::words;
  switch (args.source_bits) {
    case 1: return unpack_codes<1>(packed, args.depth, is_words, codes);
    case 2: return unpack_codes<2>(packed, args.depth, is_words, codes);
    case 4: return unpack_codes<4>(packed, args.depth, is_words, codes);
    default: return unpack_codes<8>(packed, args.depth, is_words, codes);
  }
}

// u16 sums of 8 neighbouring channels, added to those of the depths before unless `is_first`.
SMOOTHBIT_INLINE void store_wide(uint16x8_t sums_u16x8, bool is_first, uint32_t* sums) {
  const uint32x4_t zero = vdupq_n_u32(0);
  vst1q_u32(sums, vaddw_u16(is_first ? zero : vld1q_u32(sums), vget_low_u16(sums_u16x8)));
  vst1q_u32(sums + 4, vaddw_high_u16(is_first ? zero : vld1q_u32(sums + 4), sums_u16x8));
}

template <int kBits>
void multiply_lookup(const Group& g) {
  static constexpr GemmFieldProducts<kBits, 4> kTable;
  constexpr int64_t kNarrow = kTable.kNarrowSteps, kWide = kTable.kWideSteps;
  int64_t step = 0, wide_begin = 0;
  do {
    const int64_t wide_end = std::min(wide_begin + kWide, g.num_steps);
    uint16x8_t wide_u16x8[kRows][8];
    for (auto& row : wide_u16x8)
      for (uint16x8_t& sums : row) sums = vdupq_n_u16(0);
    while (step < wide_end) {
      uint8x16_t acc_u8x16[kRows][4];
      for (auto& row : acc_u8x16)
        for (uint8x16_t& acc : row) acc = vdupq_n_u8(0);
      for (const int64_t end = std::min(step + kNarrow, wide_end); step < end; ++step) {
        const uint8x16x4_t weights = vld1q_u8_x4(g.panel + step * kGemmPiece);
        for (int r = 0; r < kRows; ++r) {
          const uint8x16_t products = vld1q_u8(kTable.product + g.codes[r * g.codes_stride + step]);
          for (int i = 0; i < 4; ++i)
            acc_u8x16[r][i] = vaddq_u8(acc_u8x16[r][i], vqtbl1q_u8(products, weights.val[i]));
        }
      }
      for (int r = 0; r < kRows; ++r) {
        for (int i = 0; i < 4; ++i) {
          wide_u16x8[r][2 * i] = vaddw_u8(wide_u16x8[r][2 * i], vget_low_u8(acc_u8x16[r][i]));
          wide_u16x8[r][2 * i + 1] = vaddw_high_u8(wide_u16x8[r][2 * i + 1], acc_u8x16[r][i]);
        }
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (int i = 0; i < 8; ++i) store_wide(wide_u16x8[r][i], wide_begin == 0, g.sums + r * g.sums_stride + 8 * i);
    wide_begin = wide_end;
  } while (wide_begin < g.num_steps);
}

void multiply_bytes(const Group& g) {
  int64_t step = 0;
  do {
    const bool is_first = step == 0;
    uint16x8_t acc_u16x8[kRows][2];
    for (auto& row : acc_u16x8) row[0] = row[1] = vdupq_n_u16(0);
    for (const int64_t end = std::min(step + g.narrow_steps, g.num_steps); step < end; ++step) {
      const uint8x16x4_t weights = vld4q_u8(g.panel + step * kGemmPiece);
      for (int r = 0; r < kRows; ++r) {
        const uint8_t* codes = g.codes + r * g.codes_stride + 4 * step;
        for (int k = 0; k < 4; ++k) {
          const uint8x8_t code = vld1_dup_u8(codes + k);
          acc_u16x8[r][0] = vmlal_u8(acc_u16x8[r][0], vget_low_u8(weights.val[k]), code);
          acc_u16x8[r][1] = vmlal_u8(acc_u16x8[r][1], vget_high_u8(weights.val[k]), code);
        }
      }
    }
    for (int r = 0; r < kRows; ++r)
      for (int i = 0; i < 2; ++i) store_wide(acc_u16x8[r][i], is_first, g.sums + r * g.sums_stride + 8 * i);
  } while (step < g.num_steps);
}

// Two rows: products up to 65,025 in u32.
void multiply_two_words(const Group& g) {
  uint32x4_t acc_u32x4[2][4];
  for (auto& row : acc_u32x4)
    for (uint32x4_t& acc : row) acc = vdupq_n_u32(0);
  for (int64_t step = 0; step < g.num_steps; ++step) {
    for (int half = 0; half < 2; ++half) {
      const uint16x8x2_t weights =
          vld2q_u16(reinterpret_cast<const uint16_t*>(g.panel + step * kGemmPiece + 32 * half));
      for (int r = 0; r < 2; ++r) {
        const uint16_t* pair = reinterpret_cast<const uint16_t*>(g.codes + r * g.codes_stride) + 2 * step;
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
    for (int i = 0; i < 4; ++i) vst1q_u32(g.sums + r * g.sums_stride + 4 * i, acc_u32x4[r][i]);
}

void multiply_words(const Group& g) {
  Group second = g;
  second.codes += 2 * g.codes_stride;
  second.sums += 2 * g.sums_stride;
  multiply_two_words(g);
  multiply_two_words(second);
}

void multiply_block(const GemmArgs& args, Group g, int64_t num_rows) {
  const GemmLayout layout = gemm_layout(args);
  const int64_t num_groups = gemm_num_groups(args), channels = gemm_group_channels(layout);
  const Group first = g;
  for (int64_t group = 0; group < num_groups; ++group) {
    g.panel = first.panel + group * g.num_steps * kGemmPiece;
    for (int64_t r = 0; r < num_rows; r += kRows) {
      g.codes = first.codes + r * g.codes_stride;
      g.sums = first.sums + r * g.sums_stride + group * channels;
      if (layout == GemmLayout::bytes) multiply_bytes(g);
      else if (layout == GemmLayout::words) multiply_words(g);
      else args.weight_bits == 2 ? multiply_lookup<2>(g) : multiply_lookup<1>(g);
    }
  }
}

}  // namespace

void gemm_neon(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const int64_t sums_stride = gemm_sums_stride(args), codes_stride = gemm_codes_stride(args);
  int32_t* sums = static_cast<int32_t*>(scratch);
  uint8_t* codes = reinterpret_cast<uint8_t*>(sums + kGemmRowBlock * sums_stride);
  // Codes past the depth, up to the last step, and of rows that do not exist stay zero or those of a row
  // before; the latter's sums are not used.
  std::memset(codes, 0, static_cast<size_t>(kGemmRowBlock * codes_stride));
  const int64_t qmax_product = ((1 << args.source_bits) - 1) * ((1 << args.weight_bits) - 1);
  const Group first{codes, codes_stride, args.panel, gemm_num_steps(args), 65535 / (4 * qmax_product),
                    reinterpret_cast<uint32_t*>(sums), sums_stride};
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    float row_sums[kGemmRowBlock];
    for (int64_t r = 0; r < num_rows; ++r)
      row_sums[r] = static_cast<float>(unpack_row(args, row + r, codes + r * codes_stride));
    multiply_block(args, first, num_rows);
    for (int64_t r = 0; r < num_rows; ++r) {
      const float row_term = e.row_term ? e.row_term[row + r] : row_sums[r];
      finish_row_neon(e, row + r, 0, e.num_channels, sums + r * sums_stride, row_term);
      clear_row_padding_serial(e, row + r);
    }
  }
}

}  // namespace smoothbit
#endif
