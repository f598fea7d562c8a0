// The vectors of interleaved.h, AVX-512.
#pragma once

#include "planes_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

struct BytesAvx512 {
  using Integers = __m512i;
  using Floats = __m512;
  static constexpr int kBytes = 64;

  class Sums {
   public:
    static constexpr int64_t kMaxRows = PlanesAvx512<8>::kMaxRows;
    SMOOTHBIT_INLINE void start() { planes_.start(); }
    SMOOTHBIT_INLINE void add_row(__m512i x) { planes_.add_row(x); }
    SMOOTHBIT_INLINE void split(__m512i planes[2]) {
      planes_.split();
      planes[0] = planes_.plane[0];
      planes[1] = planes_.plane[1];
    }

   private:
    PlanesAvx512<8> planes_;
  };

  static SMOOTHBIT_INLINE __m512i load(const void* from) { return _mm512_loadu_si512(from); }
  // The same, once: gcc 12 else reads it again in each of the operations that take it.
  static SMOOTHBIT_INLINE __m512i load_once(const void* from) {
    __m512i x = load(from);
#if !defined(SMOOTHBIT_EMULATE)
    asm("" : "+v"(x));
#endif
    return x;
  }
  static SMOOTHBIT_INLINE void store(void* to, __m512i x) { _mm512_storeu_si512(to, x); }
  static SMOOTHBIT_INLINE __m512i both(__m512i a, __m512i b) { return _mm512_and_si512(a, b); }

  static SMOOTHBIT_INLINE __m512 all(float value) { return _mm512_set1_ps(value); }
  static SMOOTHBIT_INLINE __m512i all_words(int value) { return _mm512_set1_epi16(static_cast<int16_t>(value)); }
  static SMOOTHBIT_INLINE __m512 floats(__m512i x) { return _mm512_cvtepi32_ps(x); }
  static SMOOTHBIT_INLINE __m512i integers(__m512 x) { return _mm512_cvtps_epi32(x); }
  static SMOOTHBIT_INLINE __m512 mul(__m512 a, __m512 b) { return _mm512_mul_ps(a, b); }
  static SMOOTHBIT_INLINE __m512 add(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }
  static SMOOTHBIT_INLINE __m512 min(__m512 a, __m512 b) { return _mm512_min_ps(a, b); }

  // Vector v of sums in planes, and of packed codes.
  template <int v>
  static SMOOTHBIT_INLINE __m512i field(const __m512i planes[2]) {
    if constexpr (v % 2) return _mm512_srli_epi32(planes[v / 2], 16);
    else return _mm512_and_si512(planes[v / 2], _mm512_set1_epi32(0xffff));
  }
  template <int v>
  static SMOOTHBIT_INLINE __m512i byte(__m512i codes) {
    constexpr char b = v % 2 * 2 + v / 2, z = -1;
    if constexpr (b == 0) return _mm512_and_si512(codes, _mm512_set1_epi32(255));
    else if constexpr (b == 3) return _mm512_srli_epi32(codes, 24);
    else return _mm512_shuffle_epi8(codes, _mm512_broadcast_i32x4(_mm_setr_epi8(
                 b, z, z, z, 4 + b, z, z, z, 8 + b, z, z, z, 12 + b, z, z, z)));
  }
  // Four vectors of codes less the zero point; `zero_points` has it in every word.
  static SMOOTHBIT_INLINE __m512i join(const __m512i codes[4], __m512i zero_points) {
    const __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(codes[0], codes[2]), zero_points);
    const __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(codes[1], codes[3]), zero_points);
    // Byte b of four dwords beside each other, to their places.
    const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    return _mm512_shuffle_epi8(_mm512_packus_epi16(low, high), order);
  }
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
