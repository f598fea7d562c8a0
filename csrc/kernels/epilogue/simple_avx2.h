// AVX2 epilogue of rows whose channels all share one plain law (is_simple_epilogue): constants in registers, no
// test for parts that are not there. About 90 instructions for 32 channels, where the general form takes 210.
//
// The float operations are those of the general form in its order; the last three are exchanged as epilogue.h
// says: clip before rounding, so that the zero point is added to bytes.
//
// Included by avx2.h, whose loads and stores it uses and whose finish_row_avx2 calls it.
#pragma once

namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m256 first_or_zero(const float* values) { return _mm256_set1_ps(values ? values[0] : 0.0f); }

// Constants of one row.
struct SimpleRowAvx2 {
  __m256 col_scale, row_scale, row_term, col_bias, step, offset, term_row_scale, inv_scale, phase, low, high;
  __m256i zero_point;
  bool has_row_scale, has_row_term, has_bias, has_term_row_scale, has_relu, has_phase;

  SMOOTHBIT_INLINE SimpleRowAvx2(const Epilogue& e, int64_t row, float row_term_value) {
    col_scale = first_or_zero(e.col_scale);
    has_row_term = e.col_term != nullptr;
    row_term = _mm256_mul_ps(_mm256_set1_ps(row_term_value), first_or_zero(e.col_term));
    has_row_scale = e.row_scale != nullptr;
    row_scale = _mm256_set1_ps(e.row_scale ? e.row_scale[row] : 1.0f);
    has_bias = e.col_bias != nullptr;
    col_bias = first_or_zero(e.col_bias);
    const Term& term = e.terms[0];
    step = first_or_zero(e.num_terms ? term.step : nullptr);
    offset = first_or_zero(e.num_terms ? term.offset : nullptr);
    has_term_row_scale = e.num_terms && term.row_scale;
    term_row_scale = _mm256_set1_ps(has_term_row_scale ? term.row_scale[row] : 1.0f);
    has_relu = e.has_relu;
    const Law& law = e.output;
    inv_scale = first_or_zero(law.inv_scale);
    phase = first_or_zero(law.phase);
    has_phase = !law.phase_is_zero;
    low = _mm256_set1_ps(-law.zero_point[0]);
    high = _mm256_set1_ps(law.qmax - law.zero_point[0]);
    zero_point = _mm256_set1_epi32(static_cast<int>(law.zero_point[0]));
  }

  template <bool kHasTerm>
  SMOOTHBIT_INLINE __m256i code(__m256i sum, __m256i term_code) const {
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), col_scale);
    if (has_row_term) y = _mm256_add_ps(y, row_term);
    if (has_row_scale) y = _mm256_mul_ps(y, row_scale);
    if (has_bias) y = _mm256_add_ps(y, col_bias);
    if constexpr (kHasTerm) {
      __m256 value = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(term_code), step), offset);
      if (has_term_row_scale) value = _mm256_mul_ps(value, term_row_scale);
      y = _mm256_add_ps(y, value);
    }
    if (has_relu) y = _mm256_max_ps(y, _mm256_setzero_ps());
    y = _mm256_mul_ps(y, inv_scale);
    if (has_phase) y = _mm256_add_ps(y, phase);
    // In this order of operands NaN becomes the lower bound, so code 0.
    const __m256i rounded = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(y, low), high));
    return _mm256_add_epi32(rounded, zero_point);
  }
};

template <int kBits, bool kHasTerm, class Sum>
SMOOTHBIT_INLINE void simple_chunks_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count, const Sum* sums,
                                         float row_term) {
  const SimpleRowAvx2 constants(e, row, row_term);
  const Term& term = e.terms[0];
  const uint8_t* bytes = nullptr;
  if constexpr (kHasTerm) bytes = static_cast<const uint8_t*>(term.data) + row * term.stride + begin * kBits / 8;
  uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride + begin * kBits / 8;
  for (int64_t i = 0; i < count; i += 32) {
    __m256i term_codes[4], codes[4];
    if constexpr (kHasTerm) load_codes_avx2<kBits, 4>(bytes + i * kBits / 8, term_codes);
    codes[0] = constants.code<kHasTerm>(load_sums_avx2(sums + i), term_codes[0]);
    codes[1] = constants.code<kHasTerm>(load_sums_avx2(sums + i + 8), term_codes[1]);
    codes[2] = constants.code<kHasTerm>(load_sums_avx2(sums + i + 16), term_codes[2]);
    codes[3] = constants.code<kHasTerm>(load_sums_avx2(sums + i + 24), term_codes[3]);
    store_chunk_avx2<kBits>(out + i * kBits / 8, codes);
  }
}

// Finishes the whole chunks of channels [begin, begin + count) and returns how many channels that were.
template <class Sum>
SMOOTHBIT_INLINE int64_t finish_simple_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count,
                                            const Sum* sums, float row_term) {
  const int64_t whole = count / 32 * 32;
  if (whole == 0) return 0;
  const auto run = [&](auto bits) {
    constexpr int kBits = decltype(bits)::value;
    if (e.num_terms) simple_chunks_avx2<kBits, true>(e, row, begin, whole, sums, row_term);
    else simple_chunks_avx2<kBits, false>(e, row, begin, whole, sums, row_term);
  };
  switch (e.output.num_bits) {
    case 1: run(std::integral_constant<int, 1>()); break;
    case 2: run(std::integral_constant<int, 2>()); break;
    case 4: run(std::integral_constant<int, 4>()); break;
    default: run(std::integral_constant<int, 8>()); break;
  }
  return whole;
}

}  // namespace
}  // namespace smoothbit
