// AVX-512 on a machine without it: SIMDe under the native names, plus what SIMDe 0.7.4 lacks, written
// lane by lane from Intel's description of each instruction. Tests only.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#undef _mm512_madd_epi16  // SIMDe 0.7.4 gives it the arguments of the masked form
#ifndef _MM_FROUND_NO_EXC
#define _MM_FROUND_NO_EXC SIMDE_MM_FROUND_NO_EXC
#endif

using __mmask8 = simde__mmask8;
using __mmask16 = simde__mmask16;
using __mmask32 = simde__mmask32;
using __mmask64 = simde__mmask64;

namespace emulated {

template <class Lane, class Register>
struct Lanes {
  static constexpr int kCount = sizeof(Register) / sizeof(Lane);
  Lane lane[kCount];
  Lanes() : lane{} {}
  explicit Lanes(const Register& value) { std::memcpy(lane, &value, sizeof value); }
  Register value() const {
    Register result;
    std::memcpy(&result, lane, sizeof result);
    return result;
  }
};

// Each lane of `To` from the lane of `from` with the same number.
template <class To, class ToRegister, class From, class FromRegister>
ToRegister convert(FromRegister from) {
  const Lanes<From, FromRegister> source(from);
  Lanes<To, ToRegister> result;
  for (int i = 0; i < result.kCount; ++i) result.lane[i] = static_cast<To>(source.lane[i]);
  return result.value();
}

// A bit for each lane in which a and b differ.
template <class Lane>
uint64_t differences(__m512i a, __m512i b) {
  const Lanes<Lane, __m512i> x(a), y(b);
  uint64_t mask = 0;
  for (int i = 0; i < x.kCount; ++i) mask |= uint64_t{x.lane[i] != y.lane[i]} << i;
  return mask;
}

// Touches only the lanes under the mask, as the instruction does: a guard page behind them stays untouched.
template <class Lane, class Register>
Register masked_load(uint64_t mask, const void* from) {
  Lanes<Lane, Register> result;
  for (int i = 0; i < result.kCount; ++i)
    if (mask >> i & 1) std::memcpy(&result.lane[i], static_cast<const Lane*>(from) + i, sizeof(Lane));
  return result.value();
}

template <class Lane, class Register>
void masked_store(void* to, uint64_t mask, Register value) {
  const Lanes<Lane, Register> source(value);
  for (int i = 0; i < source.kCount; ++i)
    if (mask >> i & 1) std::memcpy(static_cast<Lane*>(to) + i, &source.lane[i], sizeof(Lane));
}

}  // namespace emulated

inline __m512i _mm512_madd_epi16(__m512i a, __m512i b) {
  const emulated::Lanes<int16_t, __m512i> x(a), y(b);
  emulated::Lanes<int32_t, __m512i> result;
  for (int i = 0; i < 16; ++i)
    result.lane[i] = x.lane[2 * i] * y.lane[2 * i] + x.lane[2 * i + 1] * y.lane[2 * i + 1];
  return result.value();
}

inline __mmask64 _mm512_cmpneq_epi8_mask(__m512i a, __m512i b) { return emulated::differences<int8_t>(a, b); }
inline __mmask8 _mm512_cmpneq_epi64_mask(__m512i a, __m512i b) {
  return static_cast<__mmask8>(emulated::differences<int64_t>(a, b));
}

// 128-bit parts: two of a, then two of b.
inline __m512i _mm512_shuffle_i64x2(__m512i a, __m512i b, int parts) {
  const emulated::Lanes<int64_t, __m512i> x(a), y(b);
  emulated::Lanes<int64_t, __m512i> result;
  for (int i = 0; i < 8; ++i) result.lane[i] = (i < 4 ? x : y).lane[2 * (parts >> (i / 2 * 2) & 3) + i % 2];
  return result.value();
}

// Rounds half to even, as the default mode of MXCSR does; NaN and what int32 has not become the least integer.
inline __m512i _mm512_cvtps_epi32(__m512 a) {
  const emulated::Lanes<float, __m512> source(a);
  emulated::Lanes<int32_t, __m512i> result;
  for (int i = 0; i < 16; ++i) {
    const float rounded = std::nearbyint(source.lane[i]);
    const bool fits = rounded >= -0x1p31f && rounded < 0x1p31f;
    result.lane[i] = fits ? static_cast<int32_t>(rounded) : INT32_MIN;
  }
  return result.value();
}
inline __m128i _mm512_cvtepi32_epi8(__m512i a) { return emulated::convert<int8_t, __m128i, int32_t>(a); }
inline __m256i _mm512_cvtepi32_epi16(__m512i a) { return emulated::convert<int16_t, __m256i, int32_t>(a); }
inline __m512i _mm512_cvtepu8_epi32(__m128i a) { return emulated::convert<int32_t, __m512i, uint8_t>(a); }
inline __m512i _mm512_cvtepu16_epi32(__m256i a) { return emulated::convert<int32_t, __m512i, uint16_t>(a); }
inline __m512 _mm512_cvtepi32_ps(__m512i a) { return emulated::convert<float, __m512, int32_t>(a); }
inline __m512i _mm512_cvttps_epi32(__m512 a) { return emulated::convert<int32_t, __m512i, float>(a); }

inline __m512i _mm512_zextsi256_si512(__m256i a) {
  emulated::Lanes<int32_t, __m512i> result;
  std::memcpy(result.lane, &a, sizeof a);
  return result.value();
}

inline __m512 _mm512_mask_i32gather_ps(__m512 others, __mmask16 mask, __m512i places, const void* from, int scale) {
  const emulated::Lanes<int32_t, __m512i> place(places);
  emulated::Lanes<float, __m512> result(others);
  for (int i = 0; i < 16; ++i)
    if (mask >> i & 1)
      std::memcpy(&result.lane[i], static_cast<const char*>(from) + int64_t{place.lane[i]} * scale, sizeof(float));
  return result.value();
}

inline __m128i _mm_maskz_loadu_epi8(__mmask16 mask, const void* from) {
  return emulated::masked_load<int8_t, __m128i>(mask, from);
}
inline __m256i _mm256_maskz_loadu_epi8(__mmask32 mask, const void* from) {
  return emulated::masked_load<int8_t, __m256i>(mask, from);
}
inline __m512i _mm512_maskz_loadu_epi8(__mmask64 mask, const void* from) {
  return emulated::masked_load<int8_t, __m512i>(mask, from);
}
inline __m512i _mm512_maskz_loadu_epi32(__mmask16 mask, const void* from) {
  return emulated::masked_load<int32_t, __m512i>(mask, from);
}
inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void* from) {
  return emulated::masked_load<float, __m512>(mask, from);
}
inline __m512 _mm512_mask_loadu_ps(__m512 others, __mmask16 mask, const void* from) {
  return _mm512_mask_mov_ps(others, mask, _mm512_maskz_loadu_ps(mask, from));
}
inline void _mm_mask_storeu_epi8(void* to, __mmask16 mask, __m128i value) {
  emulated::masked_store<int8_t>(to, mask, value);
}
inline void _mm512_mask_storeu_epi8(void* to, __mmask64 mask, __m512i value) {
  emulated::masked_store<int8_t>(to, mask, value);
}
inline void _mm512_mask_storeu_ps(void* to, __mmask16 mask, __m512 value) {
  emulated::masked_store<float>(to, mask, value);
}
