// Kernels of 1- and 2-bit rows whose epilogue is a table of thresholds (epilogue/thresholds.h).
#pragma once

#include "smoothbit/spmm.h"

namespace smoothbit {

// Computes the rows and returns true, or returns false when the epilogue or the strides do not fit.
// `other` computes the rows that have no table; it must not be of this family.
bool spmm_planar_avx2(const SpmmArgs& args, int num_bits, SpmmKernel other, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
