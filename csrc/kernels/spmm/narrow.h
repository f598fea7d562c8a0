// spmm of short rows: at most 64 channels, summed in lanes wide enough for them.
#pragma once

#include "smoothbit/spmm.h"

namespace smoothbit {

// The AVX2 kernel for these rows, or null when the general one is better, or when rows are too short for its
// loads: a row must have the bytes of 4, 8, 16, 32 or 64 codes, the least that hold its channels. AVX-512
// uses it up to 32 channels: what such a row costs is the end of its loop, not the width of a register.
SpmmKernel narrow_kernel_avx2(const SpmmArgs& args, int num_bits);

}  // namespace smoothbit
