// The schedules of a matrix, made when they pay: their arrays, kept alive, and what is derived from them.
#pragma once

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>

#include "arrays.h"
#include "buffers.h"
#include "smoothbit/schedule.h"

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
    BufferPool::Loan loan;
    if (!schedule) return loan;
    const uint8_t* source = args.source;
    if (const SourceCopy* copy = schedule->copy()) {
      loan = pool_.borrow(copy->num_bytes());
      source = loan.data();
      run_rows(copy->kernel(), copy->args(args.source, loan.data()), static_cast<const int64_t*>(nullptr),
               copy->num_lines(), num_threads);
    }
    args.schedule = schedule->view(source);
    return loan;
  }

 private:
  static constexpr int64_t kMaxEntries = 1 << 27;  // 512 MiB: ogbn-products has 124 million

  struct Made {
    int64_t row_stride;
    bool is_sorted;
    std::unique_ptr<OwnedSchedule> schedule;  // null after the first call
  };

  // Whether the copy of a source may pay: beyond the third-level cache, for rows of a line at most that are read often
  // (25 entries each: 19 MB of 32 bytes 64 to 59 ms, 38 MB of 64 bytes 70 to 61, 10 MB of 16 bytes 26 to 26).
  bool may_copy(int64_t num_sources, int64_t row_stride) const {
    return num_sources * row_stride >= 1 << 24 && SourceCopy::is_possible(row_stride) && num_entries() >= 16 * num_sources;
  }

  int64_t num_rows() const { return static_cast<int64_t>(indptr_.shape(0)) - 1; }
  int64_t num_entries() const { return static_cast<int64_t>(indices_.shape(0)); }

  const OwnedSchedule* next(int64_t num_sources, int64_t row_stride, bool is_sorted) {
    if (num_entries() > kMaxEntries) return nullptr;
    if (!RowSchedule::is_possible(num_sources, row_stride)) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (Made& made : made_) {
      if (made.row_stride != row_stride || made.is_sorted != is_sorted) continue;
      if (!made.schedule) {
        std::unique_ptr<SourceCopy> copy;
        if (may_copy(num_sources, row_stride))
          copy = SourceCopy::if_it_pays(indptr_.data(), indices_.data(), num_rows(), num_sources, row_stride, {});
        const int64_t block_rows = std::max<int64_t>(OwnedSchedule::kBlockBytes / row_stride, 1);
        made.schedule = std::make_unique<OwnedSchedule>(indptr_.data(), indices_.data(), num_rows(), row_stride, is_sorted,
                                                        std::move(copy), block_rows);
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
