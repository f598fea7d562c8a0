// Sums of rows of 1 bit in slices, AVX2: three registers become two by five operations.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>

#include "../epilogue/thresholds.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
#include "slices.h"

namespace smoothbit {
namespace {

struct BitsAvx2 {
  using Vector = __m256i;
  static SMOOTHBIT_INLINE __m256i repeat(int x) { return _mm256_set1_epi32(x); }
  static SMOOTHBIT_INLINE __m256i subtract(__m256i a, __m256i b) { return _mm256_sub_epi32(a, b); }
  static SMOOTHBIT_INLINE __m256i bit(__m256i x, int i) { return _mm256_and_si256(_mm256_srli_epi32(x, i), repeat(1)); }
  static SMOOTHBIT_INLINE __m256i parity(__m256i a, __m256i b, __m256i c) { return a ^ b ^ c; }
  static SMOOTHBIT_INLINE __m256i majority(__m256i a, __m256i b, __m256i c) { return a ^ ((a ^ b) & (a ^ c)); }
  template <int kDistance>
  static SMOOTHBIT_INLINE __m256i move(__m256i x) {
    static_assert(kDistance == 1, "two parts");
    return _mm256_permute2x128_si256(x, x, 1);
  }
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
