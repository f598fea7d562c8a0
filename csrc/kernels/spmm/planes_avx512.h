// Sums of gathered rows in planes, in 64-byte registers: as planes_avx2.h has them, for rows of 16, 32 or 64 bytes.
//
// A register holds kParts = 4, 2 or 1 rows; which rows they are is the list's matter. Fields widen as late as their
// bound allows: at 2 bits five rows fit nibbles, at 8 bits 257 fit the 16-bit lanes of even and odd bytes.
#pragma once

#include <cstdint>

#include "../epilogue/avx512_intrinsics.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m512i bytes_avx512(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
// Shifts of bytes by way of 16-bit lanes; `mask` removes what came from the neighbour.
template <int kShift>
SMOOTHBIT_INLINE __m512i shift_right_avx512(__m512i x, int mask) {
  return _mm512_and_si512(_mm512_srli_epi16(x, kShift), bytes_avx512(mask));
}
template <int kShift>
SMOOTHBIT_INLINE __m512i shift_left_avx512(__m512i x) {
  return _mm512_and_si512(_mm512_slli_epi16(x, kShift), bytes_avx512(0xff << kShift));
}

// Bits of `a` where the mask has them, else of `b`.
SMOOTHBIT_INLINE __m512i select_avx512(__m512i mask, __m512i a, __m512i b) {
  return _mm512_ternarylogic_epi32(mask, a, b, 0xca);
}

// Byte planes of kBits-bit rows; at 8 bits planes are the even and the odd bytes, in 16-bit lanes. `plane` is valid
// after split(). Lists have x(0) .. x(count - 1).
template <int kBits>
struct PlanesAvx512;

template <>
struct PlanesAvx512<2> {
  static constexpr int kPlanes = 4;
  static constexpr int kGroup = 5;
  static constexpr int64_t kMaxRows = 85;
  __m512i plane[kPlanes];  // 0, 1: with 16 times plane 2, 3, modulo 256, until split

  SMOOTHBIT_INLINE void start(int bias = 0) {
    plane[2] = plane[3] = bytes_avx512(bias);
    plane[0] = plane[1] = bytes_avx512(bias + 16 * bias);
  }
  static SMOOTHBIT_INLINE __m512i odd_fields(__m512i x) { return shift_right_avx512<2>(x, 0x33); }
  // Sums of at most five registers, and of their odd fields.
  SMOOTHBIT_INLINE void add_group(__m512i sum, __m512i odd) {
    const __m512i even = _mm512_sub_epi8(sum, shift_left_avx512<2>(odd));
    plane[0] = _mm512_add_epi8(plane[0], even);
    plane[1] = _mm512_add_epi8(plane[1], odd);
    plane[2] = _mm512_add_epi8(plane[2], shift_right_avx512<4>(even, 0x0f));
    plane[3] = _mm512_add_epi8(plane[3], shift_right_avx512<4>(odd, 0x0f));
  }
  template <class List>
  SMOOTHBIT_INLINE void add(const List& list) {
    __m512i sum = list.first(), odd = odd_fields(sum);
    for (int64_t i = 1, stop = kGroup;; stop += kGroup) {
      for (const int64_t end = stop < list.count ? stop : list.count; i < end; ++i) {
        const __m512i x = list.x(i);
        sum = _mm512_add_epi8(sum, x);
        odd = _mm512_add_epi8(odd, odd_fields(x));
      }
      add_group(sum, odd);
      if (i >= list.count) break;
      sum = odd = _mm512_setzero_si512();
    }
  }
  SMOOTHBIT_INLINE void split() {
    plane[0] = _mm512_sub_epi8(plane[0], shift_left_avx512<4>(plane[2]));
    plane[1] = _mm512_sub_epi8(plane[1], shift_left_avx512<4>(plane[3]));
  }
};

template <>
struct PlanesAvx512<4> {
  static constexpr int kPlanes = 2;
  static constexpr int64_t kMaxRows = 17;
  __m512i plane[kPlanes];

  SMOOTHBIT_INLINE void start(int bias = 0) {
    plane[1] = bytes_avx512(bias);
    plane[0] = bytes_avx512(bias + 16 * bias);
  }
  SMOOTHBIT_INLINE void add_row(__m512i x) {
    plane[0] = _mm512_add_epi8(plane[0], x);
    plane[1] = _mm512_add_epi8(plane[1], shift_right_avx512<4>(x, 0x0f));
  }
  template <class List>
  SMOOTHBIT_INLINE void add(const List& list) {
    add_row(list.first());
    for (int64_t i = 1; i < list.count; ++i) add_row(list.x(i));
  }
  SMOOTHBIT_INLINE void split() { plane[0] = _mm512_sub_epi8(plane[0], shift_left_avx512<4>(plane[1])); }
};

template <>
struct PlanesAvx512<8> {
  static constexpr int kPlanes = 2;
  static constexpr int64_t kMaxRows = 257;
  __m512i plane[kPlanes];

  SMOOTHBIT_INLINE void start() { plane[0] = plane[1] = _mm512_setzero_si512(); }
  SMOOTHBIT_INLINE void add_row(__m512i x) {
    plane[0] = _mm512_add_epi16(plane[0], x);
    plane[1] = _mm512_add_epi16(plane[1], _mm512_srli_epi16(x, 8));
  }
  template <class List>
  SMOOTHBIT_INLINE void add(const List& list) {
    add_row(list.first());
    for (int64_t i = 1; i < list.count; ++i) add_row(list.x(i));
  }
  SMOOTHBIT_INLINE void split() { plane[0] = _mm512_sub_epi16(plane[0], _mm512_slli_epi16(plane[1], 8)); }
};

template <int kBits>
SMOOTHBIT_INLINE __m512i add_planes_avx512(__m512i a, __m512i b) {
  return kBits == 8 ? _mm512_add_epi16(a, b) : _mm512_add_epi8(a, b);
}

// The two halves of a register each: | sum of the halves of b | sum of the halves of a |
template <int kBits>
SMOOTHBIT_INLINE __m512i join_halves_avx512(__m512i a, __m512i b) {
  return add_planes_avx512<kBits>(_mm512_shuffle_i64x2(a, b, 0x44), _mm512_shuffle_i64x2(a, b, 0xee));
}

// One row that lies in kParts parts of its planes: afterwards part p of total[j] is the sum of the parts of plane
// kParts * j + p.
template <int kBits, int kParts>
SMOOTHBIT_INLINE void join_parts_avx512(const PlanesAvx512<kBits>& sums, __m512i* total) {
  static_assert(kParts == 1 || kParts == 2 || (kParts == 4 && kBits == 2), "whole registers");
  const __m512i* plane = sums.plane;
  if constexpr (kParts == 1) {
    total[0] = plane[0];
    total[1] = plane[1];
    if constexpr (kBits == 2) {
      total[2] = plane[2];
      total[3] = plane[3];
    }
  } else {
    total[0] = join_halves_avx512<kBits>(plane[0], plane[1]);
    if constexpr (kBits == 2) {
      const __m512i upper = join_halves_avx512<kBits>(plane[2], plane[3]);
      if constexpr (kParts == 2) {
        total[1] = upper;
      } else {
        total[0] = _mm512_add_epi8(_mm512_shuffle_i64x2(total[0], upper, 0x88),
                                   _mm512_shuffle_i64x2(total[0], upper, 0xdd));
      }
    }
  }
}

// kParts rows, of which row p lies in part p of all planes: afterwards totals[p] is what join_parts_avx512 gives.
template <int kBits, int kParts>
SMOOTHBIT_INLINE void split_rows_avx512(const PlanesAvx512<kBits>& sums,
                                         __m512i (*totals)[PlanesAvx512<kBits>::kPlanes / kParts]) {
  static_assert(kParts == 2 || (kParts == 4 && kBits == 2), "more than one row");
  const __m512i* plane = sums.plane;
  const __m512i low = _mm512_shuffle_i64x2(plane[0], plane[1], 0x44);
  const __m512i high = _mm512_shuffle_i64x2(plane[0], plane[1], 0xee);
  if constexpr (kBits == 2) {
    const __m512i next_low = _mm512_shuffle_i64x2(plane[2], plane[3], 0x44);
    const __m512i next_high = _mm512_shuffle_i64x2(plane[2], plane[3], 0xee);
    if constexpr (kParts == 4) {
      totals[0][0] = _mm512_shuffle_i64x2(low, next_low, 0x88);
      totals[1][0] = _mm512_shuffle_i64x2(low, next_low, 0xdd);
      totals[2][0] = _mm512_shuffle_i64x2(high, next_high, 0x88);
      totals[3][0] = _mm512_shuffle_i64x2(high, next_high, 0xdd);
      return;
    }
    totals[0][1] = next_low;
    totals[1][1] = next_high;
  }
  totals[0][0] = low;
  totals[1][0] = high;
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
