// AVX2 epilogue of rows whose channels all share one plain law (is_simple_epilogue), codes or float32 values: constants in
// registers, no test for parts that are not there. About 90 instructions for 32 channels, where the general form takes 210.
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

// By value: gcc 12 keeps what a function is given the address of in memory.
template <int kCount>
struct FloatsAvx2 {
  __m256 vector[kCount];
};

// Constants of one row.
struct SimpleRowAvx2 {
  __m256 col_scale, row_scale, row_term, col_bias, step, offset, term_row_scale;
  bool has_row_scale, has_row_term, has_bias, has_term_row_scale, has_relu;

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
  }

  // What is stored or quantized, of kCount vectors, all at the same operation before any is at the next.
  template <bool kHasTerm, int kCount, class Sum>
  SMOOTHBIT_INLINE FloatsAvx2<kCount> outputs(const Sum* sums, const __m256i* term_codes) const {
    const auto each = [](const auto& operation) { each_avx2<kCount>(operation); };
    __m256 y[kCount];
    each([&](int v) { y[v] = _mm256_mul_ps(_mm256_cvtepi32_ps(load_sums_avx2(sums + 8 * v)), col_scale); });
    if (has_row_term) each([&](int v) { y[v] = _mm256_add_ps(y[v], row_term); });
    if (has_row_scale) each([&](int v) { y[v] = _mm256_mul_ps(y[v], row_scale); });
    if (has_bias) each([&](int v) { y[v] = _mm256_add_ps(y[v], col_bias); });
    if constexpr (kHasTerm) {
      __m256 values[kCount];
      each([&](int v) { values[v] = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(term_codes[v]), step), offset); });
      if (has_term_row_scale) each([&](int v) { values[v] = _mm256_mul_ps(values[v], term_row_scale); });
      each([&](int v) { y[v] = _mm256_add_ps(y[v], values[v]); });
    }
    if (has_relu) each([&](int v) { y[v] = _mm256_max_ps(y[v], _mm256_setzero_ps()); });
    FloatsAvx2<kCount> result;
    each([&](int v) { result.vector[v] = y[v]; });
    return result;
  }
};

// A plain law of codes.
struct PlainLawAvx2 {
  __m256 inv_scale, phase, high;
  __m256i zero_point;
  bool has_phase;

  SMOOTHBIT_INLINE explicit PlainLawAvx2(const Law& law)
      : inv_scale(_mm256_set1_ps(law.inv_scale[0])),
        phase(_mm256_set1_ps(law.phase[0])),
        high(_mm256_set1_ps(law.qmax - law.zero_point[0])),
        zero_point(_mm256_set1_epi32(static_cast<int>(law.zero_point[0]))),
        has_phase(!law.phase_is_zero) {}

  // Those below 0 are left to packing.
  template <int kCount>
  SMOOTHBIT_INLINE void codes(const FloatsAvx2<kCount>& values, __m256i* codes) const {
    const auto each = [](const auto& operation) { each_avx2<kCount>(operation); };
    __m256 y[kCount];
    each([&](int v) { y[v] = values.vector[v]; });
    each([&](int v) { y[v] = _mm256_mul_ps(y[v], inv_scale); });
    if (has_phase) each([&](int v) { y[v] = _mm256_add_ps(y[v], phase); });
    // In this order of operands the minimum keeps NaN, which is converted to the least integer, as what is below all
    // integers is: code 0, once codes are packed.
    each([&](int v) { codes[v] = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(high, y[v])), zero_point); });
  }
};

// Codes of the term of a row, or null.
template <int kBits, bool kHasTerm>
SMOOTHBIT_INLINE const uint8_t* simple_term_avx2(const Epilogue& e, int64_t row, int64_t begin) {
  if constexpr (!kHasTerm) return nullptr;
  return static_cast<const uint8_t*>(e.terms[0].data) + row * e.terms[0].stride + begin * kBits / 8;
}

// Calls group(vectors, first channel) for chunks of four vectors, then for single ones.
template <class Group>
SMOOTHBIT_INLINE void groups_avx2(int64_t count, const Group& group) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) group(std::integral_constant<int, 4>(), i);
  for (; i < count; i += 8) group(std::integral_constant<int, 1>(), i);
}

// Functions of their own: gcc 12 leaves the operations of each_avx2 as calls in a function that has become large.
template <int kBits, bool kHasTerm, class Sum>
__attribute__((noinline, flatten)) void simple_codes_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count,
                                                          const Sum* sums, float row_term) {
  const SimpleRowAvx2 constants(e, row, row_term);
  const PlainLawAvx2 law(e.output);
  const uint8_t* bytes = simple_term_avx2<kBits, kHasTerm>(e, row, begin);
  uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride + begin * kBits / 8;
  groups_avx2(count, [&](auto vectors, int64_t i) {
    constexpr int kVectors = decltype(vectors)::value;
    __m256i term_codes[kVectors], codes[kVectors];
    if constexpr (kHasTerm) load_codes_avx2<kBits, kVectors>(bytes + i * kBits / 8, term_codes);
    law.codes(constants.outputs<kHasTerm, kVectors>(sums + i, term_codes), codes);
    if constexpr (kVectors == 4) store_chunk_avx2<kBits>(out + i * kBits / 8, codes);
    else store_bytes(out + i * kBits / 8, gather_word_avx2<kBits>(codes[0]), kBits);
  });
}

template <int kBits, bool kHasTerm, class Sum>
__attribute__((noinline, flatten)) void simple_values_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count,
                                                           const Sum* sums, float row_term) {
  const SimpleRowAvx2 constants(e, row, row_term);
  const __m256 factor = _mm256_set1_ps(e.output_row_scale ? e.output_row_scale[row] : 1.0f);
  const uint8_t* bytes = simple_term_avx2<kBits, kHasTerm>(e, row, begin);
  float* out = e.out_floats(row) + begin;
  groups_avx2(count, [&](auto vectors, int64_t i) {
    constexpr int kVectors = decltype(vectors)::value;
    __m256i term_codes[kVectors];
    if constexpr (kHasTerm) load_codes_avx2<kBits, kVectors>(bytes + i * kBits / 8, term_codes);
    const FloatsAvx2<kVectors> y = constants.outputs<kHasTerm, kVectors>(sums + i, term_codes);
    each_avx2<kVectors>([&](int v) { store_floats_avx2(e, out + i + 8 * v, _mm256_mul_ps(y.vector[v], factor)); });
  });
}

// Finishes whole groups of 8 of channels [begin, begin + count), and returns how many channels that were.
template <class Sum>
SMOOTHBIT_INLINE int64_t finish_simple_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count,
                                            const Sum* sums, float row_term) {
  const int64_t whole = count / 8 * 8;
  const auto run = [&](auto bits, auto has_term) {
    constexpr int kBits = decltype(bits)::value;
    constexpr bool kHasTerm = decltype(has_term)::value;
    if (e.output.num_bits) simple_codes_avx2<kBits, kHasTerm>(e, row, begin, whole, sums, row_term);
    else simple_values_avx2<kBits, kHasTerm>(e, row, begin, whole, sums, row_term);
  };
  const auto with_bits = [&](auto bits) {
    if (e.num_terms) run(bits, std::true_type());
    else run(bits, std::false_type());
  };
  switch (e.num_terms ? e.terms[0].num_bits : e.output.num_bits) {
    case 1: with_bits(std::integral_constant<int, 1>()); break;
    case 2: with_bits(std::integral_constant<int, 2>()); break;
    case 4: with_bits(std::integral_constant<int, 4>()); break;
    default: with_bits(std::integral_constant<int, 8>()); break;
  }
  return whole;
}

}  // namespace
}  // namespace smoothbit
