// Codes of byte sums that have a table (epilogue/thresholds.h), AVX-512 with VBMI: found in a search, or looked up.
#pragma once

#include "../epilogue/thresholds.h"
#include "rows_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

// Codes of 2 bits times `unit`: the threshold of the middle is looked up, then, `step` lanes on where that is reached, the
// one that is left: outer(index).
template <class Outer>
SMOOTHBIT_INLINE __m512i two_steps_avx512(__m512i sums, __m512i index, __m512i unit, __m512i middle, int step,
                                          const Outer& outer) {
  __mmask64 reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, middle));
  const __m512i code = _mm512_maskz_mov_epi8(reached, _mm512_add_epi8(unit, unit));
  index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(step));
  reached = _mm512_cmpgt_epi8_mask(sums, outer(index));
  return _mm512_mask_add_epi8(code, reached, code, unit);
}

// Thresholds in the order of a search: see ThresholdTable.
template <int kBits>
struct Search {
  __m512i level[kBits == 2 ? 2 : 5];

  SMOOTHBIT_INLINE explicit Search(const ThresholdTable& table) {
    level[0] = load_64(table.at);
    level[1] = load_64(table.at + 16);
    if constexpr (kBits == 4) {
      level[2] = load_64(table.at + 48);
      level[3] = load_64(table.at + 112);
      level[4] = load_64(table.at + 176);
    }
  }
  // Codes times `unit`, a power of two in each byte; `index`: codes of the terms.
  SMOOTHBIT_INLINE __m512i codes(__m512i sums, __m512i index, __m512i unit) const {
    if constexpr (kBits == 2) {
      return two_steps_avx512(sums, index, unit, level[0], ThresholdTable::kLanes,
                              [this](__m512i i) { return _mm512_permutexvar_epi8(i, level[1]); });
    } else {
      const __m512i two = _mm512_add_epi8(unit, unit), four = _mm512_add_epi8(two, two);
      __mmask64 reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[0]));
      __m512i code = _mm512_maskz_mov_epi8(reached, _mm512_add_epi8(four, four));
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(16));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[1]));
      code = _mm512_mask_add_epi8(code, reached, code, four);
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(32));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[2]));
      code = _mm512_mask_add_epi8(code, reached, code, two);
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(64));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutex2var_epi8(level[3], index, level[4]));
      return _mm512_mask_add_epi8(code, reached, code, unit);
    }
  }
};

// Constants of the parts of register j.
template <int kBits, int kParts>
struct Parts {
  __m512i shift[kTotals<kBits, kParts>];  // of 16-bit lanes: bits below the codes of the part's plane
  __m512i unit[kTotals<kBits, kParts>];   // 1 << shift in every byte
  Parts() {
    for (int j = 0; j < kTotals<kBits, kParts>; ++j) {
      alignas(64) uint16_t shifts[32];
      alignas(64) uint8_t units[64];
      for (int i = 0; i < 64; ++i) {
        const int plane = kParts * j + i / static_cast<int>(kPartBytes<kParts>);
        shifts[i / 2] = static_cast<uint16_t>(kBits * plane);
        units[i] = static_cast<uint8_t>(1 << (kBits * plane));
      }
      shift[j] = _mm512_load_si512(shifts);
      unit[j] = _mm512_load_si512(units);
    }
  }
};

// Rows so short that a sum and the code of a term make an index of 7 bits: the code of each, looked up at once.
struct Direct {
  static constexpr int64_t kMaxLength = 31 / 3;
  __m512i low[4], high[4];  // codes of plane k, in their place; lane | sum (5 bits) + 32 * code of the term

  SMOOTHBIT_INLINE explicit Direct(const Search<2>& search) {
    alignas(64) uint8_t lanes[64];
    for (int i = 0; i < 64; ++i) lanes[i] = static_cast<uint8_t>(i);
    const __m512i lane = load_64(lanes);
    const __m512i sums = _mm512_sub_epi8(_mm512_and_si512(lane, bytes_avx512(31)), bytes_avx512(ThresholdTable::kBias));
    const __m512i term = shift_right_avx512<5>(lane, 1), two = bytes_avx512(2);
    low[0] = search.codes(sums, term, bytes_avx512(1));
    high[0] = search.codes(sums, _mm512_or_si512(term, two), bytes_avx512(1));
    for (int k = 1; k < 4; ++k) {
      low[k] = _mm512_slli_epi16(low[k - 1], 2);
      high[k] = _mm512_slli_epi16(high[k - 1], 2);
    }
  }
  // Plane sums -> packed output codes; `terms` are packed codes, or zero.
  SMOOTHBIT_INLINE __m512i codes(const __m512i* planes, __m512i terms) const {
    const __m512i place = bytes_avx512(3 << 5);
    const __m512i first = code<0>(planes, _mm512_and_si512(_mm512_slli_epi16(terms, 5), place));
    const __m512i second = code<1>(planes, _mm512_and_si512(_mm512_slli_epi16(terms, 3), place));
    const __m512i third = code<2>(planes, _mm512_and_si512(_mm512_slli_epi16(terms, 1), place));
    const __m512i last = code<3>(planes, _mm512_and_si512(_mm512_srli_epi16(terms, 1), place));
    return _mm512_or_si512(_mm512_or_si512(first, second), _mm512_or_si512(third, last));
  }

 private:
  template <int k>
  SMOOTHBIT_INLINE __m512i code(const __m512i* planes, __m512i term) const {
    return _mm512_permutex2var_epi8(low[k], _mm512_or_si512(planes[k], term), high[k]);
  }
};

// Rows shorter still: sums never leave the nibbles that gathered rows are added in, and with the code of the term make
// an index of 6 bits. The bits above it, of whatever shifts have brought there, a permutation does not read.
struct Nibbles {
  static constexpr int64_t kMaxLength = 15 / 3;
  __m512i codes[4];  // of plane k, in their place; lane | sum (4 bits) + 16 * code of the term

  SMOOTHBIT_INLINE explicit Nibbles(const Search<2>& search) {
    alignas(64) uint8_t lanes[64];
    for (int i = 0; i < 64; ++i) lanes[i] = static_cast<uint8_t>(i);
    const __m512i lane = load_64(lanes);
    const __m512i sums = _mm512_sub_epi8(_mm512_and_si512(lane, bytes_avx512(15)), bytes_avx512(ThresholdTable::kBias));
    codes[0] = search.codes(sums, shift_right_avx512<4>(lane, 3), bytes_avx512(1));
    for (int k = 1; k < 4; ++k) codes[k] = _mm512_slli_epi16(codes[k - 1], 2);
  }
  // Sums of gathered rows, and of their odd fields (planes_avx512.h) -> packed output codes; `terms` are packed codes.
  SMOOTHBIT_INLINE __m512i pack(__m512i sum, __m512i odd, __m512i terms) const {
    const __m512i even = _mm512_sub_epi8(sum, shift_left_avx512<2>(odd));
    const __m512i first = code<0>(even, _mm512_slli_epi16(terms, 4));
    const __m512i second = code<1>(odd, _mm512_slli_epi16(terms, 2));
    const __m512i third = code<2>(_mm512_srli_epi16(even, 4), terms);
    const __m512i last = code<3>(_mm512_srli_epi16(odd, 4), _mm512_srli_epi16(terms, 2));
    return _mm512_or_si512(_mm512_or_si512(first, second), _mm512_or_si512(third, last));
  }

 private:
  template <int k>
  SMOOTHBIT_INLINE __m512i code(__m512i sums, __m512i term) const {
    return _mm512_permutexvar_epi8(select_avx512(bytes_avx512(15), sums, term), codes[k]);
  }
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
