// Codes of rows of 4 bits by the law in words (epilogue/thresholds.h), AVX-512.
//
// Bytes of the planes (planes_avx512.h) widen to words of even and of odd bytes: after every 17 entries, or where the law is
// of bytes, by the shift that scales them. A lane of 16 bits
// has four channels, one in each of four registers; the code ends up in the upper four bits of its word:
//
//     register     even bytes, plane 0     even, plane 1     odd, plane 0     odd, plane 1
//     term code          bits 0 .. 3           4 .. 7           8 .. 11         12 .. 15
//     output code        bits 0 .. 3           4 .. 7           8 .. 11         12 .. 15
#pragma once

#include <algorithm>

#include "../epilogue/thresholds.h"
#include "rows_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

template <int kTerms, bool kIsOfBytes>
class WordPlanes {
 public:
  explicit WordPlanes(const WordLaw& law)
      : offsets_(_mm512_broadcast_i64x4(load_32(law.offset))), factor_(_mm512_set1_epi16(law.factor)),
        center_(law.center), start_(_mm512_set1_epi16(static_cast<int16_t>(-law.center))),
        least_(_mm512_set1_epi16(static_cast<int16_t>(law.least - law.center))),
        most_(_mm512_set1_epi16(static_cast<int16_t>(law.most - law.center))),
        shift_(_mm_cvtsi32_si128(law.shift)), shift_less_(_mm_cvtsi32_si128(law.shift - 8)) {}

  template <class List>
  SMOOTHBIT_INLINE __m512i operator()(const List& list, const __m512i* terms) const {
    __m512i sums[4];
    if constexpr (kIsOfBytes) {
      PlanesAvx512<4> planes;
      planes.start(-center_);
      planes.add(list);
      planes.split();
      const __m512i upper = _mm512_set1_epi16(static_cast<int16_t>(0xff00));
      for (int k = 0; k < 2; ++k) {
        sums[k] = _mm512_sll_epi16(planes.plane[k], shift_);
        sums[k + 2] = _mm512_sll_epi16(_mm512_and_si512(planes.plane[k], upper), shift_less_);
      }
    } else {
      sums[0] = sums[1] = sums[2] = sums[3] = start_;
      for (int64_t i = 0; i < list.count;) {
        PlanesAvx512<4> planes;
        planes.start();
        for (const int64_t end = std::min(i + PlanesAvx512<4>::kMaxRows, list.count); i < end; ++i)
          planes.add_row(list.x(i));
        planes.split();
        for (int k = 0; k < 2; ++k) {
          sums[k] = _mm512_add_epi16(sums[k], _mm512_and_si512(planes.plane[k], _mm512_set1_epi16(0xff)));
          sums[k + 2] = _mm512_add_epi16(sums[k + 2], _mm512_srli_epi16(planes.plane[k], 8));
        }
      }
      for (__m512i& sum : sums) {
        if constexpr (kTerms == 0) sum = _mm512_min_epi16(_mm512_max_epi16(sum, least_), most_);
        sum = _mm512_sll_epi16(sum, shift_);
      }
    }
    // A permutation reads five bits of an index, of which the fifth does not count.
    const __m512i codes = kTerms ? terms[0] : _mm512_setzero_si512();
    const __m512i even = join<4>(word(sums[0], codes), word(sums[1], _mm512_srli_epi16(codes, 4)));
    const __m512i odd = join<4>(word(sums[2], _mm512_srli_epi16(codes, 8)), word(sums[3], _mm512_srli_epi16(codes, 12)));
    return _mm512_xor_si512(join<8>(even, odd), bytes_avx512(0x88));
  }

 private:
  SMOOTHBIT_INLINE __m512i word(__m512i s, __m512i codes) const {
    const __m512i offset = kTerms ? _mm512_permutexvar_epi16(codes, offsets_) : offsets_;
    return _mm512_adds_epi16(_mm512_adds_epi16(s, offset), _mm512_mulhrs_epi16(s, factor_));
  }
  // The upper kBits of `low`, below those of `high`: in the upper 2 kBits.
  template <int kBits>
  static SMOOTHBIT_INLINE __m512i join(__m512i low, __m512i high) {
    return select_avx512(_mm512_set1_epi16(static_cast<int16_t>(0xffff << (16 - kBits))), high,
                         _mm512_srli_epi16(low, kBits));
  }

  __m512i offsets_, factor_;
  int center_;
  __m512i start_, least_, most_;  // sums less the center; the latter two without a term
  __m128i shift_, shift_less_;
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
