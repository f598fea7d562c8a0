// Delta-coded propagation step: gathered differences grow messages and sums in place, then the epilogue.
//
// The law and its order of operations are those of src/smoothbit/kernels/delta.py.
//
// State:     messages M [N, width] int16, sums S [N, width] int16. Row i with slots[i] >= 0 has its sums in row
//            slots[i] of wide_sums [H, width] int32 instead. `width` is F rounded up to the channels of 16 bytes of
//            codes, of a multiple of 32 beyond that; the order of channels in a row is the kernel's own.
// Bounds:    |M| <= 2^15 - 1 and row length * |M| <= 2^31 - 1 (2^15 - 1 for a row without a slot) are the
//            caller's duty. Everything before the bounded results is added up modulo 2^16 or 2^32, so only they
//            must fit.
// Traffic:   at 2 bits and 128 channels a row of the state is 512 bytes, read and written once; what is gathered
//            stays in the 32 bytes of a row of codes.
// Reads, writes, threads: as in spmm.h. `first` steps do not read the state.
#pragma once

#include <cstdint>

#include "smoothbit/epilogue.h"

namespace smoothbit {

struct DeltaArgs {
  const int64_t* indptr = nullptr;
  const int32_t* indices = nullptr;
  const uint8_t* source = nullptr;
  int64_t source_stride = 0;
  int64_t num_rows = 0;
  int16_t* messages = nullptr;
  int16_t* sums = nullptr;
  int32_t* wide_sums = nullptr;
  const int32_t* slots = nullptr;
  int64_t width = 0;
  int exponent = 0;
  int center = 0;
  bool is_first = false;
  float message_scale = 0;
  float change_scale = 0;
  float sum_change_scale = 0;
  float known_scale = 0;
  Epilogue epilogue;  // col_scale of one value throughout, row_scale, at most one term, output_row_scale, output

  int64_t length(int64_t row) const { return indptr[row + 1] - indptr[row]; }
};

using DeltaKernel = void (*)(const DeltaArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
