// Unpacks source rows into the bytes that the inner products of gemm read.
#pragma once

#include <algorithm>

#include "../prefetch.h"
#include "smoothbit/gemm.h"

namespace smoothbit {

// Asks for source rows [row, row + count), those that there are, while other rows are multiplied.
inline void gemm_prefetch_source(const GemmArgs& args, int64_t row, int64_t count) {
  const int64_t end = std::min(args.num_rows, row + count) * args.source_stride;
  for (int64_t i = row * args.source_stride; i < end; i += 64) prefetch_row(args.source + i);
}

struct GemmRowSums {
  int32_t codes;     // sum of the row's codes
  int32_t products;  // bytes and words: products of steps 2s and 2s + 1 as they are kept, see multiply_avx2.h
};

// Eight codes of 0 as multiply_bytes_avx2 wants them, which keeps those of odd steps 15 lower; else 0.
inline uint64_t gemm_zero_codes(const GemmArgs& args) {
  return gemm_layout(args) == GemmLayout::bytes && !args.has_vnni ? 0xf1f1f1f100000000u : 0;
}

// Rows [row, row + count): row r goes to codes + (r - row) * gemm_codes_stride(args), as codes of 0 past
// `depth` up to the last step: a nibble times 16 for each step, 4 codes in bytes, or 2 in words.
// AVX-512 uses it too, but for sextets: a row is unpacked once and read once for every 16 or 64 channels.
void gemm_unpack_rows_avx2(const GemmArgs& args, int64_t row, int64_t count, uint8_t* codes, GemmRowSums* sums);

}  // namespace smoothbit
