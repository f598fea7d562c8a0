// Making a threshold table: the serial law where a code begins, for every pair of term codes.
#include "kernels/epilogue/thresholds.h"

#include <algorithm>
#include <array>
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

// Whether no code falls as the sum grows, up to `bound`: every operation is monotone in IEEE arithmetic where what it
// multiplies with is not negative, and nothing on the way, the magnitudes of which are added up, is infinite.
bool never_falls(const Epilogue& e, const RowFactors& factors, int bound) {
  const Law& law = e.output;
  float largest = static_cast<float>(bound) * std::abs(e.col_scale[0]);
  if (e.col_term) largest += std::abs(factors.row_term * e.col_term[0]);
  largest *= factors.row_scale;
  if (e.col_bias) largest += std::abs(e.col_bias[0]);
  if (e.aggregate.num_bits)
    largest += e.aggregate.fine_qmax * std::abs(e.aggregate_step[0]) + std::abs(e.aggregate_offset[0]);
  for (int t = 0; t < e.num_terms; ++t)
    largest += std::abs((std::abs(e.terms[t].step[0]) * law.qmax + std::abs(e.terms[t].offset[0])) *
                        (e.terms[t].row_scale ? factors.term_row_scales[t] : 1.0f));
  return std::isfinite(largest) && std::isfinite(factors.row_scale) && std::isfinite(factors.output_row_scale) &&
         e.col_scale[0] >= 0 && factors.row_scale >= 0 && factors.output_row_scale >= 0 && law.inv_scale[0] > 0 &&
         (!law.truncates || law.inv_divisor > 0) &&
         (!e.aggregate.num_bits || (e.aggregate.inv_scale[0] > 0 && e.aggregate_step[0] >= 0));
}

// Thresholds of a law that never falls: [term codes][t] is the least sum of a code above t, or bound + 1.
using Reached = std::array<std::array<int, 15>, ThresholdTable::kLanes>;

Reached thresholds_of(const Epilogue& e, const RowFactors& factors, int bound, int num_combinations) {
  const int qmax = static_cast<int>(e.output.qmax);
  Reached reached{};
  for (int c = 0; c < num_combinations; ++c) {
    for (int t = 0; t < qmax; ++t) {
      int low = t ? reached[c][t - 1] : 0, high = bound + 1;
      while (low < high) {
        const int middle = (low + high) / 2;
        if (code_of(e, factors, middle, c) > t) high = middle;
        else low = middle + 1;
      }
      reached[c][t] = low;
    }
  }
  return reached;
}

// Whether the offsets of `words`, which it sets, can make every threshold fall where it is reached.
bool set_offsets(const Reached& reached, int bound, int num_combinations, WordLaw& words) {
  constexpr int kUnit = 1 << WordLaw::kFraction;
  const auto without_offset = [&words](int sum) { return words.scaled(sum) + words.product(sum); };
  for (int c = 0; c < num_combinations; ++c) {
    int low = -32768, high = 32767;
    for (int t = 0; t < WordLaw::kCodes - 1; ++t) {
      const int sum = reached[c][t], code_begin = (t + 1 - WordLaw::kCodes / 2) * kUnit;
      if (sum <= bound) low = std::max(low, code_begin - without_offset(sum));
      if (sum > 0) high = std::min(high, code_begin - 1 - without_offset(sum - 1));
    }
    if (low > high) return false;
    words.offset[c] = static_cast<int16_t>((low + high) / 2);
  }
  // Combinations that do not occur repeat the others, so that stray bits of an index do no harm.
  for (int c = num_combinations; c < WordLaw::kCodes; ++c) words.offset[c] = words.offset[c % num_combinations];
  return true;
}

// Whether `words` gives the codes of every sum up to `bound`. It does not fall, so thresholds tell.
bool is_exact(const Reached& reached, int bound, int num_combinations, const WordLaw& words) {
  for (int c = 0; c < num_combinations; ++c)
    for (int t = 0; t < WordLaw::kCodes - 1; ++t) {
      const int sum = reached[c][t];
      if ((sum <= bound && words.code(sum, c) <= t) || (sum > 0 && words.code(sum - 1, c) > t)) return false;
    }
  return true;
}

// The law in words, for sums that make `slope` codes each.
bool find_words(const Reached& reached, double slope, int bound, int num_combinations, WordLaw& words) {
  constexpr int kMaxShift = 14;
  const double units = slope * (1 << WordLaw::kFraction);
  if (!(units >= 1) || !(units < 1 << (kMaxShift + 1))) return false;
  words.shift = std::ilogb(units);
  // The center is where the code would be in the middle, or as near as all sums allow.
  double first = bound, last = 0;
  for (int c = 0; c < num_combinations; ++c)
    for (int t = 0; t < WordLaw::kCodes - 1; ++t)
      if (reached[c][t] > 0 && reached[c][t] <= bound) {
        const double middle = reached[c][t] - (t + 1 - WordLaw::kCodes / 2) / slope;
        first = std::min(first, middle);
        last = std::max(last, middle);
      }
  const int reach = 32767 >> words.shift, lowest = bound - reach, highest = reach;
  const bool is_clamped = lowest > highest;
  if (is_clamped && num_combinations > 1) return false;
  const int middle = static_cast<int>(std::lround((first + last) / 2));
  const int center = is_clamped ? middle : std::clamp(middle, lowest, highest);
  words.center = static_cast<int16_t>(center);
  words.least = static_cast<int16_t>(std::max(center - reach, 0));
  words.most = static_cast<int16_t>(std::min(center + reach, bound));
  const int factor = static_cast<int>(std::lround((units / (1 << words.shift) - 1) * 32768));
  for (const int change : {0, -1, 1, -2, 2, -3, 3}) {
    if (factor + change < 0 || factor + change > 32767) continue;
    words.factor = static_cast<int16_t>(factor + change);
    if (set_offsets(reached, bound, num_combinations, words) && is_exact(reached, bound, num_combinations, words))
      return true;
  }
  return false;
}

// The law in bytes: differences of two numbers, one of the sum and one of the code, between bounds. Numbers that are too
// large fall to the largest that one bound allows, until all hold or one would leave a byte.
bool find_bytes(const Reached& reached, int bound, int num_combinations, ByteLaw& bytes) {
  constexpr int kUnit = 1 << ByteLaw::kFraction;
  std::array<int, ByteLaw::kSums> of_sum;
  std::array<int, ByteLaw::kCodes> less_of_code;
  of_sum.fill(127);
  less_of_code.fill(128);
  for (bool has_fallen = true; has_fallen;) {
    has_fallen = false;
    const auto fall = [&has_fallen](int& number, int most) {
      has_fallen |= number > most;
      number = std::min(number, most);
    };
    for (int c = 0; c < num_combinations; ++c)
      for (int sum = 0; sum <= bound; ++sum) {
        int code = 0;
        for (int t = 0; t < ByteLaw::kCodes - 1; ++t) code += sum >= reached[c][t];
        const int begin = (code - ByteLaw::kCodes / 2) * kUnit;  // of what the number of the sum, less this one, may be
        if (code < ByteLaw::kCodes - 1) fall(of_sum[sum], less_of_code[c] + begin + kUnit - 1);
        if (code > 0) fall(less_of_code[c], of_sum[sum] - begin);
        if (of_sum[sum] < -128 || less_of_code[c] < -127) return false;
      }
  }
  for (int i = 0; i < ByteLaw::kSums; ++i) {
    bytes.of_sum[i] = static_cast<int8_t>(of_sum[i]);
    bytes.of_code[i] = static_cast<int8_t>(-less_of_code[i % num_combinations]);
  }
  return true;
}

}  // namespace

ThresholdCache::ThresholdCache(int num_bits, int32_t enough_rows)
    : num_bits_(num_bits), enough_rows_(enough_rows ? enough_rows : 1 << (2 * num_bits)) {
  const int64_t num_tables = max_length(num_bits) + 1;
  // Loads of 64 bytes from the first two rows end within the table: the next one may be in the making.
  const int64_t table_bytes = std::max<int64_t>(((1 << num_bits) - 1) * ThresholdTable::kLanes, ThresholdTable::kLanes + 64);
  tables_.reset(new ThresholdTable[static_cast<size_t>(max_word_length(num_bits) + 1)]);
  lanes_.reset(new int8_t[static_cast<size_t>(num_tables * table_bytes + ThresholdTable::kLanes)]);
  const uintptr_t address = reinterpret_cast<uintptr_t>(lanes_.get());
  int8_t* at = lanes_.get() + (ThresholdTable::kLanes - address % ThresholdTable::kLanes) % ThresholdTable::kLanes;
  for (int64_t length = 0; length < num_tables; ++length) tables_[length].at = at + length * table_bytes;
}

// False where rows of this length take the float path.
bool ThresholdCache::fill(const Epilogue& e, int64_t length, ThresholdTable& table) const {
  const int qmax = (1 << num_bits_) - 1, bound = static_cast<int>(length) * qmax;
  const int num_combinations = 1 << (num_bits_ * e.num_terms);
  if (!never_falls(e, table.factors, bound)) return false;
  const Reached reached = thresholds_of(e, table.factors, bound, num_combinations);
  for (int t = 0; table.at && t < qmax; ++t)
    for (int c = 0; c < ThresholdTable::kLanes; ++c)  // as in words, the others repeat what can occur
      table.at[search_row(t, num_bits_) * ThresholdTable::kLanes + c] =
          static_cast<int8_t>(reached[c % num_combinations][t] - 1 - ThresholdTable::kBias);
  if (num_bits_ == 4 && !e.aggregate.num_bits) {
    const double inv_scale = e.output.inv_scale[0] * (e.output.truncates ? e.output.inv_divisor : 1.0f);
    const double slope = static_cast<double>(e.col_scale[0]) * table.factors.row_scale * table.factors.output_row_scale;
    table.has_words = find_words(reached, slope * inv_scale, bound, num_combinations, table.words);
  }
  table.has_bytes = num_bits_ == 2 && length <= ByteLaw::kMaxLength && num_combinations <= ByteLaw::kCodes &&
                    find_bytes(reached, bound, num_combinations, table.bytes);
  return table.at || table.has_words;
}

bool ThresholdCache::factors_follow_length(const Epilogue& e, const int64_t* indptr, int64_t num_rows) {
  constexpr int64_t kMaxLength = max_length(1);
  std::array<RowFactors, kMaxLength + 1> factors;  // of each length
  std::array<bool, kMaxLength + 1> is_known{};
  for (int64_t row = 0; row < num_rows; ++row) {
    const int64_t length = indptr[row + 1] - indptr[row];
    if (length > kMaxLength) continue;
    const size_t i = static_cast<size_t>(length);
    if (!is_known[i]) factors[i] = factors_of(e, row);
    is_known[i] = true;
    if (!row_has_factors(factors[i], e, row)) return false;
  }
  return true;
}

const ThresholdTable* ThresholdCache::count(const Epilogue& e, int64_t row, int64_t length) {
  ThresholdTable& table = tables_[length];
  // Of several threads exactly one makes the step to what is enough, and makes the table.
  int32_t met = table.state.load(std::memory_order_relaxed);
  if (met < 0 || !table.state.compare_exchange_strong(met, met + 1, std::memory_order_relaxed)) return nullptr;
  if (met + 1 != enough_rows_) return nullptr;
  table.factors = factors_of(e, row);
  const bool is_made = fill(e, length, table);
  table.state.store(is_made ? kReady : kRefused, std::memory_order_release);
  return is_made ? &table : nullptr;
}

}  // namespace smoothbit
