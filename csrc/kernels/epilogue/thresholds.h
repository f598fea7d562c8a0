// Thresholds: the epilogue of a whole row, when all its channels share one law, as comparisons of bytes.
//
// With per-tensor laws the code of an output lane depends on the row's factors, on the integer sum S and on
// the codes c of the packed terms, and it never falls as S grows. So it is the number of thresholds that S
// reaches:
//
//     code = [S >= T1(c)] + [S >= T2(c)] + .. + [S >= Tq(c)],  q = 2^b - 1
//
// The rows of a graph with the same length have the same factors (1/d, d^-1/2), so the tables are kept by row
// length. A table is made by evaluating the serial law and is refused when a factor could make it fall: nothing here is
// an approximation. Rows whose factors are not those of their table take the float path.
//
// At 4 bits a table may also hold the law in 16-bit arithmetic, for sums of more than a byte. Such arithmetic cannot
// follow the rounding of float32 at every sum, but it need not: each threshold only has to fall between two integers, and
// for most lengths there are constants with which all do. Every one is checked.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>

#include "../target.h"
#include "smoothbit/epilogue.h"

namespace smoothbit {

constexpr int kMaxTabulatedTerms = 4;  // of one bit

// What a table depends on besides the sum and the codes of the terms.
struct RowFactors {
  float row_term = 0, row_scale = 1, output_row_scale = 1;
  float term_row_scales[kMaxTabulatedTerms] = {};
};

// The nearest number of a type.
template <class Int>
int saturated(int x) {
  return std::clamp<int>(x, std::numeric_limits<Int>::min(), std::numeric_limits<Int>::max());
}

// The law of 4-bit codes in 16-bit words, c the code of a term:
//
//     s    = (clamp(sum, least, most) - center) << shift
//     y    = saturated(saturated(s + offset[c]) + (s * factor + 2^14 >> 15))
//     code = (y >> 12) + 8
//
// Sums below `least` or above `most` have the codes of these. There are such sums in laws without a term only.
struct WordLaw {
  static constexpr int kFraction = 12;
  static constexpr int kCodes = 16;

  int16_t offset[kCodes];
  int16_t center, factor, least, most;
  int32_t shift;

  // Whether sums of the codes of so many entries fit a byte, and are scaled by a byte or more: then `s` is their byte, less
  // the center, in the upper half of a word, shifted by what remains. What the shifts lose, no sum has.
  bool is_of_bytes(int64_t length) const {
    return length <= 255 / (kCodes - 1) && shift >= 8 && !is_clamped(static_cast<int>(length) * (kCodes - 1));
  }
  bool is_clamped(int bound) const { return least > 0 || most < bound; }

  int scaled(int sum) const { return (std::clamp<int>(sum, least, most) - center) * (1 << shift); }
  int product(int sum) const { return (scaled(sum) * factor + (1 << 14)) >> 15; }
  int code(int sum, int c) const {
    return (saturated<int16_t>(saturated<int16_t>(scaled(sum) + offset[c]) + product(sum)) >> kFraction) + kCodes / 2;
  }
};

// The law of 2-bit codes of rows so short that sums fit a nibble, c the code of a term:
//
//     code = (saturated(of_sum[sum] + of_code[c]) >> 6) + 2
struct ByteLaw {
  static constexpr int kFraction = 6;
  static constexpr int kCodes = 4, kSums = 16;
  static constexpr int64_t kMaxLength = (kSums - 1) / (kCodes - 1);

  int8_t of_sum[kSums];
  int8_t of_code[kSums];  // repeats itself

  int code(int sum, int c) const { return (saturated<int8_t>(of_sum[sum] + of_code[c]) >> kFraction) + kCodes / 2; }
};

// Lane c of the row of T(t, c) in `at` is T(t, c) - 1 - 127: a sum minus 127, as a signed byte, is greater exactly when
// the sum reaches the threshold. c = code of term 0 + 2^b * code of term 1. Rows stand in the order of a search, level
// after level; in a level, the row of a threshold is the outcomes of the levels before, the first one lowest:
//
//     2 bits   T2 | T1 T3
//     4 bits   T8 | T4 T12 | T2 T10 T6 T14 | T1 T9 T5 T13 T3 T11 T7 T15
struct ThresholdTable {
  static constexpr int kBias = 127;
  static constexpr int kLanes = 16;

  // [2^b - 1, kLanes], aligned to kLanes; 64 bytes from the start of a level are the table's own. Null: longer than
  // max_length.
  int8_t* at = nullptr;
  bool has_words = false, has_bytes = false;
  WordLaw words;
  ByteLaw bytes;
  RowFactors factors;
  std::atomic<int32_t> state{0};  // rows met without a table; kReady; kRefused
};

class ThresholdCache {
 public:
  static constexpr int32_t kReady = -1, kRefused = -2;

  // Makes a table when rows of its length have been met so often; not given: as many as are finished without one in the
  // time that its making takes.
  explicit ThresholdCache(int num_bits, int32_t enough_rows = 0);

  // Longest row whose sums of b-bit codes leave room for a threshold above them in a byte.
  static constexpr int64_t max_length(int num_bits) { return 254 / ((1 << num_bits) - 1); }
  // The same where a table may hold words: beyond five bytes full of sums few rows are left, and few constants.
  static constexpr int64_t max_word_length(int num_bits) { return num_bits == 4 ? 85 : max_length(num_bits); }

  // Whether the law of `e` on sums of codes of `num_bits` can be tabulated at all.
  static bool fits(const Epilogue& e, int num_bits) {
    if (num_bits > 4 || !e.is_uniform || !e.col_scale || e.output.num_bits != num_bits || e.num_terms * num_bits > 4)
      return false;
    for (int t = 0; t < e.num_terms; ++t)
      if (e.terms[t].num_bits != num_bits) return false;
    return true;
  }

  int num_bits() const { return num_bits_; }

  // Table of a row of 1 <= length <= max_word_length, or null: take the float path. Tables are worth their making
  // only for lengths that are met often, so the first rows of a length get none.
  const ThresholdTable* find(const Epilogue& e, int64_t row, int64_t length) {
    const int32_t state = tables_[length].state.load(std::memory_order_acquire);
    if (state == kReady) return find_ready(e, row, length);
    return state == kRefused ? nullptr : count(e, row, length);
  }

  // The same, but never makes one.
  SMOOTHBIT_INLINE const ThresholdTable* find_ready(const Epilogue& e, int64_t row, int64_t length) const {
    const ThresholdTable* table = find_ready(length);
    return table && row_has_factors(table->factors, e, row) ? table : nullptr;
  }

  // Where rows of one length have equal factors.
  SMOOTHBIT_INLINE const ThresholdTable* find_ready(int64_t length) const {
    const ThresholdTable& table = tables_[length];
    return table.state.load(std::memory_order_acquire) == kReady ? &table : nullptr;
  }

  // Whether rows of one length that a table can have, have equal factors, so that one row of a run speaks for all.
  static bool factors_follow_length(const Epilogue& e, const int64_t* indptr, int64_t num_rows);

  // Whether rows have these factors: are_equal(values, value) compares an array of one for each node, or null.
  template <class AreEqual>
  static SMOOTHBIT_INLINE bool has_factors(const RowFactors& factors, const Epilogue& e, const AreEqual& are_equal) {
    bool same = are_equal(e.row_scale, factors.row_scale) && are_equal(e.row_term, factors.row_term) &&
                are_equal(e.output_row_scale, factors.output_row_scale);
    for (int t = 0; t < e.num_terms; ++t)
      same = same && are_equal(e.terms[t].row_scale, factors.term_row_scales[t]);
    return same;
  }

 private:
  static SMOOTHBIT_INLINE bool row_has_factors(const RowFactors& factors, const Epilogue& e, int64_t row) {
    return has_factors(factors, e, [row](const float* values, float value) { return !values || values[row] == value; });
  }
  const ThresholdTable* count(const Epilogue& e, int64_t row, int64_t length);
  bool fill(const Epilogue& e, int64_t length, ThresholdTable& table) const;

  int num_bits_;
  int32_t enough_rows_;
  std::unique_ptr<ThresholdTable[]> tables_;  // by length
  std::unique_ptr<int8_t[]> lanes_;
};

}  // namespace smoothbit
