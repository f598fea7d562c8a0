// What the rows of a schedule read and write besides entries, asked for before their turn.
#pragma once

#include <cstdint>

#include "../prefetch.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

// A schedule reads the terms, factors and results of a block in no order that the hardware sees, so those of each row are
// asked for kPlaces before its turn; results to be read, as a request to write goes to the first-level cache, where it holds
// up the loads that are due. What is after `end` another thread writes.
//
// What only asks for lines is inlined: the compiler takes other functions without a result for idle, and drops them.
struct PlacesAhead {
  static constexpr int64_t kPlaces = 32;

  const Epilogue& e;
  const int32_t* rows;  // of the places, or null: nothing is asked for
  int64_t begin, end;   // of the places that are finished here

  SMOOTHBIT_INLINE const uint8_t* term(int t, int64_t row) const {
    return static_cast<const uint8_t*>(e.terms[t].data) + row * e.terms[t].stride;
  }
  SMOOTHBIT_INLINE uint8_t* out(int64_t row) const { return static_cast<uint8_t*>(e.out) + row * e.out_stride; }
  SMOOTHBIT_INLINE void prefetch_first() const {
    for (int64_t i = 0; rows && i < kPlaces; ++i) prefetch_place(begin + i);
  }
  // When places place .. place + kCount - 1 have their turn.
  template <int kCount>
  SMOOTHBIT_INLINE void prefetch(int64_t place) const {
    if (!rows) return;
    for (int i = 0; i < kCount; ++i) prefetch_place(place + kPlaces + i);
  }
  SMOOTHBIT_INLINE void prefetch_factors(int64_t row) const {
    for (int t = 0; t < e.num_terms; ++t)
      if (e.terms[t].row_scale) prefetch_row(e.terms[t].row_scale + row);
    if (e.row_scale) prefetch_row(e.row_scale + row);
  }

 private:
  SMOOTHBIT_INLINE void prefetch_place(int64_t place) const {
    if (place >= end) return;
    const int64_t row = rows[place];
    for (int t = 0; t < e.num_terms; ++t) prefetch_row(term(t, row));
    if (e.output.num_bits) prefetch_row(out(row));
    prefetch_factors(row);
  }
};

}  // namespace
}  // namespace smoothbit
