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

// As each_avx512 (simple_avx512.h).
template <int kCount, int v = 0, class Operation>
SMOOTHBIT_INLINE void each_avx2(const Operation& operation) {
  operation(v);
  if constexpr (v + 1 < kCount) each_avx2<kCount, v + 1>(operation);
}

SMOOTHBIT_INLINE __m256 first_or_zero(const float* values) { return _mm256_set1_ps(values ? values[0] : 0.0f); }

// Constants of one row.
struct SimpleRowAvx2 {
  __m256 col_scale, row_scale, row_term, col_bias, step, offset, term_row_scale, inv_scale, phase, high;
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
    high = _mm256_set1_ps(law.qmax - law.zero_point[0]);
    zero_point = _mm256_set1_epi32(static_cast<int>(law.zero_point[0]));
  }

  // Of a chunk, all vectors at the same operation before any is at the next. Codes below 0 are left to packing.
  template <bool kHasTerm, class Sum>
  SMOOTHBIT_INLINE void codes(const Sum* sums, const __m256i* term_codes, __m256i* codes) const {
    const auto each = [](const auto& operation) { each_avx2<4>(operation); };
    __m256 y[4];
    each([&](int v) { y[v] = _mm256_mul_ps(_mm256_cvtepi32_ps(load_sums_avx2(sums + 8 * v)), col_scale); });
    if (has_row_term) each([&](int v) { y[v] = _mm256_add_ps(y[v], row_term); });
    if (has_row_scale) each([&](int v) { y[v] = _mm256_mul_ps(y[v], row_scale); });
    if (has_bias) each([&](int v) { y[v] = _mm256_add_ps(y[v], col_bias); });
    if constexpr (kHasTerm) {
      __m256 values[4];
      each([&](int v) { values[v] = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(term_codes[v]), step), offset); });
      if (has_term_row_scale) each([&](int v) { values[v] = _mm256_mul_ps(values[v], term_row_scale); });
      each([&](int v) { y[v] = _mm256_add_ps(y[v], values[v]); });
    }
    if (has_relu) each([&](int v) { y[v] = _mm256_max_ps(y[v], _mm256_setzero_ps()); });
    each([&](int v) { y[v] = _mm256_mul_ps(y[v], inv_scale); });
    if (has_phase) each([&](int v) { y[v] = _mm256_add_ps(y[v], phase); });
    // In this order of operands the minimum keeps NaN, which is converted to the least integer, as what is below all
    // integers is: code 0, once codes are packed.
    each([&](int v) { codes[v] = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(high, y[v])), zero_point); });
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
    constants.codes<kHasTerm>(sums + i, term_codes, codes);
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
