// AVX2 inner products of gemm: one for each panel layout of smoothbit/gemm.h.
//
// A Zen 4 core was measured to start 2 multiplications or shuffles a cycle, 4 additions, but only 3 of a mix
// of one to one. Bytes and words therefore trade half of the multiplications for additions (Winograd 1968):
//
//     a b' + a' b = (a + a')(b + b') - a b - a' b'      with a, b of the source and a', b' of the weight
//
// The sums of a b belong to a row and those of a' b' to a channel; both are subtracted once at the end. In
// bytes, b is kept 15 lower: the factors, in [0, 30] and [-15, 15], then have the least products.
//
// Vector operations for 64 products of a row, without the loads of weights, which the rows of a call share:
//
//     lookup, 2 bits   1 broadcast, 1 vpshufb, 1 addition (u8)
//     lookup, 1 bit    half of that
//     bytes            2 half broadcasts, 1 vpmaddubsw, 3 additions (i8, i8, i16)
//     words            2 broadcasts, 2 vpmaddwd, 6 additions (i16, i16, i32)
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "../target.h"
#include "lookup.h"
#include "narrow_avx2.h"
#include "unpack.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int kRowsAvx2 = 4;
static_assert(kGemmRowBlock % kRowsAvx2 == 0, "a row block is whole calls");

// Four rows of unpacked codes against one panel group. Sums of row r go to sums + r * sums_stride, in the
// order of rows and channels: when rows are less than a group apart, what a row writes past its end is zero
// and lies where the next row writes later.
struct GroupAvx2 {
  const uint8_t* codes;
  int64_t codes_stride;
  const uint8_t* panel;
  int64_t num_steps;
  const GemmRowSums* row_sums;  // with the sum of a b of each row
  const int32_t* col_products;  // sum of a' b' of each channel of the group
  int32_t* sums;
  int64_t sums_stride;
  __m256i* wide;   // [16], workspace
  bool is_narrow;  // lookup: rows are NarrowSumsAvx2 of 32 channels each, for a depth whose sums fit them
};

// Accumulators of a row, in the type of their lanes (those of 32 bits may wrap): as __m256i, gcc 12 copies and
// spills them at every step. The rows are named, each with a call, where an array and a loop would say the same:
// the loop is unrolled too late to keep the array in registers. Either costs up to half of the speed.
using U8x32 = uint8_t __attribute__((vector_size(32)));
using I16x16 = int16_t __attribute__((vector_size(32)));
using U32x8 = uint32_t __attribute__((vector_size(32)));

template <class Register>
struct RowAvx2 {
  Register low, high;
  SMOOTHBIT_INLINE void add(__m256i low_terms, __m256i high_terms) {
    low += reinterpret_cast<Register>(low_terms);
    high += reinterpret_cast<Register>(high_terms);
  }
};

// Four bytes of a row in every lane.
SMOOTHBIT_INLINE __m256i broadcast_lane_avx2(const uint8_t* codes) {
  int32_t lane;
  std::memcpy(&lane, codes, sizeof lane);
  return _mm256_set1_epi32(lane);
}

// sums = totals - row products - channel products, all modulo 2^32: the result fits.
SMOOTHBIT_INLINE void store_sums_avx2(const GroupAvx2& g, int row, const RowAvx2<U32x8>& totals) {
  const __m256i row_products = _mm256_set1_epi32(g.row_sums[row].products);
  const __m256i low_products = _mm256_add_epi32(row_products, load_avx2(g.col_products));
  const __m256i high_products = _mm256_add_epi32(row_products, load_avx2(g.col_products + 8));
  int32_t* sums = g.sums + row * g.sums_stride;
  store_avx2(sums, _mm256_sub_epi32(reinterpret_cast<__m256i>(totals.low), low_products));
  store_avx2(sums + 8, _mm256_sub_epi32(reinterpret_cast<__m256i>(totals.high), high_products));
}

SMOOTHBIT_INLINE void add_wide_avx2(__m256i* wide_i32x8, bool is_first, const RowAvx2<U32x8>& terms) {
  const __m256i low = reinterpret_cast<__m256i>(terms.low), high = reinterpret_cast<__m256i>(terms.high);
  wide_i32x8[0] = is_first ? low : _mm256_add_epi32(wide_i32x8[0], low);
  wide_i32x8[1] = is_first ? high : _mm256_add_epi32(wide_i32x8[1], high);
}

// Weights of 16 channels at two steps: a' and b' of the formula above.
struct WeightPairAvx2 {
  __m256i first_low, first_high, second_low, second_high;
};

SMOOTHBIT_INLINE WeightPairAvx2 load_weights_avx2(const uint8_t* panel) {
  return {load_avx2(panel), load_avx2(panel + 32), load_avx2(panel + 64), load_avx2(panel + 96)};
}

SMOOTHBIT_INLINE void add_bytes_avx2(RowAvx2<I16x16>& acc, const uint8_t* codes, const WeightPairAvx2& w) {
  const __m256i first = broadcast_lane_avx2(codes), second = broadcast_lane_avx2(codes + 4);
  acc.add(_mm256_maddubs_epi16(_mm256_add_epi8(first, w.second_low), _mm256_add_epi8(second, w.first_low)),
          _mm256_maddubs_epi16(_mm256_add_epi8(first, w.second_high), _mm256_add_epi8(second, w.first_high)));
}

// Both halves of a 32-bit lane belong to one channel.
SMOOTHBIT_INLINE RowAvx2<U32x8> widen_bytes_avx2(const RowAvx2<I16x16>& acc) {
  const __m256i ones = _mm256_set1_epi16(1);
  return {reinterpret_cast<U32x8>(_mm256_madd_epi16(reinterpret_cast<__m256i>(acc.low), ones)),
          reinterpret_cast<U32x8>(_mm256_madd_epi16(reinterpret_cast<__m256i>(acc.high), ones))};
}

// 16 channels, codes of at most 4 bits: pair sums within 2 * 30 * 15 = 900, of which 36 fit i16. Most products
// are no deeper than that and go straight to their sums.
__attribute__((noinline)) void multiply_bytes_avx2(const GroupAvx2& g) {
  constexpr int64_t kNarrowPairs = 36;
  const int64_t codes_stride = g.codes_stride;
  const uint8_t* panel = g.panel;
  const uint8_t* codes = g.codes;
  int64_t left = g.num_steps / 2;
  for (bool is_first = true; is_first || left > 0; is_first = false, left -= kNarrowPairs) {
    RowAvx2<I16x16> row_0{}, row_1{}, row_2{}, row_3{};
    for (int64_t s = std::min(kNarrowPairs, left); s > 0; --s, panel += 2 * kGemmPiece, codes += 8) {
      const WeightPairAvx2 weights = load_weights_avx2(panel);
      add_bytes_avx2(row_0, codes, weights);
      add_bytes_avx2(row_1, codes + codes_stride, weights);
      add_bytes_avx2(row_2, codes + 2 * codes_stride, weights);
      add_bytes_avx2(row_3, codes + 3 * codes_stride, weights);
    }
    if (is_first && left <= kNarrowPairs) {
      store_sums_avx2(g, 0, widen_bytes_avx2(row_0));
      store_sums_avx2(g, 1, widen_bytes_avx2(row_1));
      store_sums_avx2(g, 2, widen_bytes_avx2(row_2));
      store_sums_avx2(g, 3, widen_bytes_avx2(row_3));
      return;
    }
    add_wide_avx2(g.wide, is_first, widen_bytes_avx2(row_0));
    add_wide_avx2(g.wide + 2, is_first, widen_bytes_avx2(row_1));
    add_wide_avx2(g.wide + 4, is_first, widen_bytes_avx2(row_2));
    add_wide_avx2(g.wide + 6, is_first, widen_bytes_avx2(row_3));
  }
  for (int r = 0; r < kRowsAvx2; ++r)
    store_sums_avx2(g, r, {reinterpret_cast<U32x8>(g.wide[2 * r]), reinterpret_cast<U32x8>(g.wide[2 * r + 1])});
}

SMOOTHBIT_INLINE void add_words_avx2(RowAvx2<U32x8>& acc, const uint8_t* codes, const WeightPairAvx2& w) {
  const __m256i first = broadcast_lane_avx2(codes), second = broadcast_lane_avx2(codes + 4);
  acc.add(_mm256_madd_epi16(_mm256_add_epi16(first, w.second_low), _mm256_add_epi16(second, w.first_low)),
          _mm256_madd_epi16(_mm256_add_epi16(first, w.second_high), _mm256_add_epi16(second, w.first_high)));
}

// 16 channels, any codes: factors of at most 510.
__attribute__((noinline)) void multiply_words_avx2(const GroupAvx2& g) {
  const int64_t codes_stride = g.codes_stride;
  const uint8_t* panel = g.panel;
  const uint8_t* codes = g.codes;
  RowAvx2<U32x8> row_0{}, row_1{}, row_2{}, row_3{};
  for (int64_t s = g.num_steps / 2; s > 0; --s, panel += 2 * kGemmPiece, codes += 8) {
    const WeightPairAvx2 weights = load_weights_avx2(panel);
    add_words_avx2(row_0, codes, weights);
    add_words_avx2(row_1, codes + codes_stride, weights);
    add_words_avx2(row_2, codes + 2 * codes_stride, weights);
    add_words_avx2(row_3, codes + 3 * codes_stride, weights);
  }
  store_sums_avx2(g, 0, row_0);
  store_sums_avx2(g, 1, row_1);
  store_sums_avx2(g, 2, row_2);
  store_sums_avx2(g, 3, row_3);
}

template <int kRegisters>
SMOOTHBIT_INLINE void add_lookup_avx2(RowAvx2<U8x32>& acc, const uint8_t* products, const uint8_t* code,
                                      __m256i weights_low, __m256i weights_high) {
  const __m256i products_u8x16x2 =
      _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(products + *code)));
  acc.add(_mm256_shuffle_epi8(products_u8x16x2, weights_low),
          kRegisters == 2 ? _mm256_shuffle_epi8(products_u8x16x2, weights_high) : _mm256_setzero_si256());
}

// wide[0] adds bytes as pairs, even + 256 * odd, modulo 2^16; wide[1] the odd bytes. The even ones are
// wide[0] - 256 * wide[1], modulo 2^16 too: one operation less for each flush than two exact sums.
SMOOTHBIT_INLINE void widen_lookup_avx2(__m256i acc_u8x32, bool is_first, __m256i* wide_u16x16) {
  const __m256i odd = _mm256_srli_epi16(acc_u8x32, 8);
  wide_u16x16[0] = is_first ? acc_u8x32 : _mm256_add_epi16(wide_u16x16[0], acc_u8x32);
  wide_u16x16[1] = is_first ? odd : _mm256_add_epi16(wide_u16x16[1], odd);
}
template <int kRegisters>
SMOOTHBIT_INLINE void widen_lookup_avx2(const RowAvx2<U8x32>& acc, bool is_first, __m256i* wide_u16x16) {
  widen_lookup_avx2(reinterpret_cast<__m256i>(acc.low), is_first, wide_u16x16);
  if (kRegisters == 2) widen_lookup_avx2(reinterpret_cast<__m256i>(acc.high), is_first, wide_u16x16 + 2);
}

SMOOTHBIT_INLINE NarrowSumsAvx2 narrow_sums_avx2(const __m256i* wide_u16x16) {
  const __m256i odd = wide_u16x16[1];
  return {_mm256_sub_epi16(wide_u16x16[0], _mm256_slli_epi16(odd, 8)), odd};
}

template <int kRegisters>
SMOOTHBIT_INLINE void store_narrow_avx2(const GroupAvx2& g) {
  for (int i = 0; i < kRowsAvx2 * kRegisters; ++i) {
    const NarrowSumsAvx2 narrow = narrow_sums_avx2(g.wide + 2 * i);
    int32_t* sums = g.sums + i / kRegisters * g.sums_stride + i % kRegisters * 16;
    store_avx2(sums, narrow.even);
    store_avx2(sums + 8, narrow.odd);
  }
}

// kRegisters x 32 channels; 14 or 63 steps in u8, 3,640 or 16,380 in u16.
template <int kBits, int kRegisters>
__attribute__((noinline)) void multiply_lookup_avx2(const GroupAvx2& g) {
  static constexpr GemmFieldProducts<kBits, 4> kTable;
  constexpr int64_t kNarrow = kTable.kNarrowSteps, kWide = kTable.kWideSteps;
  constexpr int kAccs = kRowsAvx2 * kRegisters;
  const __m256i zero = _mm256_setzero_si256();
  const int64_t codes_stride = g.codes_stride, num_steps = g.num_steps;
  const uint8_t* panel = g.panel;
  const uint8_t* codes = g.codes;
  __m256i* wide = g.wide;
  int64_t begin = 0;
  do {
    const int64_t end = std::min(begin + kWide, num_steps);
    for (int i = 0; num_steps == 0 && i < 2 * kAccs; ++i) wide[i] = zero;
    for (int64_t left = end - begin; left > 0; left -= kNarrow) {
      RowAvx2<U8x32> row_0{}, row_1{}, row_2{}, row_3{};
      const uint8_t* end_codes = codes + std::min(kNarrow, left);
      do {
        const __m256i weights_low = load_avx2(panel);
        const __m256i weights_high = kRegisters == 2 ? load_avx2(panel + 32) : weights_low;
        add_lookup_avx2<kRegisters>(row_0, kTable.product, codes, weights_low, weights_high);
        add_lookup_avx2<kRegisters>(row_1, kTable.product, codes + codes_stride, weights_low, weights_high);
        add_lookup_avx2<kRegisters>(row_2, kTable.product, codes + 2 * codes_stride, weights_low, weights_high);
        add_lookup_avx2<kRegisters>(row_3, kTable.product, codes + 3 * codes_stride, weights_low, weights_high);
        panel += kGemmPiece;
        ++codes;
      } while (codes != end_codes);
      const bool is_first = left == end - begin;
      widen_lookup_avx2<kRegisters>(row_0, is_first, wide);
      widen_lookup_avx2<kRegisters>(row_1, is_first, wide + 2 * kRegisters);
      widen_lookup_avx2<kRegisters>(row_2, is_first, wide + 4 * kRegisters);
      widen_lookup_avx2<kRegisters>(row_3, is_first, wide + 6 * kRegisters);
    }
    if (g.is_narrow) return store_narrow_avx2<kRegisters>(g);
    for (int i = 0; i < kAccs; ++i)
      store_sums_avx2(narrow_sums_avx2(wide + 2 * i), begin == 0,
                      g.sums + i / kRegisters * g.sums_stride + i % kRegisters * 32);
    begin = end;
  } while (begin < num_steps);
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
