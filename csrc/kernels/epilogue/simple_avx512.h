// AVX-512 epilogues of rows whose channels all share one plain law: all of it (is_simple_epilogue, or the same up to float32
// values), 16 lanes at a time, in any order of lanes, as simple_avx2.h has it; or that of their codes, in the order of the
// channels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "avx512_intrinsics.h"
#include "smoothbit/epilogue.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

// Calls operation(0) .. operation(kCount - 1). Not a loop: gcc 12 unrolls one after it has looked for arrays that can be
// registers, and each condition between two loops then stores all vectors and loads them again.
template <int kCount, int v = 0, class Operation>
SMOOTHBIT_INLINE void each_avx512(const Operation& operation) {
  operation(v);
  if constexpr (v + 1 < kCount) each_avx512<kCount, v + 1>(operation);
}

// Constants of a call whose term, if any, and output have kBits. They stay in memory, beside each other.
template <int kBits>
class SimpleLawAvx512 {
 public:
  // Constants of one row.
  struct Row {
    __m512 row_term, row_scale;
    __m512 term_scale;  // at 8 bits
    __m512 values;      // of the 2^kBits codes of a term: the same operations, done once
  };

  // Of an epilogue without channels nothing is read.
  explicit SimpleLawAvx512(const Epilogue& e)
      : col_scale_(first(e, e.col_scale, 0.0f)),
        col_term_(first(e, e.col_term, 0.0f)),
        col_bias_(first(e, e.col_bias, -0.0f)),
        step_(first(e, e.num_terms ? e.terms[0].step : nullptr, 0.0f)),
        offset_(first(e, e.num_terms ? e.terms[0].offset : nullptr, 0.0f)),
        inv_scale_(first(e, e.output.inv_scale, 1.0f)),
        phase_(first(e, e.output.phase, 0.0f)),
        low_(_mm512_cvtps_epi32(_mm512_sub_ps(_mm512_setzero_ps(), first(e, e.output.zero_point, 0.0f)))),
        high_(_mm512_add_ps(_mm512_set1_ps(e.output.qmax), _mm512_cvtepi32_ps(low_))),
        row_scales_(e.row_scale),
        term_scales_(e.num_terms ? e.terms[0].row_scale : nullptr),
        has_row_term_(e.col_term),
        has_row_scale_(e.row_scale),
        has_col_bias_(e.col_bias),
        has_relu_(e.has_relu),
        has_phase_(!e.output.phase_is_zero) {
    // A law that clips at zero clips what ReLU does.
    const Law& law = e.output;
    if (law.num_bits && e.num_channels > 0 && !has_phase_ && law.zero_point[0] == 0.0f && law.inv_scale[0] > 0.0f)
      has_relu_ = false;
  }

  template <bool kHasTerm>
  SMOOTHBIT_INLINE Row row(int64_t row, float row_term) const {
    Row r;
    r.row_term = _mm512_mul_ps(_mm512_set1_ps(row_term), col_term_);
    r.row_scale = _mm512_set1_ps(row_scales_ ? row_scales_[row] : 1.0f);
    if constexpr (kHasTerm) {
      r.term_scale = _mm512_set1_ps(term_scales_ ? term_scales_[row] : 1.0f);
      if constexpr (kBits <= 4) {
        const __m512i codes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        r.values = value(_mm512_and_si512(codes, _mm512_set1_epi32((1 << kBits) - 1)), r.term_scale);
      }
    }
    return r;
  }

  // What is stored or quantized, of kCount vectors, all at the same operation before any is at the next: one after the
  // other, they wait for themselves. Of each lane of `term_codes` the lowest kBits count.
  template <bool kHasTerm, int kCount>
  SMOOTHBIT_INLINE void outputs(const Row& r, const __m512i* sums_i32x16, const __m512i* term_codes, __m512* y) const {
    const auto each = [](const auto& operation) { each_avx512<kCount>(operation); };
    each([&](int v) { y[v] = _mm512_mul_ps(_mm512_cvtepi32_ps(sums_i32x16[v]), col_scale_); });
    if (has_row_term_) each([&](int v) { y[v] = _mm512_add_ps(y[v], r.row_term); });
    if (has_row_scale_) each([&](int v) { y[v] = _mm512_mul_ps(y[v], r.row_scale); });
    if (has_col_bias_) each([&](int v) { y[v] = _mm512_add_ps(y[v], col_bias_); });
    if constexpr (kHasTerm && kBits <= 4) {
      each([&](int v) { y[v] = _mm512_add_ps(y[v], _mm512_permutexvar_ps(term_codes[v], r.values)); });
    } else if constexpr (kHasTerm) {
      const __m512i mask = _mm512_set1_epi32((1 << kBits) - 1);
      __m512 term[kCount];
      each([&](int v) { term[v] = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_and_si512(term_codes[v], mask)), step_); });
      each([&](int v) { term[v] = _mm512_add_ps(term[v], offset_); });
      each([&](int v) { y[v] = _mm512_add_ps(y[v], _mm512_mul_ps(term[v], r.term_scale)); });
    }
    if (has_relu_) each([&](int v) { y[v] = _mm512_max_ps(y[v], _mm512_setzero_ps()); });
  }

  // The output codes, less the zero point; those below code 0 as they are, unless `kIsClipped`.
  template <bool kHasTerm, int kCount, bool kIsClipped>
  SMOOTHBIT_INLINE void codes(const Row& r, const __m512i* sums_i32x16, const __m512i* term_codes, __m512i* codes) const {
    __m512 y[kCount];
    outputs<kHasTerm, kCount>(r, sums_i32x16, term_codes, y);
    quantize<kCount, kIsClipped>(y, codes);
  }

  // Whether float32 values of a term have no factor but 1.
  bool has_unit_term() const { return !term_scales_ && _mm512_cmp_ps_mask(step_, _mm512_set1_ps(1.0f), _CMP_NEQ_UQ) == 0; }

  // The same, not clipped below, of float32 values of a term without a sum; kIsUnit: has_unit_term().
  template <bool kIsUnit>
  SMOOTHBIT_INLINE __m512i code_of_values(__m512 y, __m512 row_scale) const {
    if constexpr (!kIsUnit) y = _mm512_mul_ps(_mm512_mul_ps(y, step_), row_scale);
    if (has_relu_) y = _mm512_max_ps(y, _mm512_setzero_ps());
    __m512i code;
    quantize<1, false>(&y, &code);
    return code;
  }

 private:
  template <int kCount, bool kIsClipped>
  SMOOTHBIT_INLINE void quantize(__m512* y, __m512i* codes) const {
    const auto each = [](const auto& operation) { each_avx512<kCount>(operation); };
    each([&](int v) { y[v] = _mm512_mul_ps(y[v], inv_scale_); });
    if (has_phase_) each([&](int v) { y[v] = _mm512_add_ps(y[v], phase_); });
    // In this order of operands the minimum keeps NaN, which is converted to the least integer, as what is below all
    // integers is: code 0.
    each([&](int v) { codes[v] = _mm512_cvtps_epi32(_mm512_min_ps(high_, y[v])); });
    if (kIsClipped) each([&](int v) { codes[v] = _mm512_max_epi32(codes[v], low_); });
  }
  static __m512 first(const Epilogue& e, const float* values, float other) {
    return _mm512_set1_ps(values && e.num_channels > 0 ? values[0] : other);
  }
  SMOOTHBIT_INLINE __m512 value(__m512i codes, __m512 scale) const {
    return _mm512_mul_ps(_mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(codes), step_), offset_), scale);
  }

  __m512 col_scale_, col_term_, col_bias_, step_, offset_, inv_scale_, phase_;
  __m512i low_;
  __m512 high_;
  const float* row_scales_;
  const float* term_scales_;
  bool has_row_term_, has_row_scale_, has_col_bias_, has_relu_, has_phase_;
};

// 64 codes, each in a byte in the order of the channels, to the first 8 kBits bytes of the result.
template <int kBits>
SMOOTHBIT_INLINE __m512i pack_bytes_avx512(__m512i codes_u8x64) {
  if constexpr (kBits == 8) {
    return codes_u8x64;
  } else if constexpr (kBits == 1) {
    const uint64_t bits = _mm512_cmpneq_epi8_mask(codes_u8x64, _mm512_setzero_si512());
    return _mm512_castsi128_si512(_mm_cvtsi64_si128(static_cast<int64_t>(bits)));
  } else {
    // Neighbours: c[2i] + 2^b c[2i + 1], at most 255, as int16.
    const __m512i pairs = _mm512_maddubs_epi16(codes_u8x64, _mm512_set1_epi16((1 << (kBits + 8)) | 1));
    if constexpr (kBits == 4) return _mm512_castsi256_si512(_mm512_cvtepi16_epi8(pairs));
    const __m512i quads = _mm512_madd_epi16(pairs, _mm512_set1_epi32((16 << 16) | 1));
    return _mm512_castsi128_si512(_mm512_cvtepi32_epi8(quads));
  }
}

// The first 8 kBits bytes.
template <int kBits>
SMOOTHBIT_INLINE void store_packed_avx512(uint8_t* out, __m512i packed) {
  if constexpr (kBits == 8) {
    _mm512_storeu_si512(out, packed);
  } else if constexpr (kBits == 4) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_castsi512_si256(packed));
  } else if constexpr (kBits == 2) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm512_castsi512_si128(packed));
  } else {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm512_castsi512_si128(packed));
  }
}

// The codes of a law that all channels share, less the zero point, four vectors of int32 in the order of the channels, as
// bytes; what is less than 0 becomes 0.
SMOOTHBIT_INLINE __m512i join_codes_avx512(const __m512i* codes_i32x16, __m512i zero_point_i16x32) {
  const auto words = [&](int v) {
    return _mm512_adds_epi16(_mm512_packs_epi32(codes_i32x16[v], codes_i32x16[v + 1]), zero_point_i16x32);
  };
  // Packing works within 128-bit parts; the permutation restores the order of groups of four.
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(words(0), words(2)));
}

// Codes of rows whose channels share one plain law, but not what comes before it: factors, terms and biases of channels.
template <int kBits>
class ChannelsLawAvx512 {
 public:
  static bool fits(const Epilogue& e) {
    const Law& law = e.output;
    const auto is_one = [&](const float* values) {
      return std::all_of(values, values + e.num_channels, [&](float value) { return value == values[0]; });
    };
    return e.num_channels > 0 && e.col_scale && !e.row_scale && !e.num_terms && !e.aggregate.num_bits &&
           !e.output_row_scale && law.num_bits == kBits && is_plain_law(law) && is_one(law.inv_scale) &&
           is_one(law.phase) && is_one(law.zero_point);
  }

  // Of an epilogue that fits.
  explicit ChannelsLawAvx512(const Epilogue& e)
      : col_scale_(e.col_scale),
        col_term_(e.col_term),
        col_bias_(e.col_bias),
        num_channels_(e.num_channels),
        out_(static_cast<uint8_t*>(e.out)),
        out_stride_(e.out_stride),
        has_relu_(e.has_relu),
        has_phase_(!e.output.phase_is_zero),
        inv_scale_(_mm512_set1_ps(e.output.inv_scale[0])),
        phase_(_mm512_set1_ps(e.output.phase[0])),
        high_(_mm512_set1_ps(e.output.qmax - e.output.zero_point[0])),
        zero_point_(_mm512_set1_epi16(static_cast<int16_t>(e.output.zero_point[0]))) {}

  // `sums` can be read up to the next multiple of 64 channels.
  SMOOTHBIT_INLINE void finish(int64_t row, const int32_t* sums, float row_term) const {
    uint8_t* out = out_ + row * out_stride_;
    int64_t c = 0;
    for (; c + 64 <= num_channels_; c += 64, out += 8 * kBits)
      store_packed_avx512<kBits>(out, pack_bytes_avx512<kBits>(codes(c, sums + c, row_term)));
    const int64_t rest = num_channels_ - c;
    if (rest == 0) return;
    const __m512i last = _mm512_maskz_mov_epi8((uint64_t{1} << rest) - 1, codes(c, sums + c, row_term));
    _mm512_mask_storeu_epi8(out, (uint64_t{1} << (rest * kBits + 7) / 8) - 1, pack_bytes_avx512<kBits>(last));
  }

 private:
  // 64 codes from channel c on, each in a byte.
  SMOOTHBIT_INLINE __m512i codes(int64_t c, const int32_t* sums, float row_term) const {
    const auto each = [](const auto& operation) {
      for (int v = 0; v < 4; ++v) operation(v);
    };
    const auto load = [&](const float* values, int v) { return _mm512_loadu_ps(values + c + 16 * v); };
    __m512 y[4];
    each([&](int v) { y[v] = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums + 16 * v)), load(col_scale_, v)); });
    if (col_term_) {
      const __m512 factor = _mm512_set1_ps(row_term);
      each([&](int v) { y[v] = _mm512_add_ps(y[v], _mm512_mul_ps(factor, load(col_term_, v))); });
    }
    if (col_bias_) each([&](int v) { y[v] = _mm512_add_ps(y[v], load(col_bias_, v)); });
    if (has_relu_) each([&](int v) { y[v] = _mm512_max_ps(y[v], _mm512_setzero_ps()); });
    each([&](int v) { y[v] = _mm512_mul_ps(y[v], inv_scale_); });
    if (has_phase_) each([&](int v) { y[v] = _mm512_add_ps(y[v], phase_); });
    __m512i codes[4];
    // The minimum as in SimpleLawAvx512: NaN is code 0.
    each([&](int v) { codes[v] = _mm512_cvtps_epi32(_mm512_min_ps(high_, y[v])); });
    return join_codes_avx512(codes, zero_point_);
  }

  const float* col_scale_;
  const float* col_term_;
  const float* col_bias_;
  int64_t num_channels_;
  uint8_t* out_;
  int64_t out_stride_;
  bool has_relu_, has_phase_;
  __m512 inv_scale_, phase_, high_;
  __m512i zero_point_;
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
