// Gather-and-add of packed rows: S[i, h] = sum over entries e of row i of w[e] * code[indices[e], h].
//
// Shapes:   indptr [N + 1] int64, indices [E] int32 in [0, M), weights [E] int16 or null (all 1),
//           source [M, source_stride] bytes holding F codes of b bits in each row.
// Reads:    never past the stride of a row, never past the end of the buffer.
// Writes:   rows [row_begin, row_end) of epilogue.out, whole stride (padding bits zero).
// Overflow: sums are exact while row length * (2^b - 1) * max|w| <= 2^31 - 1 (caller's duty). Narrow
//           accumulators inside a kernel are flushed before their own bound:
//               u8 lanes:  255 rows of u1, 85 of u2, 17 of u4;  u16 lanes: 257 rows of u8.
// Threads:  rows are independent, so any partition of them, or of the places of a schedule, gives the same bits.
#pragma once

#include <cstdint>

#include "smoothbit/epilogue.h"
#include "smoothbit/schedule.h"

namespace smoothbit {

struct SpmmArgs {
  const int64_t* indptr = nullptr;
  const int32_t* indices = nullptr;
  const int16_t* weights = nullptr;
  const uint8_t* source = nullptr;
  int64_t source_stride = 0;
  int64_t num_rows = 0;
  int64_t num_sources = 0;
  Epilogue epilogue;
  RowSchedule schedule;  // of the same rows and entries, weights null; all parts of a call use it, or none
  bool factors_follow_length = false;  // true only when ThresholdCache::factors_follow_length is
};

// Whether the AVX-512 kernels (with VBMI) make float32 rows of packed ones in registers of 64 bytes.
inline bool spmm_has_wide_floats(int num_bits, int64_t num_channels) {
  return num_channels > 16 && (num_bits != 2 || num_channels <= 128);
}
// Whether kernels store float32 rows past the caches where they are many: whole registers of 32 bytes. The AVX2 kernels finish
// rows of up to 32 channels several at once, and do not.
inline bool spmm_streams_rows(int num_bits, int64_t num_channels, bool has_wide) {
  return num_channels % 8 == 0 && (num_channels > 32 || (has_wide && spmm_has_wide_floats(num_bits, num_channels)));
}
inline bool spmm_is_streamed(const SpmmArgs& args) {
  constexpr int64_t kCacheBytes = 1 << 22;
  const Epilogue& e = args.epilogue;
  return e.is_streamed || (!e.output.num_bits && e.num_channels % 8 == 0 &&
                           args.num_rows * e.num_channels * 4 > kCacheBytes && e.out_stride % 8 == 0 &&
                           reinterpret_cast<uintptr_t>(e.out) % 32 == 0);
}

using SpmmKernel = void (*)(const SpmmArgs& args, int64_t row_begin, int64_t row_end);

// spmax has the same arguments, weights null: S[i, h] = max over entries e of row i of code[indices[e], h], 0 for none.

// The float32 propagation step that the packed kernels are measured against:
//     out[i] = (sum over entries e of row i, in entry order, of values[e] * source[indices[e]])
//              * row_scale[i] * scale + skip[i] * skip_scale
// Absent parts are left out; the multiplication by `scale` always happens. All arrays are dense.
struct SpmmF32Args {
  const int64_t* indptr = nullptr;
  const int32_t* indices = nullptr;
  const float* values = nullptr;     // [E] or null
  const float* source = nullptr;     // [M, F]
  const float* row_scale = nullptr;  // [N] or null
  const float* skip = nullptr;       // [N, F] or null
  float* out = nullptr;              // [N, F]
  float scale = 1;
  float skip_scale = 0;
  int64_t num_rows = 0;
  int64_t num_sources = 0;
  int64_t num_channels = 0;
};

using SpmmF32Kernel = void (*)(const SpmmF32Args& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
