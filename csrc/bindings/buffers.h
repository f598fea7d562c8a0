// Large buffers that calls borrow while they run, kept for the next one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "smoothbit/huge_pages.h"

namespace smoothbit {

class BufferPool {
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  struct Buffer {
    std::unique_ptr<uint8_t[], Free> memory;
    int64_t num_bytes;
  };

 public:
  // A buffer until its end.
  class Loan {
   public:
    Loan() = default;
    Loan(BufferPool& pool, Buffer buffer) : pool_(&pool), buffer_(std::move(buffer)) {}
    Loan(Loan&& other) noexcept { *this = std::move(other); }
    Loan& operator=(Loan&& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(buffer_, other.buffer_);
      return *this;
    }
    ~Loan() {
      if (pool_) pool_->give_back(std::move(buffer_));
    }
    uint8_t* data() const { return buffer_.memory.get(); }

   private:
    BufferPool* pool_ = nullptr;
    Buffer buffer_{};
  };

  // Throws std::bad_alloc.
  Loan borrow(int64_t num_bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto fits = [num_bytes](const Buffer& buffer) { return buffer.num_bytes >= num_bytes; };
    const auto found = std::find_if(free_.begin(), free_.end(), fits);
    if (found == free_.end()) return Loan(*this, make(num_bytes));
    Buffer buffer = std::move(*found);
    free_.erase(found);
    return Loan(*this, std::move(buffer));
  }

 private:
  static Buffer make(int64_t num_bytes) {
    uint8_t* memory = static_cast<uint8_t*>(allocate_large(static_cast<size_t>(num_bytes)));
    return {std::unique_ptr<uint8_t[], Free>(memory), num_bytes};
  }
  void give_back(Buffer buffer) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(buffer));
  }

  std::mutex mutex_;
  std::vector<Buffer> free_;
};

}  // namespace smoothbit
