// Making a schedule: a counting sort of each block, then its entries as offsets.
#include "smoothbit/schedule.h"

#include <algorithm>
#include <utility>

namespace smoothbit {
namespace {

// Longer rows keep their sequence: they are few, and each is a loop of its own.
constexpr int64_t kLongest = 1023;

}  // namespace

OwnedSchedule::OwnedSchedule(const int64_t* indptr, const int32_t* indices, int64_t num_rows, int64_t row_stride,
                             bool is_sorted, std::unique_ptr<SourceCopy> copy, int64_t block_rows)
    : given_indptr_(indptr), copy_(std::move(copy)) {
  offsets_.resize(static_cast<size_t>(indptr[num_rows] + RowSchedule::kPadding));
  uint32_t* next = offsets_.data();
  const int64_t units = row_stride / RowSchedule::kUnit;
  const auto append = [indices, units, &next](int64_t begin, int64_t end, const auto& place) {
    next = std::transform(indices + begin, indices + end, next,
                          [units, &place](int32_t index) { return static_cast<uint32_t>(place(index) * units); });
  };
  if (is_sorted) {
    if (copy_) block_rows = std::min(block_rows, copy_->bin_rows());
    rows_.resize(static_cast<size_t>(num_rows));
    for (int64_t begin = 0; begin < num_rows; begin += block_rows)
      sort_by_length<kLongest>(indptr, begin, std::min(begin + block_rows, num_rows), rows_.data() + begin);
    if (std::is_sorted(rows_.begin(), rows_.end())) rows_ = {};
  }
  if (!rows_.empty()) {
    indptr_.reserve(static_cast<size_t>(num_rows + 1));
    indptr_.push_back(0);
  }
  const auto append_rows = [&](int64_t begin, int64_t end, const auto& place) {
    if (rows_.empty()) return append(indptr[begin], indptr[end], place);
    for (; begin < end; ++begin) {
      const int64_t row = rows_[static_cast<size_t>(begin)];
      append(indptr[row], indptr[row + 1], place);
      indptr_.push_back(next - offsets_.data());
    }
  };
  if (!copy_) {
    append_rows(0, num_rows, [](int32_t index) { return index; });
    return;
  }
  for (int64_t begin = 0; begin < num_rows; begin += copy_->bin_rows()) {
    const int64_t end = std::min(begin + copy_->bin_rows(), num_rows);
    copy_->start_bin(indices + indptr[begin], indices + indptr[end]);
    append_rows(begin, end, [this](int32_t index) { return copy_->place(index); });
  }
  copy_->finish();
}

RowSchedule OwnedSchedule::view(const uint8_t* source) const {
  if (rows_.empty()) return {given_indptr_, offsets_.data(), nullptr, source};
  return {indptr_.data(), offsets_.data(), rows_.data(), source};
}

}  // namespace smoothbit
