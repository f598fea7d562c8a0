// Rows that are gathered soon, asked for before their turn.
#pragma once

#include <cstdint>

#include "target.h"

namespace smoothbit {
namespace {

// Entries between the request and the use of a row, or of a piece of one, of kBytes: as many as have 192 lines on their way,
// or, where a line holds several rows, as are gathered in the time of two misses. Kernels that take turns look equally far,
// or the entries between would be left out.
template <int64_t kBytes>
constexpr int64_t kEntriesAhead = kBytes <= 16 ? 384 : kBytes <= 64 ? 192 : 192 * 64 / kBytes;

// Whether a table is worth it: one that fits the second-level cache gains nothing.
inline bool is_prefetched(int64_t num_rows, int64_t row_bytes) { return num_rows * row_bytes > 1 << 19; }

// Asks for the lines of the first kBytes of a row, for the second-level cache. The first-level one has room for few
// outstanding lines (24 on Zen 4), and a request beyond them holds up the loads that are due: rows of 128 bytes from
// the third-level cache took 1.5 times as long, of 512 bytes from memory 1.7 times.
template <int64_t kBytes = 1>
SMOOTHBIT_INLINE void prefetch_row(const void* row) {
  for (int64_t i = 0; i < kBytes; i += 64) __builtin_prefetch(static_cast<const char*>(row) + i, 0, 2);
}

// Asks for a line of entries that are read after these: their stream crosses a small page every thousand of them, where the
// hardware stops to look ahead, and is evicted by what they gather.
template <class Entry>
SMOOTHBIT_INLINE void prefetch_entries(const Entry* entries) {
  prefetch_row(entries + 1024);
}

}  // namespace
}  // namespace smoothbit
