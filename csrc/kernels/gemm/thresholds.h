// Finishing products by comparisons of their sums (thresholds_avx2.h), for kernels of any ISA above AVX2.
#pragma once

#include "unpack.h"

namespace smoothbit {

// Whether it can be done for a call of so many rows.
bool product_thresholds_fit(const GemmArgs& args, int64_t num_rows);

// Finishes rows [row, row + count). Row r of `sums`, `stride` int32 apart, holds int16 sums of 32 channels after 32: 16 of
// even channels, then 16 of odd ones. `memory` holds gemm_threshold_bytes, aligned to 32; with args.is_repeated what is in
// it is kept.
void finish_by_thresholds(const GemmArgs& args, void* memory, int64_t row, int64_t count, const int32_t* sums,
                          int64_t stride, const GemmRowSums* row_sums);

}  // namespace smoothbit
