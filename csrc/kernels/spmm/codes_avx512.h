// What becomes of plane sums that have a table, in 64-byte registers of 2- and 4-bit rows: packed codes.
#pragma once

#include "search_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

// Codes of the terms, `kTerms` registers of packed codes, at the bit that `shift` brings down.
template <int kBits, int kTerms, class Shift>
SMOOTHBIT_INLINE __m512i term_index(const __m512i terms[2], const Shift& shift) {
  const __m512i mask = bytes_avx512((1 << kBits) - 1);
  if constexpr (kTerms == 0) return _mm512_setzero_si512();
  const __m512i first = _mm512_and_si512(shift(terms[0]), mask);
  if constexpr (kTerms < 2) return first;
  const __m512i second = _mm512_and_si512(shift(terms[1]), mask);
  return _mm512_or_si512(first, _mm512_slli_epi16(second, kBits));
}

// Shifts of 16-bit lanes.
template <int kShift>
struct ShiftRight {
  SMOOTHBIT_INLINE __m512i operator()(__m512i x) const { return _mm512_srli_epi16(x, kShift); }
};
struct ShiftRightBy {
  __m512i counts;
  SMOOTHBIT_INLINE __m512i operator()(__m512i x) const { return _mm512_srlv_epi16(x, counts); }
};

// Totals of one row -> packed output codes of every part, from register j on.
template <int kBits, int kTerms, int kParts, int j = 0>
SMOOTHBIT_INLINE __m512i pack_totals(const Search<kBits>& search, const Parts<kBits, kParts>& parts,
                                     const __m512i* totals, const __m512i terms[2]) {
  const __m512i index = term_index<kBits, kTerms>(terms, ShiftRightBy{parts.shift[j]});
  const __m512i sums = _mm512_sub_epi8(totals[j], bytes_avx512(ThresholdTable::kBias));
  const __m512i codes = search.codes(sums, index, parts.unit[j]);
  if constexpr (j + 1 == kTotals<kBits, kParts>) {
    return codes;
  } else {
    const __m512i next = pack_totals<kBits, kTerms, kParts, j + 1>(search, parts, totals, terms);
    return _mm512_or_si512(codes, next);
  }
}

// Plane sums of kParts rows -> packed output codes, from plane k on.
template <int kBits, int kTerms, int k = 0, class Codes>
SMOOTHBIT_INLINE __m512i pack_planes(const Codes& search, const __m512i* planes, const __m512i terms[2]) {
  const __m512i index = term_index<kBits, kTerms>(terms, ShiftRight<k * kBits>());
  const __m512i codes = search.codes(planes[k], index, bytes_avx512(1 << (k * kBits)));
  if constexpr (k + 1 == 8 / kBits) {
    return codes;
  } else {
    const __m512i next = pack_planes<kBits, kTerms, k + 1>(search, planes, terms);
    return _mm512_or_si512(codes, next);
  }
}

// What becomes of the entries of neighbours and the codes of their terms: packed output codes.
template <int kBits, int kTerms, class Codes = Search<kBits>>
struct SearchPlanes {
  const Codes search;
  template <class List>
  SMOOTHBIT_INLINE __m512i operator()(const List& list, const __m512i* terms) const {
    PlanesAvx512<kBits> sums;
    sums.start(-ThresholdTable::kBias);
    sums.add(list);
    sums.split();
    return pack_planes<kBits, kTerms>(search, sums.plane, terms);
  }
};
template <int kTerms>
struct LookUpPlanes {
  const Direct direct;
  template <class List>
  SMOOTHBIT_INLINE __m512i operator()(const List& list, const __m512i* terms) const {
    PlanesAvx512<2> sums;
    sums.start();
    sums.add(list);
    sums.split();
    return direct.codes(sums.plane, kTerms ? terms[0] : _mm512_setzero_si512());
  }
};
template <int kTerms>
struct LookUpNibbles {
  const Nibbles nibbles;
  template <class List>
  SMOOTHBIT_INLINE __m512i operator()(const List& list, const __m512i* terms) const {
    __m512i sum = list.first(), odd = PlanesAvx512<2>::odd_fields(sum);
    for (int64_t i = 1; i < list.count; ++i) {
      const __m512i x = list.x(i);
      sum = _mm512_add_epi8(sum, x);
      odd = _mm512_add_epi8(odd, PlanesAvx512<2>::odd_fields(x));
    }
    return nibbles.pack(sum, odd, kTerms ? terms[0] : _mm512_setzero_si512());
  }
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
