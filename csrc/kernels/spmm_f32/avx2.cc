// spmm_f32, AVX2: sums of a block of channels stay in registers over all entries of a row.
//
// Eight accumulators cover 64 channels (four cache lines of each source row), so that wider rows take
// another pass over the entries; sixteen accumulators leave no register for the message and spill.
#if defined(__x86_64__)
#include <immintrin.h>

#include "../prefetch.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int64_t kAhead = 24;  // entries between a prefetch and its use

SMOOTHBIT_INLINE __m256i lanes_below(int64_t valid) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(valid)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

SMOOTHBIT_INLINE __m256 finish(const SpmmF32Args& args, int64_t row, __m256 y, __m256 skip) {
  if (args.row_scale) y = _mm256_mul_ps(y, _mm256_set1_ps(args.row_scale[row]));
  y = _mm256_mul_ps(y, _mm256_set1_ps(args.scale));
  if (args.skip) y = _mm256_add_ps(y, _mm256_mul_ps(skip, _mm256_set1_ps(args.skip_scale)));
  return y;
}

// Channels [channel, channel + 8 * V) of one row.
template <int V, bool kHasValues>
SMOOTHBIT_INLINE void sum_block(const SpmmF32Args& args, int64_t row, int64_t channel, int64_t prefetch_end) {
  const int64_t num_channels = args.num_channels;
  const float* source = args.source + channel;
  __m256 acc_f32x8[V];
  for (int v = 0; v < V; ++v) acc_f32x8[v] = _mm256_setzero_ps();
  const int64_t end = args.indptr[row + 1];
  for (int64_t entry = args.indptr[row]; entry < end; ++entry) {
    if (entry + kAhead < prefetch_end) {
      const float* next = source + args.indices[entry + kAhead] * num_channels;
      prefetch_row<V * 32>(next);
    }
    const float* message = source + args.indices[entry] * num_channels;
    for (int v = 0; v < V; ++v) {
      __m256 value = _mm256_loadu_ps(message + 8 * v);
      if constexpr (kHasValues) value = _mm256_mul_ps(value, _mm256_set1_ps(args.values[entry]));
      acc_f32x8[v] = _mm256_add_ps(acc_f32x8[v], value);
    }
  }
  float* out = args.out + row * num_channels + channel;
  const float* skip = args.skip ? args.skip + row * num_channels + channel : out;
  for (int v = 0; v < V; ++v) {
    const __m256 skip_f32x8 = args.skip ? _mm256_loadu_ps(skip + 8 * v) : _mm256_setzero_ps();
    _mm256_storeu_ps(out + 8 * v, finish(args, row, acc_f32x8[v], skip_f32x8));
  }
}

template <bool kHasValues>
SMOOTHBIT_INLINE void sum_last(const SpmmF32Args& args, int64_t row, int64_t channel) {
  const int64_t num_channels = args.num_channels;
  const __m256i mask = lanes_below(num_channels - channel);
  __m256 acc_f32x8 = _mm256_setzero_ps();
  for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
    const float* message = args.source + args.indices[entry] * num_channels + channel;
    __m256 value = _mm256_maskload_ps(message, mask);
    if constexpr (kHasValues) value = _mm256_mul_ps(value, _mm256_set1_ps(args.values[entry]));
    acc_f32x8 = _mm256_add_ps(acc_f32x8, value);
  }
  const int64_t offset = row * num_channels + channel;
  const __m256 skip = args.skip ? _mm256_maskload_ps(args.skip + offset, mask) : _mm256_setzero_ps();
  _mm256_maskstore_ps(args.out + offset, mask, finish(args, row, acc_f32x8, skip));
}

template <bool kHasValues>
void sum_rows(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  const int64_t prefetch_end = is_prefetched(args.num_sources, args.num_channels * 4) ? args.indptr[args.num_rows] : 0;
  const int64_t num_channels = args.num_channels;
  for (int64_t row = row_begin; row < row_end; ++row) {
    int64_t channel = 0;
    for (; channel + 64 <= num_channels; channel += 64)
      sum_block<8, kHasValues>(args, row, channel, prefetch_end);
    for (; channel + 32 <= num_channels; channel += 32)
      sum_block<4, kHasValues>(args, row, channel, prefetch_end);
    for (; channel + 8 <= num_channels; channel += 8)
      sum_block<1, kHasValues>(args, row, channel, prefetch_end);
    if (channel < num_channels) sum_last<kHasValues>(args, row, channel);
  }
}

}  // namespace

void spmm_f32_avx2(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  if (args.values) sum_rows<true>(args, row_begin, row_end);
  else sum_rows<false>(args, row_begin, row_end);
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
