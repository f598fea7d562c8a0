// Making a threshold table: the serial law at every sum and every pair of term codes.
#include "kernels/epilogue/thresholds.h"

#include <algorithm>
#include <cmath>

#include "kernels/epilogue/serial.h"

namespace smoothbit {
namespace {

RowFactors factors_of(const Epilogue& e, int64_t row) {
  RowFactors factors;
  if (e.row_term) factors.row_term = e.row_term[row];
  if (e.row_scale) factors.row_scale = e.row_scale[row];
  if (e.output_row_scale) factors.output_row_scale = e.output_row_scale[row];
  for (int t = 0; t < e.num_terms; ++t)
    if (e.terms[t].row_scale) factors.term_row_scales[t] = e.terms[t].row_scale[row];
  return factors;
}

// The epilogue of one lane, as epilogue/serial.h has it, with given codes instead of packed rows.
int code_of(const Epilogue& e, const RowFactors& factors, int32_t sum, int codes) {
  float terms[kMaxTabulatedTerms];
  for (int t = 0; t < e.num_terms; ++t) {
    terms[t] = static_cast<float>(codes >> (t * e.output.num_bits) & ((1 << e.output.num_bits) - 1)) * e.terms[t].step[0];
    terms[t] = terms[t] + e.terms[t].offset[0];
    if (e.terms[t].row_scale) terms[t] = terms[t] * factors.term_row_scales[t];
  }
  const float y = epilogue_of_sum_serial(e, 0, sum, factors.row_term, factors.row_scale);
  return static_cast<int>(
      quantize_serial(epilogue_of_terms_serial(e, y, terms, factors.output_row_scale), e.output, 0));
}

// Row of threshold T(t + 1) in the order of a search: after the level of the lowest set bit of t + 1, the bits
// above it, reversed.
int search_row(int t, int num_bits) {
  const int lowest = __builtin_ctz(static_cast<unsigned>(t + 1)), level = num_bits - 1 - lowest;
  int row = 1 << level;
  for (int bit = 0; bit < level; ++bit) row += ((t + 1) >> (num_bits - 1 - bit) & 1) << bit;
  return row - 1;
}

}  // namespace

ThresholdCache::ThresholdCache(int num_bits) : num_bits_(num_bits) {
  const int64_t num_tables = max_length(num_bits) + 1;
  // Loads of 64 bytes from the first two rows end within the table: the next one may be in the making.
  const int64_t table_bytes = std::max<int64_t>(((1 << num_bits) - 1) * ThresholdTable::kLanes, ThresholdTable::kLanes + 64);
  tables_.reset(new ThresholdTable[static_cast<size_t>(num_tables)]);
  lanes_.reset(new int8_t[static_cast<size_t>(num_tables * table_bytes + ThresholdTable::kLanes)]);
  const uintptr_t address = reinterpret_cast<uintptr_t>(lanes_.get());
  int8_t* at = lanes_.get() + (ThresholdTable::kLanes - address % ThresholdTable::kLanes) % ThresholdTable::kLanes;
  for (int64_t length = 0; length < num_tables; ++length) tables_[length].at = at + length * table_bytes;
}

// False when the code falls somewhere as the sum grows.
bool ThresholdCache::fill(const Epilogue& e, int64_t length, ThresholdTable& table) const {
  const int qmax = (1 << num_bits_) - 1;
  const int bound = static_cast<int>(length) * qmax;
  const int num_combinations = 1 << (num_bits_ * e.num_terms);
  const auto set = [&](int threshold, int codes, int sum) {
    // Combinations that do not occur repeat the others, so that stray bits of an index do no harm.
    const int lanes = search_row(threshold, num_bits_) * ThresholdTable::kLanes;
    for (int c = codes; c < ThresholdTable::kLanes; c += num_combinations)
      table.at[lanes + c] = static_cast<int8_t>(sum - 1 - ThresholdTable::kBias);
  };
  for (int codes = 0; codes < num_combinations; ++codes) {
    int reached = 0;
    for (int sum = 0; sum <= bound; ++sum) {
      const int code = code_of(e, table.factors, sum, codes);
      if (code < reached) return false;
      for (; reached < code; ++reached) set(reached, codes, sum);
    }
    for (; reached < qmax; ++reached) set(reached, codes, bound + 1);
  }
  return true;
}

const ThresholdTable* ThresholdCache::count(const Epilogue& e, int64_t row, int64_t length) {
  ThresholdTable& table = tables_[length];
  // Making a table costs about as much as finishing this many rows without one.
  const int32_t enough = static_cast<int32_t>(4 + (length << (num_bits_ == 4 ? 5 : 0)));
  // Of several threads exactly one makes the step to what is enough, and makes the table.
  int32_t met = table.state.load(std::memory_order_relaxed);
  if (met < 0 || !table.state.compare_exchange_strong(met, met + 1, std::memory_order_relaxed)) return nullptr;
  if (met + 1 != enough) return nullptr;
  table.factors = factors_of(e, row);
  const bool is_monotone = fill(e, length, table);
  table.state.store(is_monotone ? kReady : kRefused, std::memory_order_release);
  return is_monotone ? &table : nullptr;
}

}  // namespace smoothbit
