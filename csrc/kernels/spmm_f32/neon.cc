// spmm_f32, NEON: 64 channels of sums in sixteen registers, then 4, then one by one.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "../target.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

constexpr int64_t kAhead = 16;  // entries between a prefetch and its use

// Channels [channel, channel + 4 * V) of one row.
template <int V, bool kHasValues>
SMOOTHBIT_INLINE void sum_block(const SpmmF32Args& args, int64_t row, int64_t channel) {
  const int64_t num_channels = args.num_channels;
  const float* source = args.source + channel;
  const int64_t num_entries = args.indptr[args.num_rows];
  float32x4_t acc_f32x4[V];
  for (int v = 0; v < V; ++v) acc_f32x4[v] = vdupq_n_f32(0.0f);
  for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
    if (entry + kAhead < num_entries) {
      const float* next = source + args.indices[entry + kAhead] * num_channels;
      for (int v = 0; v < V; v += 4) __builtin_prefetch(next + 4 * v);
    }
    const float* message = source + args.indices[entry] * num_channels;
    for (int v = 0; v < V; ++v) {
      float32x4_t value = vld1q_f32(message + 4 * v);
      if constexpr (kHasValues) value = vmulq_f32(value, vdupq_n_f32(args.values[entry]));
      acc_f32x4[v] = vaddq_f32(acc_f32x4[v], value);
    }
  }
  const int64_t offset = row * num_channels + channel;
  for (int v = 0; v < V; ++v) {
    float32x4_t y = acc_f32x4[v];
    if (args.row_scale) y = vmulq_f32(y, vdupq_n_f32(args.row_scale[row]));
    y = vmulq_f32(y, vdupq_n_f32(args.scale));
    if (args.skip)
      y = vaddq_f32(y, vmulq_f32(vld1q_f32(args.skip + offset + 4 * v), vdupq_n_f32(args.skip_scale)));
    vst1q_f32(args.out + offset + 4 * v, y);
  }
}

void sum_channel(const SpmmF32Args& args, int64_t row, int64_t channel) {
  float y = 0.0f;
  for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
    const float message = args.source[args.indices[entry] * args.num_channels + channel];
    y = y + (args.values ? message * args.values[entry] : message);
  }
  if (args.row_scale) y = y * args.row_scale[row];
  y = y * args.scale;
  if (args.skip) y = y + args.skip[row * args.num_channels + channel] * args.skip_scale;
  args.out[row * args.num_channels + channel] = y;
}

template <bool kHasValues>
void sum_rows(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    int64_t channel = 0;
    for (; channel + 64 <= args.num_channels; channel += 64) sum_block<16, kHasValues>(args, row, channel);
    for (; channel + 16 <= args.num_channels; channel += 16) sum_block<4, kHasValues>(args, row, channel);
    for (; channel + 4 <= args.num_channels; channel += 4) sum_block<1, kHasValues>(args, row, channel);
    for (; channel < args.num_channels; ++channel) sum_channel(args, row, channel);
  }
}

}  // namespace

void spmm_f32_neon(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  if (args.values) sum_rows<true>(args, row_begin, row_end);
  else sum_rows<false>(args, row_begin, row_end);
}

}  // namespace smoothbit
#endif
