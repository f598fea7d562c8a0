// The epilogue on its own: given sums [N, F] int32, or none (a combination of terms starting from 0).
//
// Reads and writes: as in spmm.h. Threads: rows are independent.
#pragma once

#include <cstdint>

#include "smoothbit/epilogue.h"

namespace smoothbit {

struct RequantizeArgs {
  const int32_t* sums = nullptr;  // [N, F] dense, or null
  int64_t num_rows = 0;
  Epilogue epilogue;
};

using RequantizeKernel = void (*)(const RequantizeArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
