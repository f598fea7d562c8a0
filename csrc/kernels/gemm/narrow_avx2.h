// Sums of lookups in 16 bits, AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "../target.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m256i load_avx2(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
SMOOTHBIT_INLINE void store_avx2(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }

// Sums of 32 channels: lane i of `even` is that of channel 2i, lane i of `odd` that of channel 2i + 1.
struct NarrowSumsAvx2 {
  __m256i even, odd;
};

// In the order of the channels, added to those of the depths before unless `is_first`.
SMOOTHBIT_INLINE void store_sums_avx2(const NarrowSumsAvx2& narrow, bool is_first, int32_t* sums) {
  // Channels 0-7 and 16-23, 8-15 and 24-31.
  const __m256i low = _mm256_unpacklo_epi16(narrow.even, narrow.odd);
  const __m256i high = _mm256_unpackhi_epi16(narrow.even, narrow.odd);
  const __m128i eights[4] = {_mm256_castsi256_si128(low), _mm256_castsi256_si128(high),
                             _mm256_extracti128_si256(low, 1), _mm256_extracti128_si256(high, 1)};
  for (int i = 0; i < 4; ++i) {
    const __m256i sums_i32x8 = _mm256_cvtepu16_epi32(eights[i]);
    store_avx2(sums + 8 * i, is_first ? sums_i32x8 : _mm256_add_epi32(sums_i32x8, load_avx2(sums + 8 * i)));
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
