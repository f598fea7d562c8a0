// Making a schedule: a counting sort of each block, then its entries as offsets.
#include "smoothbit/schedule.h"

#include <algorithm>
#include <array>
#include <utility>

namespace smoothbit {
namespace {

// Longer rows keep their sequence: they are few, and each is a loop of its own.
constexpr int64_t kLongest = 1023;

// Rows [begin, end) by falling length, equal ones in sequence.
void sort_block(const int64_t* indptr, int64_t begin, int64_t end, int32_t* rows) {
  const auto key = [&](int64_t row) { return kLongest - std::min(indptr[row + 1] - indptr[row], kLongest); };
  std::array<int64_t, kLongest + 2> first{};
  for (int64_t row = begin; row < end; ++row) ++first[static_cast<size_t>(key(row) + 1)];
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  for (int64_t row = begin; row < end; ++row) rows[first[static_cast<size_t>(key(row))]++] = static_cast<int32_t>(row);
}

}  // namespace

std::vector<int32_t> sources_by_use(const int32_t* indices, int64_t num_entries, int64_t num_sources) {
  constexpr size_t kClasses = 33;
  std::vector<uint32_t> uses(static_cast<size_t>(num_sources));
  for (int64_t i = 0; i < num_entries; ++i) ++uses[static_cast<size_t>(indices[i])];
  const auto place = [](uint32_t count) {  // 0 for the greatest counts
    size_t bits = 0;
    for (; count; count >>= 1) ++bits;
    return kClasses - 1 - bits;
  };
  std::array<int64_t, kClasses> first{}, entries{};
  for (const uint32_t count : uses) {
    ++first[place(count)];
    entries[place(count)] += count;
  }
  int64_t num_used = 0, num_read = 0, half = 0;
  for (size_t c = 0; c + 1 < kClasses; ++c) {
    if (2 * num_read < num_entries) half = num_used + first[c];
    num_read += entries[c];
    num_used += std::exchange(first[c], num_used);
  }
  if (3 * half > num_sources) return {};
  std::vector<int32_t> sources(static_cast<size_t>(num_used));
  for (int64_t source = 0; source < num_sources; ++source)
    if (const uint32_t count = uses[static_cast<size_t>(source)])
      sources[static_cast<size_t>(first[place(count)]++)] = static_cast<int32_t>(source);
  if (std::is_sorted(sources.begin(), sources.end())) return {};
  return sources;
}

OwnedSchedule::OwnedSchedule(const int64_t* indptr, const int32_t* indices, int64_t num_rows, int64_t row_stride,
                             bool is_sorted, std::vector<int32_t> sources, int64_t block_rows)
    : given_indptr_(indptr), sources_(std::move(sources)), block_rows_(block_rows) {
  std::vector<int32_t> places;  // of the sources, in the copy
  if (!sources_.empty()) places.resize(static_cast<size_t>(*std::max_element(sources_.begin(), sources_.end())) + 1);
  for (size_t i = 0; i < sources_.size(); ++i) places[static_cast<size_t>(sources_[i])] = static_cast<int32_t>(i);
  offsets_.resize(static_cast<size_t>(indptr[num_rows] + RowSchedule::kPadding));
  uint32_t* next = offsets_.data();
  const auto append = [indices, row_stride, &places, &next](int64_t begin, int64_t end) {
    next = std::transform(indices + begin, indices + end, next, [row_stride, &places](int32_t index) {
      return static_cast<uint32_t>((places.empty() ? index : places[static_cast<size_t>(index)]) * row_stride);
    });
  };
  if (is_sorted) {
    rows_.resize(static_cast<size_t>(num_rows));
    for (int64_t begin = 0; begin < num_rows; begin += block_rows)
      sort_block(indptr, begin, std::min(begin + block_rows, num_rows), rows_.data() + begin);
    if (std::is_sorted(rows_.begin(), rows_.end())) rows_ = {};
  }
  if (rows_.empty()) {
    append(0, indptr[num_rows]);
    return;
  }
  indptr_.reserve(static_cast<size_t>(num_rows + 1));
  indptr_.push_back(0);
  for (const int32_t row : rows_) {
    append(indptr[row], indptr[row + 1]);
    indptr_.push_back(next - offsets_.data());
  }
}

RowSchedule OwnedSchedule::view(const uint8_t* source) const {
  if (rows_.empty()) return {given_indptr_, offsets_.data(), nullptr, 1, source};
  return {indptr_.data(), offsets_.data(), rows_.data(), block_rows_, source};
}

}  // namespace smoothbit
