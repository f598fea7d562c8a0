// The schedule of a matrix, made when it pays: its arrays, kept alive, and what is derived from them.
#pragma once

#include <memory>
#include <mutex>

#include "arrays.h"
#include "smoothbit/schedule.h"

namespace smoothbit {

class LazySchedule {
 public:
  LazySchedule(Vector<int64_t> indptr, Vector<int32_t> indices) : indptr_(indptr), indices_(indices) {}

  // Of a call on these rows: empty for the first one, as making a schedule takes about as long as one call, and for
  // graphs so large that a second copy of their entries is no small part of the memory.
  RowSchedule next() {
    if (static_cast<int64_t>(indices_.shape(0)) > kMaxEntries) return {};
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!is_known_) {
      is_known_ = true;
      return {};
    }
    if (!schedule_)
      schedule_ = std::make_unique<OwnedSchedule>(indptr_.data(), indices_.data(),
                                                  static_cast<int64_t>(indptr_.shape(0)) - 1);
    return schedule_->view();
  }

 private:
  static constexpr int64_t kMaxEntries = 1 << 24;  // 64 MiB

  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  std::mutex mutex_;
  bool is_known_ = false;
  std::unique_ptr<OwnedSchedule> schedule_;
};

}  // namespace smoothbit
