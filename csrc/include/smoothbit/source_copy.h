// Copies of source rows, laid out for the entries that gather them.
//
// A row of 16 bytes shares its cache line with three others, one of 32 bytes with one; beyond the third-level cache each entry
// waits for a whole line and uses a part of it. A copy first holds the sources of most entries, side by side. For the other
// entries, where a line holds several rows, it holds what each bin of consecutive matrix rows gathers, every source once in a
// bin: all of a line that a bin reads are rows it wants, and the bin's part of the copy fits a cache (propagation blocking:
// Beamer, Asanovic and Patterson, IPDPS 2017; here rows of a bin need no sums in memory, as all their entries are read at once).
//
//     copy          | often | bin 0 | bin 1 | ...         whole lines each, the last row of a part repeated
//     one line      | s0 | s1 | s2 | s3 |                 of a bin: rising sources, near each other
//
// Lines are written past the caches, by their first source: sources are read once, one after the other.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "smoothbit/huge_pages.h"

namespace smoothbit {

// Lines of a copy: line lines[i] of `out` holds the 64 / row_bytes rows of `source` from rows[64 / row_bytes * i] on.
struct CopyArgs {
  const uint8_t* source = nullptr;
  const int32_t* rows = nullptr;
  const int32_t* lines = nullptr;
  uint8_t* out = nullptr;  // on a line
};

class SourceCopy {
 public:
  static constexpr int64_t kLineBytes = 64;

  // What is read often takes a share of the third-level cache; bins take turns with the rest of it.
  struct Parts {
    int64_t often_bytes = 1 << 23;
    int64_t bin_bytes = 1 << 19;  // of the rows that a bin makes; it is whole blocks of a schedule
  };

  // Whether rows of so many bytes, 8 at least, fill lines.
  static bool is_possible(int64_t row_bytes) { return row_bytes >= 8 && kLineBytes % row_bytes == 0; }

  // A copy that pays, or null. Of rows of up to 32 bytes: if those that are not among the often read ones are gathered by
  // several bins, about once by each; what a bin reads again comes from a cache without a copy. Else without bins: if half of
  // the entries are of a third of the sources at most, and those of most entries are not the first ones anyway.
  static std::unique_ptr<SourceCopy> if_it_pays(const int64_t* indptr, const int32_t* indices, int64_t num_rows,
                                                int64_t num_sources, int64_t row_bytes, const Parts& parts);

  // A copy of the sources `often`, and of about `num_binned` rows of bins; without bins if it is 0.
  SourceCopy(const std::vector<int32_t>& often, int64_t num_sources, int64_t row_bytes, int64_t bin_rows, int64_t num_binned);

  int64_t bin_rows() const { return bin_rows_; }

  // Bins come one after the other, each with all of its entries; then finish() is called.
  void start_bin(const int32_t* begin, const int32_t* end);
  // Row of the copy that an entry of the bin reads.
  int32_t place(int32_t source) const { return places_[static_cast<size_t>(source)]; }
  void finish();

  int64_t num_lines() const { return static_cast<int64_t>(lines_.size()); }
  int64_t num_bytes() const { return num_lines() * kLineBytes; }

  CopyArgs args(const uint8_t* source, uint8_t* out) const { return {source, rows_.data(), lines_.data(), out}; }

  using Kernel = void (*)(const CopyArgs& args, int64_t begin, int64_t end);
  // Copies lines [begin, end) of the sequence in which they are written.
  Kernel kernel() const;

 private:
  void fill_line();

  int64_t num_sources_, row_bytes_, bin_rows_;
  bool has_bins_;
  LargeVector<int32_t> places_;                 // of the sources; until finish()
  std::vector<uint64_t> is_often_, is_in_bin_;  // a bit for each source; until finish()
  LargeVector<int32_t> rows_;                   // sources, by place until finish()
  LargeVector<int32_t> lines_;
};

// Entries of a source, and bins that have any.
struct SourceUse {
  uint32_t entries = 0;
  uint16_t bins = 0, last_bin = 0;
};

// The sources of a matrix, those of most entries first, by the power of two below their number; equal ones keep their
// sequence, as neighbours may have much in common. Sources without entries are left out.
std::vector<int32_t> sources_by_use(const std::vector<SourceUse>& uses);

}  // namespace smoothbit
