// The schedules of a matrix, made when they pay: their arrays, kept alive, and what is derived from them.
#pragma once

#include <limits>
#include <list>
#include <memory>
#include <mutex>

#include "arrays.h"
#include "buffers.h"
#include "smoothbit/schedule.h"
#include "smoothbit/take.h"

namespace smoothbit {

// One for each distance of source rows, as entries are offsets; a network has few.
class LazySchedule {
 public:
  LazySchedule(Vector<int64_t> indptr, Vector<int32_t> indices) : indptr_(indptr), indices_(indices) {}

  // Sets the schedule of a call on these rows, valid as long as the loan, which holds a copy of the source where the
  // schedule wants one. There is none for the first call, as making a schedule takes about as long as one call, and for
  // graphs so large that a second copy of their entries is no small part of the memory.
  BufferPool::Loan set(SpmmArgs& args, bool is_sorted, int num_threads) {
    const OwnedSchedule* schedule = next(args.num_sources, args.source_stride, is_sorted);
    BufferPool::Loan copy;
    if (!schedule) return copy;
    const std::vector<int32_t>& rows = schedule->sources();
    if (rows.empty()) {
      args.schedule = schedule->view(args.source);
      return copy;
    }
    const int64_t num_rows = static_cast<int64_t>(rows.size());
    copy = pool_.borrow(num_rows * args.source_stride);
    const TakeArgs take{args.source, rows.data(), copy.data(), args.source_stride, num_rows};
    run_rows(take_kernel(take.row_bytes), take, static_cast<const int64_t*>(nullptr), num_rows, num_threads);
    args.schedule = schedule->view(copy.data());
    return copy;
  }

 private:
  static constexpr int64_t kMaxEntries = 1 << 26;  // 256 MiB

  struct Made {
    int64_t row_stride;
    bool is_sorted;
    std::unique_ptr<OwnedSchedule> schedule;  // null after the first call
  };

  // Whether the copy of a source may pay: beyond the third-level cache, for rows of a line at most that are read often
  // (25 entries each: 19 MB of 32 bytes 64 to 59 ms, 38 MB of 64 bytes 70 to 61, 10 MB of 16 bytes 26 to 26).
  bool may_copy(int64_t num_sources, int64_t row_stride) const {
    return num_sources * row_stride >= 1 << 24 && row_stride <= 64 && num_entries() >= 16 * num_sources;
  }

  int64_t num_entries() const { return static_cast<int64_t>(indices_.shape(0)); }

  const OwnedSchedule* next(int64_t num_sources, int64_t row_stride, bool is_sorted) {
    if (num_entries() > kMaxEntries) return nullptr;
    if (num_sources * row_stride > static_cast<int64_t>(std::numeric_limits<uint32_t>::max())) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Made& made : made_) {
      if (made.row_stride != row_stride || made.is_sorted != is_sorted) continue;
      if (!made.schedule) {
        std::vector<int32_t> sources;
        if (may_copy(num_sources, row_stride)) sources = sources_by_use(indices_.data(), num_entries(), num_sources);
        made.schedule =
            std::make_unique<OwnedSchedule>(indptr_.data(), indices_.data(), static_cast<int64_t>(indptr_.shape(0)) - 1,
                                            row_stride, is_sorted, std::move(sources));
      }
      return made.schedule.get();
    }
    made_.push_back({row_stride, is_sorted, nullptr});
    return nullptr;
  }

  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  std::mutex mutex_;
  std::list<Made> made_;
  BufferPool pool_;
};

}  // namespace smoothbit
