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

// Whether codes are those of float32 rows by one law, as the inputs of a network become codes.
inline bool quantizes_floats(const RequantizeArgs& args) {
  const Epilogue& e = args.epilogue;
  const bool is_term_alone = !args.sums && e.num_terms == 1 && e.terms[0].num_bits == 32 && !e.row_scale &&
                             !e.col_term && !e.col_bias && !e.aggregate.num_bits && !e.output_row_scale;
  return is_term_alone && e.is_uniform && is_plain_law(e.output);
}

using RequantizeKernel = void (*)(const RequantizeArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
