// Entries of a sparse matrix as a kernel wants to read them: made once for a matrix, read at every call.
//
// What an entry gathers is given by where it begins, so that finding it takes one instruction instead of three. And rows
// may come in a sequence that is quick to walk: in every block of rows, by falling length. A kernel that adds the entries
// of a row ends each row with a branch that is predicted only where rows of one length follow each other, and only such
// rows can share a register. A schedule brings them together inside blocks of rows, so that terms and results stay near
// each other, and holds their entries in that sequence, so that these are read one after the other. Nodes keep their
// numbers: unlike an order of nodes it moves neither messages nor results, and any matrix can have one, square or not.
// Offsets may be those of a copy of the source rows (source_copy.h), which is made at every call.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>

#include "smoothbit/huge_pages.h"
#include "smoothbit/source_copy.h"

namespace smoothbit {

// Place p holds the entries offsets[indptr[p]] .. of row rows[p], or of row p where there are no `rows`.
struct RowSchedule {
  static constexpr int64_t kPadding = 416;  // offsets, all 0, that can be read after the last one
  static constexpr int64_t kUnit = 8;       // bytes that an offset counts: the largest factor that an address takes by itself

  const int64_t* indptr = nullptr;    // [N + 1]
  const uint32_t* offsets = nullptr;  // [E + kPadding], units from the start of the source; null: there is no schedule
  const int32_t* rows = nullptr;      // [N], or null
  const uint8_t* source = nullptr;    // what the offsets count from

  // Whether the rows of a source can be given by offsets: up to 32 GiB of whole units.
  static bool is_possible(int64_t num_sources, int64_t row_stride) {
    return row_stride % kUnit == 0 && num_sources * (row_stride / kUnit) <= std::numeric_limits<uint32_t>::max();
  }
};

// Rows [begin, end) by falling length, equal ones and those of more than kLongest entries in sequence.
template <int64_t kLongest>
void sort_by_length(const int64_t* indptr, int64_t begin, int64_t end, int32_t* rows) {
  const auto key = [&](int64_t row) {
    return static_cast<size_t>(kLongest - std::min(indptr[row + 1] - indptr[row], kLongest));
  };
  std::array<int32_t, kLongest + 2> first{};
  for (int64_t row = begin; row < end; ++row) ++first[key(row) + 1];
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  for (int64_t row = begin; row < end; ++row) rows[first[key(row)]++] = static_cast<int32_t>(row);
}

// A schedule and its arrays.
class OwnedSchedule {
 public:
  // Of a block: so large that few of its rows are of a length that no other has, so small that what they read and write
  // beside entries is from few pages and mostly in the third-level cache.
  static constexpr int64_t kBlockBytes = 1 << 20;

  // For sources that can be given by offsets, whose rows are `row_stride` bytes apart. Rows keep their sequence unless
  // `is_sorted`, and where they come by falling length already; the schedule then refers to `indptr`. Offsets are of
  // `copy`, if there is one; no block is larger than its bins, which are whole blocks.
  OwnedSchedule(const int64_t* indptr, const int32_t* indices, int64_t num_rows, int64_t row_stride, bool is_sorted,
                std::unique_ptr<SourceCopy> copy, int64_t block_rows);

  const SourceCopy* copy() const { return copy_.get(); }

  // Valid as long as this object and what the offsets are of: `source`, or the copy.
  RowSchedule view(const uint8_t* source) const;

 private:
  const int64_t* given_indptr_;
  LargeVector<int64_t> indptr_;
  LargeVector<uint32_t> offsets_;
  LargeVector<int32_t> rows_;  // empty: those of the matrix
  std::unique_ptr<SourceCopy> copy_;
};

}  // namespace smoothbit
