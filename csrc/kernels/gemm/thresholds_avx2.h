// Products whose codes have one or two bits: the epilogue as comparisons of int16 sums, AVX2.
//
// Without terms and row factors the code of an output depends on its channel, the integer sum S and the row's sum
// of source codes r, and it never falls as S grows:
//
//     code = [S >= T1(r, c)] + [S >= T2(r, c)] + [S >= T3(r, c)]
//
// Rows share few values of r, so the thresholds are kept by r, in slots. One is filled the third time that its r is
// met, by two steps of which only the second depends on r:
//
//     Yk(c)      the least float y that the law of channel c gives code k, found among all floats by halving
//     Tk(r, c)   the least S for which the float operations of the epilogue, in its order, give y >= Yk(c):
//                a guess by division, moved until it is that
//
// Both are exact, because rounding, and every operation in between, is monotone. Rows without a slot, and all
// rows of an epilogue that does not fit, take the float path.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "../epilogue/avx2.h"
#include "multiply_avx2.h"
#include "unpack.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

// Floats as integers of the same order; the two zeros are one.
inline float float_at(int32_t place) {
  const int32_t bits = place < 0 ? INT32_MIN - place : place;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// The least y that gives `code` or more; NaN, which no y reaches, when none does.
inline float least_of_code(const Epilogue& e, int64_t channel, float code) {
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

class ProductThresholdsAvx2 {
 public:
  // Whether the epilogue of this product can be tabulated, and rows are many enough to fill a slot for.
  static bool fits(const GemmArgs& args, int64_t num_rows) {
    const Epilogue& e = args.epilogue;
    if (num_rows < kMinRows || !gemm_is_lookup(gemm_layout(args)) || largest_sum(args) >= INT16_MAX) return false;
    if (!e.col_scale || e.num_channels <= kBlock || e.output.num_bits < 1 || e.output.num_bits > 2) return false;
    if (e.num_terms || e.row_scale || e.output_row_scale || e.aggregate.num_bits) return false;
    if (e.col_term && e.row_term) return false;
    return is_monotone(e);
  }

  // `memory` holds gemm_threshold_bytes and is aligned to a register; what is in it is kept in a repeated run.
  ProductThresholdsAvx2(const GemmArgs& args, void* memory)
      : e_(args.epilogue),
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
      const bool is_known = c > 0 && has_law_of_previous(c);
      for (int t = 0; t < num_thresholds_; ++t)
        least_[t * width_ + c] =
            is_known ? least_[t * width_ + c - 1] : least_of_code(e_, c, static_cast<float>(t + 1));
    }
  }

  // Finishes rows [row, row + count); `sums` are NarrowSumsAvx2, `stride` int32 apart.
  void finish(int64_t row, int64_t count, const int32_t* sums, int64_t stride, const GemmRowSums* row_sums) {
    for (int64_t r = 0; r < count; ++r) {
      const int32_t row_sum = e_.col_term ? row_sums[r].codes : 0;
      const int16_t* table = find(row_sum);
      const int32_t* row_of_sums = sums + r * stride;
      if (!table) finish_float(row + r, row_of_sums, static_cast<float>(row_sum));
      else if (e_.output.num_bits == 2) compare<2>(row + r, row_of_sums, table);
      else compare<1>(row + r, row_of_sums, table);
      clear_row_padding_serial(e_, row + r);
    }
  }

 private:
  static constexpr int64_t kBlock = 32;     // channels
  static constexpr int64_t kMinRows = 64;   // of a call
  static constexpr int32_t kEnough = 3;     // rows of one sum before its slot is filled
  static constexpr int32_t kReady = -1, kRefused = -2;

  struct Slot {
    int32_t row_sum;
    int32_t met;  // rows without thresholds so far; kReady; kRefused
  };
  static_assert(sizeof(Slot) == kGemmSlotBytes, "gemm_threshold_bytes counts them");

  static int64_t largest_sum(const GemmArgs& args) {
    return args.depth * ((1 << args.source_bits) - 1) * ((1 << args.weight_bits) - 1);
  }

  // Far from where a float overflows: sums and row sums are below 2^20.
  static bool is_moderate(const float* values, int64_t count) {
    return !values || std::all_of(values, values + count, [](float value) { return std::fabs(value) < 1e15f; });
  }
  static bool is_positive(const float* values, int64_t count) {
    return std::all_of(values, values + count, [](float value) { return value > 1e-30f && value < 1e15f; });
  }
  static bool is_monotone(const Epilogue& e) {
    const int64_t count = e.num_channels;
    const Law& law = e.output;
    return is_positive(e.col_scale, count) && is_moderate(e.col_term, count) && is_moderate(e.col_bias, count) &&
           is_positive(law.inv_scale, count) && is_moderate(law.phase, count) && is_moderate(law.zero_point, count) &&
           (!law.truncates || (is_positive(&law.inv_divisor, 1) && is_moderate(&law.shift, 1)));
  }

  bool has_law_of_previous(int64_t c) const {
    const Law& law = e_.output;
    return law.inv_scale[c] == law.inv_scale[c - 1] && law.phase[c] == law.phase[c - 1] &&
           law.zero_point[c] == law.zero_point[c - 1];
  }

  const int16_t* find(int32_t row_sum) {
    const int64_t index = row_sum % kGemmSlots;
    Slot& slot = slots_[index];
    if (slot.met == 0) slot.row_sum = row_sum;
    if (slot.row_sum != row_sum) return nullptr;
    int16_t* table = tables_ + index * num_thresholds_ * width_;
    if (slot.met >= 0 && ++slot.met == kEnough) slot.met = fill(static_cast<float>(row_sum), table) ? kReady : kRefused;
    return slot.met == kReady ? table : nullptr;
  }

  // The epilogue of eight sums up to its law.
  SMOOTHBIT_INLINE __m256 values_of(__m256i sums_i32x8, __m256 row_term, int64_t c) const {
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(sums_i32x8), _mm256_loadu_ps(e_.col_scale + c));
    if (e_.col_term) y = _mm256_add_ps(y, _mm256_mul_ps(row_term, _mm256_loadu_ps(e_.col_term + c)));
    if (e_.col_bias) y = _mm256_add_ps(y, _mm256_loadu_ps(e_.col_bias + c));
    return y;
  }

  // Near the sum that gives `least`, within [0, largest + 1]; that last one where there is none.
  SMOOTHBIT_INLINE __m256i guess(__m256 least, __m256 row_term, int64_t c) const {
    const __m256 end = _mm256_set1_ps(static_cast<float>(largest_ + 1));
    if (e_.col_bias) least = _mm256_sub_ps(least, _mm256_loadu_ps(e_.col_bias + c));
    if (e_.col_term) least = _mm256_sub_ps(least, _mm256_mul_ps(row_term, _mm256_loadu_ps(e_.col_term + c)));
    const __m256 sum = _mm256_div_ps(least, _mm256_loadu_ps(e_.col_scale + c));
    // In this order of operands NaN becomes the end.
    return _mm256_cvtps_epi32(_mm256_max_ps(_mm256_min_ps(_mm256_ceil_ps(sum), end), _mm256_setzero_ps()));
  }

  // False when a guess is far off: the float path does the rows of that sum.
  __attribute__((noinline)) bool fill(float row_sum, int16_t* table) const {
    const __m256 row_term = _mm256_set1_ps(row_sum);
    const __m256i zero = _mm256_setzero_si256(), minus_one = _mm256_set1_epi32(-1);
    const __m256i largest = _mm256_set1_epi32(largest_);
    for (int t = 0; t < num_thresholds_; ++t, table += width_)
      for (int64_t c = 0; c < (e_.num_channels + 7) / 8 * 8; c += 8) {
        const __m256 least = _mm256_loadu_ps(least_ + t * width_ + c);
        const auto reaches = [&](__m256i sums) {
          return _mm256_castps_si256(_mm256_cmp_ps(values_of(sums, row_term, c), least, _CMP_GE_OQ));
        };
        __m256i sums = guess(least, row_term, c);
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
        int16_t* even = table + c / kBlock * kBlock + c % kBlock / 2;
        for (int i = 0; i < 8; ++i) even[i / 2 + i % 2 * (kBlock / 2)] = static_cast<int16_t>(below[i]);
      }
    return true;
  }

  template <int kBits>
  SMOOTHBIT_INLINE void compare(int64_t row, const int32_t* sums, const int16_t* table) const {
    // Copies: as members they would be read again after each store.
    const int64_t num_channels = e_.num_channels, width = width_;
    uint8_t* out = static_cast<uint8_t*>(e_.out) + row * e_.out_stride;
    for (int64_t c = 0; c < num_channels; c += kBlock, sums += kBlock / 2, table += kBlock, out += kBlock / 8 * kBits) {
      const __m256i even = load_avx2(sums), odd = load_avx2(sums + 8);
      __m256i even_count = _mm256_setzero_si256(), odd_count = even_count;
      for (int t = 0; t < (1 << kBits) - 1; ++t) {
        even_count = _mm256_sub_epi16(even_count, _mm256_cmpgt_epi16(even, load_avx2(table + t * width)));
        odd_count = _mm256_sub_epi16(odd_count, _mm256_cmpgt_epi16(odd, load_avx2(table + t * width + kBlock / 2)));
      }
      const __m256i codes_u8x32 = _mm256_or_si256(even_count, _mm256_slli_epi16(odd_count, 8));
      if (num_channels - c >= kBlock) store_bytes_avx2<kBits>(out, codes_u8x32);
      else store_end<kBits>(out, codes_u8x32, num_channels - c);
    }
  }

  // Lanes without a channel are not in the table.
  template <int kBits>
  SMOOTHBIT_INLINE void store_end(uint8_t* out, __m256i codes_u8x32, int64_t num_channels) const {
    uint8_t bytes[kBlock / 8 * kBits];
    store_bytes_avx2<kBits>(bytes, codes_u8x32);
    uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof bytes);
    word &= (uint64_t{1} << (num_channels * kBits)) - 1;
    store_bytes(out, word, (num_channels * kBits + 7) / 8);
  }

  __attribute__((noinline)) void finish_float(int64_t row, const int32_t* sums, float row_term) const {
    for (int64_t c = 0; c < e_.num_channels; c += kBlock, sums += kBlock / 2)
      store_sums_avx2(NarrowSumsAvx2{load_avx2(sums), load_avx2(sums + 8)}, true, sums_ + c);
    finish_row_avx2(e_, row, 0, e_.num_channels, sums_, row_term);
  }

  static constexpr int kMaxMoves = 8;

  const Epilogue& e_;
  int64_t width_;       // channels of a table row
  int num_thresholds_;  // q
  int32_t largest_;     // sum
  Slot* slots_;         // [kGemmSlots], by row sum modulo their number
  float* least_;        // [q, width]: Yk(c)
  int32_t* sums_;       // [width], workspace
  int16_t* tables_;     // [kGemmSlots, q, width]: Tk(r, c) - 1, in blocks of 16 even and 16 odd channels
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
