// Thresholds: the epilogue of a whole row, when all its channels share one law, as comparisons of bytes.
//
// With per-tensor laws the code of an output lane depends on the row's factors, on the integer sum S and on
// the codes c of the packed terms, and it never falls as S grows. So it is the number of thresholds that S
// reaches:
//
//     code = [S >= T1(c)] + [S >= T2(c)] + .. + [S >= Tq(c)],  q = 2^b - 1
//
// The rows of a graph with the same length have the same factors (1/d, d^-1/2), so the tables are kept by row
// length. A table is made by evaluating the serial law at every S and c that can occur and is refused when
// that is not monotone: nothing here is an approximation. Rows whose factors are not those of their table
// take the float path.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
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

// Lane c of the row of T(t, c) in `at` is T(t, c) - 1 - 127: a sum minus 127, as a signed byte, is greater exactly when
// the sum reaches the threshold. c = code of term 0 + 2^b * code of term 1. Rows stand in the order of a search, level
// after level; in a level, the row of a threshold is the outcomes of the levels before, the first one lowest:
//
//     2 bits   T2 | T1 T3
//     4 bits   T8 | T4 T12 | T2 T10 T6 T14 | T1 T9 T5 T13 T3 T11 T7 T15
struct ThresholdTable {
  static constexpr int kBias = 127;
  static constexpr int kLanes = 16;

  int8_t* at = nullptr;  // [2^b - 1, kLanes], aligned to kLanes; 64 bytes from the start of a level are the table's own
  RowFactors factors;
  std::atomic<int32_t> state{0};  // rows met without a table; kReady; kRefused
};

class ThresholdCache {
 public:
  static constexpr int32_t kReady = -1, kRefused = -2;

  explicit ThresholdCache(int num_bits);

  // Longest row whose sums of b-bit codes leave room for a threshold above them in a byte.
  static int64_t max_length(int num_bits) { return 254 / ((1 << num_bits) - 1); }

  // Whether the law of `e` on sums of codes of `num_bits` can be tabulated at all.
  static bool fits(const Epilogue& e, int num_bits) {
    if (num_bits > 4 || !e.is_uniform || !e.col_scale || e.output.num_bits != num_bits || e.num_terms * num_bits > 4)
      return false;
    for (int t = 0; t < e.num_terms; ++t)
      if (e.terms[t].num_bits != num_bits) return false;
    return true;
  }

  int num_bits() const { return num_bits_; }

  // Table of a row of 1 <= length <= max_length, or null: take the float path. Tables are worth their making
  // only for lengths that are met often, so the first rows of a length get none.
  const ThresholdTable* find(const Epilogue& e, int64_t row, int64_t length) {
    const int32_t state = tables_[length].state.load(std::memory_order_acquire);
    if (state == kReady) return find_ready(e, row, length);
    return state == kRefused ? nullptr : count(e, row, length);
  }

  // The same, but never makes one.
  SMOOTHBIT_INLINE const ThresholdTable* find_ready(const Epilogue& e, int64_t row, int64_t length) const {
    const ThresholdTable& table = tables_[length];
    if (table.state.load(std::memory_order_acquire) != kReady) return nullptr;
    const auto is_equal = [row](const float* values, float value) { return !values || values[row] == value; };
    return has_factors(table, e, is_equal) ? &table : nullptr;
  }

  // Whether rows have the factors of the table: are_equal(values, value) compares an array of one for each node, or null.
  template <class AreEqual>
  static SMOOTHBIT_INLINE bool has_factors(const ThresholdTable& table, const Epilogue& e, const AreEqual& are_equal) {
    const RowFactors& factors = table.factors;
    bool same = are_equal(e.row_scale, factors.row_scale) && are_equal(e.row_term, factors.row_term) &&
                are_equal(e.output_row_scale, factors.output_row_scale);
    for (int t = 0; t < e.num_terms; ++t)
      same = same && are_equal(e.terms[t].row_scale, factors.term_row_scales[t]);
    return same;
  }

 private:
  const ThresholdTable* count(const Epilogue& e, int64_t row, int64_t length);
  bool fill(const Epilogue& e, int64_t length, ThresholdTable& table) const;

  int num_bits_;
  std::unique_ptr<ThresholdTable[]> tables_;  // by length
  std::unique_ptr<int8_t[]> lanes_;
};

}  // namespace smoothbit
