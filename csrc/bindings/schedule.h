// The schedules of a matrix, made when they pay: their arrays, kept alive, and what is derived from them.
#pragma once

#include <limits>
#include <list>
#include <memory>
#include <mutex>

#include "arrays.h"
#include "smoothbit/schedule.h"

namespace smoothbit {

// One for each distance of source rows, as entries are offsets; a network has few.
class LazySchedule {
 public:
  LazySchedule(Vector<int64_t> indptr, Vector<int32_t> indices) : indptr_(indptr), indices_(indices) {}

  // Of a call on these rows: empty for the first one, as making a schedule takes about as long as one call, and for
  // graphs so large that a second copy of their entries is no small part of the memory.
  RowSchedule next(int64_t num_sources, int64_t row_stride, bool is_sorted) {
    if (static_cast<int64_t>(indices_.shape(0)) > kMaxEntries) return {};
    if (num_sources * row_stride > static_cast<int64_t>(std::numeric_limits<uint32_t>::max())) return {};
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Made& made : made_) {
      if (made.row_stride != row_stride || made.is_sorted != is_sorted) continue;
      if (!made.schedule)
        made.schedule = std::make_unique<OwnedSchedule>(
            indptr_.data(), indices_.data(), static_cast<int64_t>(indptr_.shape(0)) - 1, row_stride, is_sorted);
      return made.schedule->view();
    }
    made_.push_back({row_stride, is_sorted, nullptr});
    return {};
  }

 private:
  static constexpr int64_t kMaxEntries = 1 << 26;  // 256 MiB

  struct Made {
    int64_t row_stride;
    bool is_sorted;
    std::unique_ptr<OwnedSchedule> schedule;  // null after the first call
  };

  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  std::mutex mutex_;
  std::list<Made> made_;
};

}  // namespace smoothbit
