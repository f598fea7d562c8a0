// Sums of 1- and 2-bit rows in byte planes, AVX2.
//
// Byte j of a row holds channels j*p .. j*p + p - 1 (p = 8 / b); plane k holds, in byte j, the sum of channel
// j*p + k. Fields are widened as late as their bound allows, for all of a group of rows at once:
//
//     2 bits   x         | c3 | c2 | c1 | c0 |       five rows fit nibbles: 5 * 3 = 15
//              odd       |    c3   |    c1   |       sum of (x >> 2) & 0x33
//              even      |    c2   |    c0   |       sum of x, minus 4 odd, modulo 256
//     1 bit    the same one level below: three rows fit pairs of bits, 3 * 1 = 3
//
// A group of five 2-bit rows costs 29 operations, 5.8 for each row; shift, mask and add for each plane and
// row would be 12, and 10 without the masks that modular sums save. Recursions instead of loops: gcc 12 unrolls
// loops too late to keep their registers out of memory.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "../target.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m256i bytes_avx2(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
// Shifts of bytes by way of 16-bit lanes; `mask` removes what came from the neighbour.
template <int kShift>
SMOOTHBIT_INLINE __m256i shift_right_avx2(__m256i x, int mask) {
  return _mm256_and_si256(_mm256_srli_epi16(x, kShift), bytes_avx2(mask));
}
template <int kShift>
SMOOTHBIT_INLINE __m256i shift_left_avx2(__m256i x) {
  return _mm256_and_si256(_mm256_slli_epi16(x, kShift), bytes_avx2(0xff << kShift));
}

SMOOTHBIT_INLINE __m256i add_halves_avx2(__m256i x, __m256i y) {
  return _mm256_add_epi8(_mm256_permute2x128_si256(x, y, 0x20), _mm256_permute2x128_si256(x, y, 0x31));
}

// Sums of `kRows` registers x(0) .. of fields of kBits, split into fields of twice the width.
template <int kBits, int kRows, class Load>
SMOOTHBIT_INLINE void add_narrow(const Load& x, __m256i& even, __m256i& odd) {
  constexpr int kMask = kBits == 1 ? 0x55 : 0x33;
  const __m256i last = x(kRows - 1);
  const __m256i last_odd = shift_right_avx2<kBits>(last, kMask);
  if constexpr (kRows == 1) {
    even = last;
    odd = last_odd;
  } else {
    add_narrow<kBits, kRows - 1>(x, even, odd);
    even = _mm256_add_epi8(even, last);
    odd = _mm256_add_epi8(odd, last_odd);
  }
}
template <int kBits, int kRows, class Load>
SMOOTHBIT_INLINE void sum_group(const Load& x, __m256i& even, __m256i& odd) {
  add_narrow<kBits, kRows>(x, even, odd);
  even = _mm256_sub_epi8(even, shift_left_avx2<kBits>(odd));
}

// Four byte planes of 2-bit fields: even planes from `even` nibbles, odd ones from `odd`.
struct QuarterPlanes {
  __m256i low[2];   // sum of nibbles pairs modulo 256: plane + 16 * high
  __m256i high[2];

  // Every plane starts at `bias` in each lane.
  SMOOTHBIT_INLINE void start(__m256i bias) {
    for (int i = 0; i < 2; ++i) {
      high[i] = bias;
      low[i] = _mm256_add_epi8(bias, shift_left_avx2<4>(bias));
    }
  }
  SMOOTHBIT_INLINE void add_nibbles(__m256i even, __m256i odd) {
    low[0] = _mm256_add_epi8(low[0], even);
    high[0] = _mm256_add_epi8(high[0], shift_right_avx2<4>(even, 0x0f));
    low[1] = _mm256_add_epi8(low[1], odd);
    high[1] = _mm256_add_epi8(high[1], shift_right_avx2<4>(odd, 0x0f));
  }
  // The low half keeps the sum of both its halves, the high half gets that of `other`.
  SMOOTHBIT_INLINE void join_halves(const QuarterPlanes& other) {
    for (int i = 0; i < 2; ++i) {
      low[i] = add_halves_avx2(low[i], other.low[i]);
      high[i] = add_halves_avx2(high[i], other.high[i]);
    }
  }
  SMOOTHBIT_INLINE void split(__m256i planes[4], int step) const {
    for (int i = 0; i < 2; ++i) {
      planes[i * step] = _mm256_sub_epi8(low[i], shift_left_avx2<4>(high[i]));
      planes[(i + 2) * step] = high[i];
    }
  }
};

// Byte planes of one register of rows, and how rows are added to them.
template <int kBits>
class PlaneSums;

template <>
class PlaneSums<2> {
 public:
  static constexpr int kPlanes = 4;
  static constexpr int kGroup = 5;

  SMOOTHBIT_INLINE void start(__m256i bias = _mm256_setzero_si256()) { sums_.start(bias); }
  template <int kRows, class Load>
  SMOOTHBIT_INLINE void add(const Load& x) {
    __m256i even, odd;
    sum_group<2, kRows>(x, even, odd);
    sums_.add_nibbles(even, odd);
  }
  SMOOTHBIT_INLINE void join_halves(const PlaneSums& other) { sums_.join_halves(other.sums_); }
  SMOOTHBIT_INLINE void split(__m256i planes[kPlanes]) const { sums_.split(planes, 1); }

 private:
  QuarterPlanes sums_;
};

template <>
class PlaneSums<1> {
 public:
  static constexpr int kPlanes = 8;
  static constexpr int kGroup = 3;

  SMOOTHBIT_INLINE void start(__m256i bias = _mm256_setzero_si256()) {
    sums_[0].start(bias);
    sums_[1].start(bias);
  }
  template <int kRows, class Load>
  SMOOTHBIT_INLINE void add(const Load& x) {
    __m256i pairs[2];
    sum_group<1, kRows>(x, pairs[0], pairs[1]);
    for (int i = 0; i < 2; ++i) {
      __m256i even, odd;
      sum_group<2, 1>([&](int) { return pairs[i]; }, even, odd);
      sums_[i].add_nibbles(even, odd);
    }
  }
  SMOOTHBIT_INLINE void join_halves(const PlaneSums& other) {
    sums_[0].join_halves(other.sums_[0]);
    sums_[1].join_halves(other.sums_[1]);
  }
  SMOOTHBIT_INLINE void split(__m256i planes[kPlanes]) const {
    sums_[0].split(planes, 2);
    sums_[1].split(planes + 1, 2);
  }

 private:
  QuarterPlanes sums_[2];
};

// The same sums with fewer operations for each row of registers and more for each register: S_k = the sum of
// x >> (k*b) in each byte, modulo 256, so plane_k = S_k - 2^b S_{k+1}. For rows of unknown length, where a
// second loop for the rest of a group costs a mispredicted branch.
template <int kBits>
class RowSums {
 public:
  static constexpr int kPlanes = 8 / kBits;
  static constexpr int kGroup = 1;

  template <int k = kPlanes - 1>
  SMOOTHBIT_INLINE void start(__m256i bias = _mm256_setzero_si256()) {
    sums_[k] = bias;
    if constexpr (k + 1 < kPlanes) sums_[k] = _mm256_add_epi8(sums_[k], shift_left_avx2<kBits>(sums_[k + 1]));
    if constexpr (k > 0) start<k - 1>(bias);
  }
  // A group of one, in the form of PlaneSums.
  template <int kRows, class Load>
  SMOOTHBIT_INLINE void add(const Load& x) {
    add_row(x(0));
  }
  template <int k = 0>
  SMOOTHBIT_INLINE void add_row(__m256i x) {
    sums_[k] = _mm256_add_epi8(sums_[k], k == 0 ? x : shift_right_avx2<k * kBits>(x, 0xff >> (k * kBits)));
    if constexpr (k + 1 < kPlanes) add_row<k + 1>(x);
  }
  template <int k = 0>
  SMOOTHBIT_INLINE void join_halves(const RowSums& other) {
    sums_[k] = add_halves_avx2(sums_[k], other.sums_[k]);
    if constexpr (k + 1 < kPlanes) join_halves<k + 1>(other);
  }
  template <int k = 0>
  SMOOTHBIT_INLINE void split(__m256i planes[kPlanes]) const {
    planes[k] = sums_[k];
    if constexpr (k + 1 < kPlanes) {
      planes[k] = _mm256_sub_epi8(planes[k], shift_left_avx2<kBits>(sums_[k + 1]));
      split<k + 1>(planes);
    }
  }

 private:
  __m256i sums_[kPlanes];
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
