// The worker pool. Workers sleep on a condition variable between calls; a job is a counter of parts.
#include "smoothbit/threads.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace smoothbit {
namespace {

struct Job {
  PartFunction function = nullptr;
  void* context = nullptr;
  int num_parts = 0;
  std::atomic<int> next_part{0};

  void work() {
    for (int part; (part = next_part.fetch_add(1)) < num_parts;) function(context, part);
  }
};

class Pool {
 public:
  // Waits until every helper has left the job, because the job lives on the caller's stack.
  void run(Job& job, int num_helpers) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      for (; num_workers_ < num_helpers; ++num_workers_) std::thread(&Pool::serve, this).detach();
      job_ = &job;
      wanted_ = num_helpers;
      active_ = 0;
    }
    // No more than are wanted: of many, the one that comes first may be on the caller's core.
    for (int i = 0; i < num_helpers; ++i) wake_.notify_one();
    job.work();
    std::unique_lock<std::mutex> lock(mutex_);
    wanted_ = 0;
    done_.wait(lock, [this] { return active_ == 0; });
    job_ = nullptr;
  }

  std::mutex busy;  // held by the one caller that the pool serves

 private:
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return wanted_ > 0; });
      --wanted_;
      ++active_;
      Job* job = job_;
      lock.unlock();
      job->work();
      lock.lock();
      if (--active_ == 0) done_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int num_workers_ = 0;
  int wanted_ = 0;
  int active_ = 0;
};

// Never destroyed: workers may still sleep in it when the process ends.
std::atomic<Pool*> pool_instance{nullptr};

// A forked child has no workers and maybe a locked mutex, so it gets a pool of its own.
void forget_pool() { pool_instance.store(nullptr); }

Pool& pool() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, forget_pool); });
  Pool* current = pool_instance.load();
  if (!current) {
    Pool* fresh = new Pool;
    if (pool_instance.compare_exchange_strong(current, fresh)) return *fresh;
    delete fresh;
  }
  return *current;
}

}  // namespace

void run_parts(int num_threads, int num_parts, PartFunction function, void* context) {
  Job job;
  job.function = function;
  job.context = context;
  job.num_parts = num_parts;
  const int num_helpers = std::min(num_threads, num_parts) - 1;
  if (num_helpers > 0) {
    Pool& shared = pool();
    std::unique_lock<std::mutex> lock(shared.busy, std::try_to_lock);
    if (lock.owns_lock()) {
      shared.run(job, num_helpers);
      return;
    }
  }
  job.work();
}

int64_t part_begin(const int64_t* indptr, int64_t num_rows, int part, int num_parts) {
  if (part >= num_parts) return num_rows;
  if (!indptr) return num_rows * part / num_parts;
  // A row costs about as much as kRowCost entries: its epilogue.
  constexpr int64_t kRowCost = 8;
  const int64_t target = (indptr[num_rows] + kRowCost * num_rows) / num_parts * part;
  int64_t low = 0, high = num_rows;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (indptr[middle] + kRowCost * middle < target) low = middle + 1;
    else high = middle;
  }
  return low;
}

int useful_threads(int max_threads, int64_t work, int64_t work_per_thread) {
  const int64_t useful = 1 + work / work_per_thread;
  return static_cast<int>(std::max<int64_t>(1, std::min<int64_t>(max_threads, useful)));
}

}  // namespace smoothbit
