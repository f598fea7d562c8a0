// Kernels of 1- and 2-bit rows whose epilogue is a table of thresholds (epilogue/thresholds.h).
#pragma once

#include "smoothbit/spmm.h"

namespace smoothbit {

// Computes the rows and returns true, or returns false when the epilogue or the strides do not fit.
// `other` computes those that have no table, by places of the schedule where there is one; it must not be of this family.
bool spmm_planar_avx2(const SpmmArgs& args, int num_bits, SpmmKernel other, int64_t begin, int64_t end);

}  // namespace smoothbit
