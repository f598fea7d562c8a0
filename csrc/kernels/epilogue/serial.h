// Scalar epilogue of one row: the readable form of the law, and the baseline of the vector ones.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "smoothbit/epilogue.h"

namespace smoothbit {
namespace {

inline int code_at_serial(const uint8_t* row, int num_bits, int64_t channel) {
  const int64_t bit = channel * num_bits;
  return (row[bit >> 3] >> (bit & 7)) & ((1 << num_bits) - 1);
}

// Written as comparisons so that NaN becomes 0, as in the vector forms.
inline float clip_serial(float value, float high) {
  value = value > 0.0f ? value : 0.0f;
  return value < high ? value : high;
}

inline float quantize_serial(float y, const Law& law, int64_t channel) {
  float code = y * law.inv_scale[channel] + law.phase[channel];
  code = std::nearbyint(code) + law.zero_point[channel];
  code = clip_serial(code, law.fine_qmax);
  if (law.truncates) code = clip_serial(std::nearbyint((code + law.shift) * law.inv_divisor), law.qmax);
  return code;
}

inline float term_serial(const Term& term, int64_t row, int64_t channel) {
  float value;
  if (term.num_bits == 32) {
    value = static_cast<const float*>(term.data)[row * term.stride + channel] * term.step[channel];
  } else {
    const uint8_t* codes = static_cast<const uint8_t*>(term.data) + row * term.stride;
    value = static_cast<float>(code_at_serial(codes, term.num_bits, channel)) * term.step[channel];
    value = value + term.offset[channel];
  }
  return term.row_scale ? value * term.row_scale[row] : value;
}

// From the exact sum to the end of the aggregate; `sum` is read only when the epilogue has a col_scale.
inline float epilogue_of_sum_serial(const Epilogue& e, int64_t channel, int32_t sum, float row_term, float row_scale) {
  float y = 0.0f;
  if (e.col_scale) y = static_cast<float>(sum) * e.col_scale[channel];
  if (e.col_term) y = y + row_term * e.col_term[channel];
  if (e.row_scale) y = y * row_scale;
  if (e.col_bias) y = y + e.col_bias[channel];
  if (e.aggregate.num_bits) {
    y = quantize_serial(y, e.aggregate, channel) * e.aggregate_step[channel];
    y = y + e.aggregate_offset[channel];
  }
  return y;
}

// From there to the value that is stored or quantized.
inline float epilogue_of_terms_serial(const Epilogue& e, float y, const float* terms, float output_row_scale) {
  for (int t = 0; t < e.num_terms; ++t) y = y + terms[t];
  if (e.has_relu) y = y > 0.0f ? y : 0.0f;
  if (e.output_row_scale) y = y * output_row_scale;
  return y;
}

// `row_term` is read only when the epilogue has a col_term.
inline float epilogue_value_serial(const Epilogue& e, int64_t row, int64_t channel, int32_t sum, float row_term) {
  float terms[kMaxTerms];
  for (int t = 0; t < e.num_terms; ++t) terms[t] = term_serial(e.terms[t], row, channel);
  const float y = epilogue_of_sum_serial(e, channel, sum, row_term, e.row_scale ? e.row_scale[row] : 1.0f);
  return epilogue_of_terms_serial(e, y, terms, e.output_row_scale ? e.output_row_scale[row] : 1.0f);
}

// `sums + i`, or null where an epilogue has no sums: null plus an offset is undefined.
template <class Sum>
inline const Sum* sums_at(const Sum* sums, int64_t i) {
  return sums ? sums + i : nullptr;
}

// Zeroes what lies between the last code of an output row and its stride.
inline void clear_row_padding_serial(const Epilogue& e, int64_t row) {
  if (!e.output.num_bits) return;
  const int64_t used = (e.num_channels * e.output.num_bits + 7) / 8;
  uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride;
  if (used < e.out_stride) std::memset(out + used, 0, static_cast<size_t>(e.out_stride - used));
}

// Quantizes and packs, or stores, channels [begin, begin + count) of a row; `value(i)` belongs to begin + i, and
// `begin` is a multiple of 8.
template <class Value>
void store_row_serial(const Epilogue& e, int64_t row, int64_t begin, int64_t count, const Value& value) {
  if (!e.output.num_bits) {
    float* out = e.out_floats(row) + begin;
    for (int64_t i = 0; i < count; ++i) out[i] = value(i);
    return;
  }
  const int bits = e.output.num_bits;
  uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride + begin * bits / 8;
  for (int64_t i = 0; i < count; ++i) {
    const int code = static_cast<int>(quantize_serial(value(i), e.output, begin + i));
    const int64_t bit = i * bits;
    if ((bit & 7) == 0) out[bit >> 3] = 0;
    out[bit >> 3] = static_cast<uint8_t>(out[bit >> 3] | (code << (bit & 7)));
  }
}

// Finishes channels [begin, begin + count) of a row; sums[0] belongs to channel `begin`, a multiple of 8.
inline void finish_row_serial(const Epilogue& e, int64_t row, int64_t begin, int64_t count,
                              const int32_t* sums, float row_term) {
  store_row_serial(e, row, begin, count, [&](int64_t i) {
    return epilogue_value_serial(e, row, begin + i, sums ? sums[i] : 0, row_term);
  });
}

}  // namespace
}  // namespace smoothbit
