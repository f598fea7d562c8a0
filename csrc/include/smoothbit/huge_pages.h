// Memory of large arrays, on huge pages where the system has them. Gathering at random misses the few small pages whose
// addresses a core knows more often than its caches, and streams beside it wait at the end of each.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace smoothbit {

// For std::free. Arrays of less than half a huge page have small ones, as the rest of the last page costs memory. Throws
// std::bad_alloc.
inline void* allocate_large(std::size_t num_bytes) {
  constexpr std::size_t kHugePage = std::size_t{1} << 21, kLine = 64;
  const std::size_t alignment = 2 * num_bytes < kHugePage ? kLine : kHugePage;
  const std::size_t size = (num_bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, size);
  if (!memory && size > 0) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (alignment == kHugePage) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

template <class T>
struct LargeAllocator {
  using value_type = T;
  LargeAllocator() = default;
  template <class Other>
  LargeAllocator(const LargeAllocator<Other>&) {}
  T* allocate(std::size_t count) { return static_cast<T*>(allocate_large(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t) { std::free(memory); }
  template <class Other>
  bool operator==(const LargeAllocator<Other>&) const { return true; }
  template <class Other>
  bool operator!=(const LargeAllocator<Other>&) const { return false; }
};

template <class T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace smoothbit
