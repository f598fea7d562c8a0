// Making the tables of thresholds.h, and the rows without one, AVX2.
#if defined(__x86_64__)
#include "thresholds.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../epilogue/avx2.h"
#include "narrow_avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int64_t kMinRows = 64;         // of a call
constexpr int kMaxMoves = 8;             // of a guess
constexpr int64_t kNarrowChannels = 32;  // of NarrowSumsAvx2

// Floats as integers of the same order; the two zeros are one.
float float_at(int32_t place) {
  const int32_t bits = place < 0 ? INT32_MIN - place : place;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The least y that gives `code` or more; NaN, which no y reaches, when none does.
float least_of_code(const Epilogue& e, int64_t channel, float code) {
  constexpr int32_t kInfinity = 0x7f800000;
  const auto is_reached = [&](int32_t place) {
    const float y = float_at(place);
    return quantize_serial(e.has_relu && !(y > 0.0f) ? 0.0f : y, e.output, channel) >= code;
  };
  int32_t low = -kInfinity, high = kInfinity;
  if (!is_reached(high)) return __builtin_nanf("");
  while (low < high) {
    const int32_t middle = static_cast<int32_t>((int64_t{low} + high) >> 1);
    if (is_reached(middle)) high = middle;
    else low = middle + 1;
  }
  return float_at(low);
}

int64_t largest_sum(const GemmArgs& args) {
  return args.depth * ((1 << args.source_bits) - 1) * ((1 << args.weight_bits) - 1);
}

// Far from where a float overflows: sums and row sums are below 2^20.
bool is_moderate(const float* values, int64_t count) {
  return !values || std::all_of(values, values + count, [](float value) { return std::fabs(value) < 1e15f; });
}
bool is_positive(const float* values, int64_t count) {
  return std::all_of(values, values + count, [](float value) { return value > 1e-30f && value < 1e15f; });
}
bool is_monotone(const Epilogue& e) {
  const int64_t count = e.num_channels;
  const Law& law = e.output;
  return is_positive(e.col_scale, count) && is_moderate(e.col_term, count) && is_moderate(e.col_bias, count) &&
         is_positive(law.inv_scale, count) && is_moderate(law.phase, count) && is_moderate(law.zero_point, count) &&
         (!law.truncates || (is_positive(&law.inv_divisor, 1) && is_moderate(&law.shift, 1)));
}

bool has_law_of_previous(const Law& law, int64_t c) {
  return law.inv_scale[c] == law.inv_scale[c - 1] && law.phase[c] == law.phase[c - 1] &&
         law.zero_point[c] == law.zero_point[c - 1];
}

// The epilogue of eight sums up to its law.
SMOOTHBIT_INLINE __m256 values_of(const Epilogue& e, __m256i sums_i32x8, __m256 row_term, int64_t c) {
  __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(sums_i32x8), _mm256_loadu_ps(e.col_scale + c));
  if (e.col_term) y = _mm256_add_ps(y, _mm256_mul_ps(row_term, _mm256_loadu_ps(e.col_term + c)));
  if (e.col_bias) y = _mm256_add_ps(y, _mm256_loadu_ps(e.col_bias + c));
  return y;
}

// Near the sum that gives `least`, within [0, largest + 1]; that last one where there is none.
SMOOTHBIT_INLINE __m256i guess(const Epilogue& e, int32_t largest, __m256 least, __m256 row_term, int64_t c) {
  const __m256 end = _mm256_set1_ps(static_cast<float>(largest + 1));
  if (e.col_bias) least = _mm256_sub_ps(least, _mm256_loadu_ps(e.col_bias + c));
  if (e.col_term) least = _mm256_sub_ps(least, _mm256_mul_ps(row_term, _mm256_loadu_ps(e.col_term + c)));
  const __m256 sum = _mm256_div_ps(least, _mm256_loadu_ps(e.col_scale + c));
  // In this order of operands NaN becomes the end.
  return _mm256_cvtps_epi32(_mm256_max_ps(_mm256_min_ps(_mm256_ceil_ps(sum), end), _mm256_setzero_ps()));
}

}  // namespace

bool ProductThresholds::fits(const GemmArgs& args, int64_t num_rows) {
  const Epilogue& e = args.epilogue;
  if (num_rows < kMinRows || !gemm_is_lookup(gemm_layout(args)) || largest_sum(args) >= INT16_MAX) return false;
  if (!e.col_scale || e.num_channels <= kNarrowChannels || e.output.num_bits < 1 || e.output.num_bits > 2) return false;
  if (e.num_terms || e.row_scale || e.output_row_scale || e.aggregate.num_bits) return false;
  if (e.col_term && e.row_term) return false;
  return is_monotone(e);
}

ProductThresholds::ProductThresholds(const GemmArgs& args, int64_t block, void* memory)
    : e_(args.epilogue),
      block_(block),
      width_(gemm_sums_stride(args)),
      num_thresholds_((1 << args.epilogue.output.num_bits) - 1),
      largest_(static_cast<int32_t>(largest_sum(args))),
      slots_(static_cast<Slot*>(memory)),
      least_(reinterpret_cast<float*>(slots_ + kGemmSlots)),
      sums_(reinterpret_cast<int32_t*>(least_ + num_thresholds_ * width_)),
      tables_(reinterpret_cast<int16_t*>(sums_ + width_)) {
  if (args.is_repeated) return;
  std::fill_n(slots_, kGemmSlots, Slot{-1, 0});
  std::fill_n(least_, num_thresholds_ * width_, __builtin_nanf(""));
  for (int64_t c = 0; c < e_.num_channels; ++c) {
    const bool is_known = c > 0 && has_law_of_previous(e_.output, c);
    for (int t = 0; t < num_thresholds_; ++t)
      least_[t * width_ + c] =
          is_known ? least_[t * width_ + c - 1] : least_of_code(e_, c, static_cast<float>(t + 1));
  }
}

void ProductThresholds::finish_float(int64_t row, const int32_t* sums, int32_t row_sum) const {
  for (int64_t c = 0; c < e_.num_channels; c += kNarrowChannels) {
    const int32_t* even = sums + c / block_ * (block_ / 2) + c % block_ / 4;
    store_sums_avx2(NarrowSumsAvx2{load_avx2(even), load_avx2(even + block_ / 4)}, true, sums_ + c);
  }
  finish_row_avx2(e_, row, 0, e_.num_channels, sums_, static_cast<float>(row_sum));
  clear_row_padding_serial(e_, row);
}

bool ProductThresholds::fill(float row_sum, int16_t* table) const {
  const __m256 row_term = _mm256_set1_ps(row_sum);
  const __m256i zero = _mm256_setzero_si256(), minus_one = _mm256_set1_epi32(-1);
  const __m256i largest = _mm256_set1_epi32(largest_);
  for (int t = 0; t < num_thresholds_; ++t, table += width_)
    for (int64_t c = 0; c < (e_.num_channels + 7) / 8 * 8; c += 8) {
      const __m256 least = _mm256_loadu_ps(least_ + t * width_ + c);
      const auto reaches = [&](__m256i sums) {
        return _mm256_castps_si256(_mm256_cmp_ps(values_of(e_, sums, row_term, c), least, _CMP_GE_OQ));
      };
      __m256i sums = guess(e_, largest_, least, row_term, c);
      int moves = 0;
      for (;; ++moves) {
        const __m256i before = _mm256_add_epi32(sums, minus_one);
        const __m256i is_low = _mm256_andnot_si256(
            _mm256_or_si256(_mm256_cmpgt_epi32(sums, largest), reaches(sums)), minus_one);
        const __m256i is_high = _mm256_and_si256(_mm256_cmpgt_epi32(sums, zero), reaches(before));
        if (_mm256_testz_si256(_mm256_or_si256(is_low, is_high), minus_one)) break;
        if (moves == kMaxMoves) return false;
        sums = _mm256_add_epi32(_mm256_sub_epi32(sums, is_low), is_high);
      }
      alignas(32) int32_t below[8];
      _mm256_store_si256(reinterpret_cast<__m256i*>(below), _mm256_add_epi32(sums, minus_one));
      int16_t* even = table + c / block_ * block_ + c % block_ / 2;
      for (int i = 0; i < 8; ++i) even[i / 2 + i % 2 * (block_ / 2)] = static_cast<int16_t>(below[i]);
    }
  return true;
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
