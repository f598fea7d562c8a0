// spmm_f32, AVX-512: 128 channels of sums in eight registers, the last block under a mask.
#if defined(__x86_64__)
#include "../epilogue/avx512_intrinsics.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

constexpr int64_t kAhead = 16;  // entries; covers the latency of memory at about 8 lines an entry

SMOOTHBIT_INLINE __m512 finish(const SpmmF32Args& args, int64_t row, __m512 y, __m512 skip) {
  if (args.row_scale) y = _mm512_mul_ps(y, _mm512_set1_ps(args.row_scale[row]));
  y = _mm512_mul_ps(y, _mm512_set1_ps(args.scale));
  if (args.skip) y = _mm512_add_ps(y, _mm512_mul_ps(skip, _mm512_set1_ps(args.skip_scale)));
  return y;
}

// Channels [channel, channel + 16 * V) of one row; at V = 1 those under `mask`.
template <int V, bool kHasValues>
SMOOTHBIT_INLINE void sum_block(const SpmmF32Args& args, int64_t row, int64_t channel, __mmask16 mask,
                                int64_t prefetch_end) {
  const int64_t num_channels = args.num_channels;
  const float* source = args.source + channel;
  __m512 acc_f32x16[V];
  for (int v = 0; v < V; ++v) acc_f32x16[v] = _mm512_setzero_ps();
  const int64_t end = args.indptr[row + 1];
  for (int64_t entry = args.indptr[row]; entry < end; ++entry) {
    if (entry + kAhead < prefetch_end) {
      const float* next = source + args.indices[entry + kAhead] * num_channels;
      for (int v = 0; v < V; ++v) _mm_prefetch(reinterpret_cast<const char*>(next + 16 * v), _MM_HINT_T0);
    }
    const float* message = source + args.indices[entry] * num_channels;
    for (int v = 0; v < V; ++v) {
      __m512 value = V == 1 ? _mm512_maskz_loadu_ps(mask, message) : _mm512_loadu_ps(message + 16 * v);
      if constexpr (kHasValues) value = _mm512_mul_ps(value, _mm512_set1_ps(args.values[entry]));
      acc_f32x16[v] = _mm512_add_ps(acc_f32x16[v], value);
    }
  }
  const int64_t offset = row * num_channels + channel;
  for (int v = 0; v < V; ++v) {
    const __mmask16 lanes = V == 1 ? mask : static_cast<__mmask16>(0xffff);
    const __m512 skip = args.skip ? _mm512_maskz_loadu_ps(lanes, args.skip + offset + 16 * v) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(args.out + offset + 16 * v, lanes, finish(args, row, acc_f32x16[v], skip));
  }
}

template <bool kHasValues>
void sum_rows(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  // A table that fits the second-level cache gains nothing from prefetching.
  constexpr int64_t kCacheBytes = 1 << 19;
  const bool is_small = args.num_sources * args.num_channels * 4 <= kCacheBytes;
  const int64_t prefetch_end = is_small ? 0 : args.indptr[args.num_rows];
  const int64_t num_channels = args.num_channels;
  for (int64_t row = row_begin; row < row_end; ++row) {
    int64_t channel = 0;
    for (; channel + 128 <= num_channels; channel += 128)
      sum_block<8, kHasValues>(args, row, channel, 0xffff, prefetch_end);
    for (; channel + 64 <= num_channels; channel += 64)
      sum_block<4, kHasValues>(args, row, channel, 0xffff, prefetch_end);
    for (; channel < num_channels; channel += 16) {
      const int64_t rest = num_channels - channel;
      const __mmask16 mask = static_cast<__mmask16>(rest >= 16 ? 0xffff : (1u << rest) - 1);
      sum_block<1, kHasValues>(args, row, channel, mask, prefetch_end);
    }
  }
}

}  // namespace

void spmm_f32_avx512(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  if (args.values) sum_rows<true>(args, row_begin, row_end);
  else sum_rows<false>(args, row_begin, row_end);
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
