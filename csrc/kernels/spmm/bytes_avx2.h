// The vectors of interleaved.h, AVX2.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "../target.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

struct BytesAvx2 {
  using Integers = __m256i;
  using Floats = __m256;
  static constexpr int kBytes = 32;

  class Sums {
   public:
    static constexpr int64_t kMaxRows = 257;
    SMOOTHBIT_INLINE void start() { all_ = odd_ = _mm256_setzero_si256(); }
    SMOOTHBIT_INLINE void add_row(__m256i x) {
      all_ = _mm256_add_epi16(all_, x);
      odd_ = _mm256_add_epi16(odd_, _mm256_srli_epi16(x, 8));
    }
    SMOOTHBIT_INLINE void split(__m256i planes[2]) const {
      planes[0] = _mm256_sub_epi16(all_, _mm256_slli_epi16(odd_, 8));
      planes[1] = odd_;
    }

   private:
    __m256i all_, odd_;
  };

  static SMOOTHBIT_INLINE __m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  // The same, once: gcc 12 else reads it again in each of the operations that take it.
  static SMOOTHBIT_INLINE __m256i load_once(const void* from) {
    __m256i x = load(from);
    asm("" : "+x"(x));
    return x;
  }
  static SMOOTHBIT_INLINE void store(void* to, __m256i x) { _mm256_storeu_si256(static_cast<__m256i*>(to), x); }
  static SMOOTHBIT_INLINE __m256i both(__m256i a, __m256i b) { return _mm256_and_si256(a, b); }

  static SMOOTHBIT_INLINE __m256 all(float value) { return _mm256_set1_ps(value); }
  static SMOOTHBIT_INLINE __m256i all_words(int value) { return _mm256_set1_epi16(static_cast<int16_t>(value)); }
  static SMOOTHBIT_INLINE __m256 floats(__m256i x) { return _mm256_cvtepi32_ps(x); }
  static SMOOTHBIT_INLINE __m256i integers(__m256 x) { return _mm256_cvtps_epi32(x); }
  static SMOOTHBIT_INLINE __m256 mul(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }
  static SMOOTHBIT_INLINE __m256 add(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
  static SMOOTHBIT_INLINE __m256 min(__m256 a, __m256 b) { return _mm256_min_ps(a, b); }

  // Vector v of sums in planes, and of packed codes.
  template <int v>
  static SMOOTHBIT_INLINE __m256i field(const __m256i planes[2]) {
    if constexpr (v % 2) return _mm256_srli_epi32(planes[v / 2], 16);
    else return _mm256_and_si256(planes[v / 2], _mm256_set1_epi32(0xffff));
  }
  template <int v>
  static SMOOTHBIT_INLINE __m256i byte(__m256i codes) {
    constexpr char b = v % 2 * 2 + v / 2, z = -1;
    if constexpr (b == 0) return _mm256_and_si256(codes, _mm256_set1_epi32(255));
    else if constexpr (b == 3) return _mm256_srli_epi32(codes, 24);
    else return _mm256_shuffle_epi8(codes, _mm256_broadcastsi128_si256(_mm_setr_epi8(
                 b, z, z, z, 4 + b, z, z, z, 8 + b, z, z, z, 12 + b, z, z, z)));
  }
  // Four vectors of codes less the zero point; `zero_points` has it in every word.
  static SMOOTHBIT_INLINE __m256i join(const __m256i codes[4], __m256i zero_points) {
    const __m256i low = _mm256_adds_epi16(_mm256_packs_epi32(codes[0], codes[2]), zero_points);
    const __m256i high = _mm256_adds_epi16(_mm256_packs_epi32(codes[1], codes[3]), zero_points);
    // Byte b of four dwords beside each other, to their places.
    const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    return _mm256_shuffle_epi8(_mm256_packus_epi16(low, high), order);
  }
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
