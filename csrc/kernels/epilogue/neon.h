// NEON (AArch64 baseline) epilogue of one row, in groups of 8 channels: two registers of 4 lanes.
//
// Codes travel as u32 in natural channel order. NEON fmax returns NaN for NaN, so clipping uses the
// "number" forms (fmaxnm), and ReLU a comparison, to give 0 as the other ISAs do.
#pragma once

#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>

#include "../bytes.h"
#include "../target.h"
#include "serial.h"
#include "smoothbit/epilogue.h"

namespace smoothbit {
namespace {

struct Octet {
  float32x4_t low, high;
};

struct CodeOctet {
  uint32x4_t low, high;
};

SMOOTHBIT_INLINE Octet load_octet_neon(const float* values) { return {vld1q_f32(values), vld1q_f32(values + 4)}; }
SMOOTHBIT_INLINE Octet splat_neon(float value) { return {vdupq_n_f32(value), vdupq_n_f32(value)}; }
SMOOTHBIT_INLINE Octet add_neon(Octet a, Octet b) { return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }
SMOOTHBIT_INLINE Octet mul_neon(Octet a, Octet b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
SMOOTHBIT_INLINE Octet round_neon(Octet a) { return {vrndnq_f32(a.low), vrndnq_f32(a.high)}; }

SMOOTHBIT_INLINE Octet clip_neon(Octet a, float high) {
  const float32x4_t zero = vdupq_n_f32(0.0f), top = vdupq_n_f32(high);
  return {vminq_f32(vmaxnmq_f32(a.low, zero), top), vminq_f32(vmaxnmq_f32(a.high, zero), top)};
}

SMOOTHBIT_INLINE Octet relu_neon(Octet a) {
  const float32x4_t zero = vdupq_n_f32(0.0f);
  return {vbslq_f32(vcgtq_f32(a.low, zero), a.low, zero), vbslq_f32(vcgtq_f32(a.high, zero), a.high, zero)};
}

// Eight codes from a word that holds them from bit 0 up.
template <int kBits>
SMOOTHBIT_INLINE CodeOctet spread_word_neon(uint64_t word) {
  if constexpr (kBits == 8) {
    const uint16x8_t codes = vmovl_u8(vcreate_u8(word));
    return {vmovl_u16(vget_low_u16(codes)), vmovl_u16(vget_high_u16(codes))};
  } else {
    const int32_t right[8] = {0, -kBits, -2 * kBits, -3 * kBits, -4 * kBits, -5 * kBits, -6 * kBits, -7 * kBits};
    const uint32x4_t copies = vdupq_n_u32(static_cast<uint32_t>(word));
    const uint32x4_t mask = vdupq_n_u32((1u << kBits) - 1);
    return {vandq_u32(vshlq_u32(copies, vld1q_s32(right)), mask),
            vandq_u32(vshlq_u32(copies, vld1q_s32(right + 4)), mask)};
  }
}

// Packs eight codes into a word; lanes do not overlap, so their sum is their union.
template <int kBits>
SMOOTHBIT_INLINE uint64_t gather_word_neon(CodeOctet codes) {
  if constexpr (kBits == 8) {
    const uint16x8_t codes_u16x8 = vcombine_u16(vmovn_u32(codes.low), vmovn_u32(codes.high));
    return vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(codes_u16x8)), 0);
  } else {
    const int32_t left[8] = {0, kBits, 2 * kBits, 3 * kBits, 4 * kBits, 5 * kBits, 6 * kBits, 7 * kBits};
    const uint32x4_t placed =
        vaddq_u32(vshlq_u32(codes.low, vld1q_s32(left)), vshlq_u32(codes.high, vld1q_s32(left + 4)));
    return vaddvq_u32(placed);
  }
}

SMOOTHBIT_INLINE Octet to_float_neon(CodeOctet codes) {
  return {vcvtq_f32_u32(codes.low), vcvtq_f32_u32(codes.high)};
}

SMOOTHBIT_INLINE Octet load_sums_neon(const int32_t* sums) {
  return {vcvtq_f32_s32(vld1q_s32(sums)), vcvtq_f32_s32(vld1q_s32(sums + 4))};
}
SMOOTHBIT_INLINE Octet load_sums_neon(const uint16_t* sums) {
  const uint16x8_t wide = vld1q_u16(sums);
  return to_float_neon({vmovl_u16(vget_low_u16(wide)), vmovl_u16(vget_high_u16(wide))});
}
SMOOTHBIT_INLINE Octet load_sums_neon(const uint8_t* sums) {
  const uint16x8_t wide = vmovl_u8(vld1_u8(sums));
  return to_float_neon({vmovl_u16(vget_low_u16(wide)), vmovl_u16(vget_high_u16(wide))});
}

SMOOTHBIT_INLINE Octet quantize_neon(Octet y, const Law& law, int64_t channel) {
  y = add_neon(mul_neon(y, load_octet_neon(law.inv_scale + channel)), load_octet_neon(law.phase + channel));
  y = clip_neon(add_neon(round_neon(y), load_octet_neon(law.zero_point + channel)), law.fine_qmax);
  if (!law.truncates) return y;
  y = mul_neon(add_neon(y, splat_neon(law.shift)), splat_neon(law.inv_divisor));
  return clip_neon(round_neon(y), law.qmax);
}

SMOOTHBIT_INLINE CodeOctet term_codes_neon(const Term& term, int64_t row, int64_t channel, int64_t count) {
  const uint8_t* bytes = static_cast<const uint8_t*>(term.data) + row * term.stride + channel * term.num_bits / 8;
  const uint64_t word = load_bytes(bytes, (count * term.num_bits + 7) / 8);
  switch (term.num_bits) {
    case 1: return spread_word_neon<1>(word);
    case 2: return spread_word_neon<2>(word);
    case 4: return spread_word_neon<4>(word);
    default: return spread_word_neon<8>(word);
  }
}

SMOOTHBIT_INLINE Octet term_neon(const Term& term, int64_t row, int64_t channel, int64_t count) {
  Octet value;
  if (term.num_bits == 32) {
    const float* data = static_cast<const float*>(term.data) + row * term.stride + channel;
    float last[8] = {};
    if (count < 8) {
      for (int64_t i = 0; i < count; ++i) last[i] = data[i];
      data = last;
    }
    value = mul_neon(load_octet_neon(data), load_octet_neon(term.step + channel));
  } else {
    value = mul_neon(to_float_neon(term_codes_neon(term, row, channel, count)), load_octet_neon(term.step + channel));
    value = add_neon(value, load_octet_neon(term.offset + channel));
  }
  return term.row_scale ? mul_neon(value, splat_neon(term.row_scale[row])) : value;
}

SMOOTHBIT_INLINE void store_codes_neon(const Epilogue& e, int64_t row, int64_t channel, int64_t count, Octet y) {
  const int bits = e.output.num_bits;
  uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride + channel * bits / 8;
  const CodeOctet codes = {vcvtq_u32_f32(y.low), vcvtq_u32_f32(y.high)};
  uint64_t word;
  switch (bits) {
    case 1: word = gather_word_neon<1>(codes); break;
    case 2: word = gather_word_neon<2>(codes); break;
    case 4: word = gather_word_neon<4>(codes); break;
    default: word = gather_word_neon<8>(codes); break;
  }
  if (count < 8) word &= (uint64_t{1} << (count * bits)) - 1;
  store_bytes(out, word, (count * bits + 7) / 8);
}

// Quantizes and packs, or stores, `count` <= 8 values of a row.
SMOOTHBIT_INLINE void store_octet_neon(const Epilogue& e, int64_t row, int64_t channel, int64_t count, Octet y) {
  if (e.output.num_bits) {
    store_codes_neon(e, row, channel, count, quantize_neon(y, e.output, channel));
    return;
  }
  float values[8];
  vst1q_f32(values, y.low);
  vst1q_f32(values + 4, y.high);
  float* out = e.out_floats(row) + channel;
  std::memcpy(out, values, static_cast<size_t>(count) * sizeof(float));
}

template <class Sum>
SMOOTHBIT_INLINE void finish_octet_neon(const Epilogue& e, int64_t row, int64_t channel, int64_t count,
                                        const Sum* sums, float row_term) {
  Octet y = splat_neon(0.0f);
  if (e.col_scale) y = mul_neon(load_sums_neon(sums), load_octet_neon(e.col_scale + channel));
  if (e.col_term) y = add_neon(y, mul_neon(splat_neon(row_term), load_octet_neon(e.col_term + channel)));
  if (e.row_scale) y = mul_neon(y, splat_neon(e.row_scale[row]));
  if (e.col_bias) y = add_neon(y, load_octet_neon(e.col_bias + channel));
  if (e.aggregate.num_bits) {
    y = mul_neon(quantize_neon(y, e.aggregate, channel), load_octet_neon(e.aggregate_step + channel));
    y = add_neon(y, load_octet_neon(e.aggregate_offset + channel));
  }
  for (int t = 0; t < e.num_terms; ++t) y = add_neon(y, term_neon(e.terms[t], row, channel, count));
  if (e.has_relu) y = relu_neon(y);
  if (e.output_row_scale) y = mul_neon(y, splat_neon(e.output_row_scale[row]));
  store_octet_neon(e, row, channel, count, y);
}

// Finishes channels [begin, begin + count) of a row; sums[0] belongs to channel `begin`, a multiple of 8,
// and `sums` can be read up to the next multiple of 8.
template <class Sum>
inline __attribute__((noinline)) void finish_row_neon(const Epilogue& e, int64_t row, int64_t begin,
                                                      int64_t count, const Sum* sums, float row_term) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) finish_octet_neon(e, row, begin + i, 8, sums_at(sums, i), row_term);
  if (i < count) finish_octet_neon(e, row, begin + i, count - i, sums_at(sums, i), row_term);
}

}  // namespace
}  // namespace smoothbit
#endif
