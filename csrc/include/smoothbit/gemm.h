// Packed matrix product: S[i, h] = sum over k of a[i, k] * w[k, h], exact int32, then the epilogue.
//
// Shapes:    source [N, source_stride] bytes holding `depth` codes of source_bits in each row,
//            weight [depth, weight_stride] bytes holding F codes of weight_bits in each row.
// Row sums:  with epilogue.col_term and no epilogue.row_term, row_term[i] = float32(sum_k a[i, k]).
// Overflow:  depth * 255 * 255 <= 2^31 - 1 holds up to depth 33,025 at u8 x u8; in general
//            depth * qmax_a * qmax_w <= 2^31 - 1 is the caller's duty.
// Workspace: `panel` holds the weight unpacked once for all rows (see gemm_panel_bytes); `scratch` is
//            one thread's private memory (gemm_scratch_bytes). Both 64-byte aligned, from the caller.
//
// Panel layout, shared by all vector ISAs: channels in groups of 16, depth in pairs; one int16 pair
// (w[2k, h], w[2k + 1, h]) is one 32-bit lane, so a multiply-add of pairs takes two depths at once:
//
//     group g | pair k | lane 0: w[2k,16g] w[2k+1,16g] | lane 1: w[2k,16g+1] w[2k+1,16g+1] | ... lane 15
//
// Missing depths and channels are zero.
#pragma once

#include <cstdint>

#include "smoothbit/epilogue.h"

namespace smoothbit {

constexpr int64_t kGemmGroup = 16;    // channels in a panel group
constexpr int64_t kGemmRowBlock = 4;  // source rows that share one pass over the panel

struct GemmArgs {
  const uint8_t* source = nullptr;
  int64_t source_stride = 0;
  int source_bits = 0;
  const uint8_t* weight = nullptr;
  int64_t weight_stride = 0;
  int weight_bits = 0;
  int64_t num_rows = 0;
  int64_t depth = 0;
  const int16_t* panel = nullptr;
  Epilogue epilogue;
};

inline int64_t gemm_num_pairs(int64_t depth) { return (depth + 1) / 2; }

inline int64_t gemm_num_groups(int64_t num_channels) {
  return (num_channels + kGemmGroup - 1) / kGemmGroup;
}

inline int64_t gemm_panel_bytes(int64_t depth, int64_t num_channels) {
  return gemm_num_groups(num_channels) * gemm_num_pairs(depth) * kGemmGroup * 4;
}

// One row block of unpacked source codes (u8 rows padded to 64, then int16) and its int32 sums.
inline int64_t gemm_scratch_bytes(int64_t depth, int64_t num_channels) {
  const int64_t depth_padded = (depth + 63) / 64 * 64;
  const int64_t sums = gemm_num_groups(num_channels) * kGemmGroup;
  return depth_padded + kGemmRowBlock * depth_padded * 2 + kGemmRowBlock * sums * 4 + 256;
}

using GemmKernel = void (*)(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end);

// Fills the panel layout above; plain scalar code, called once per product.
void gemm_fill_panel(const GemmArgs& args, int16_t* panel);

}  // namespace smoothbit
