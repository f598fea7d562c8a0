// spmm_f32, AVX-512: 128 channels of sums in eight registers, the last block under a mask.
#if defined(__x86_64__)
#include "../epilogue/avx512_intrinsics.h"
#include "../prefetch.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
void spmm_f32_avx2(const SpmmF32Args& args, int64_t row_begin, int64_t row_end);
}

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

constexpr int64_t kAhead = 24;  // entries between a prefetch and its use

SMOOTHBIT_INLINE __m512 finish(const SpmmF32Args& args, int64_t row, __m512 y, __m512 skip) {
  if (args.row_scale) y = _mm512_mul_ps(y, _mm512_set1_ps(args.row_scale[row]));
  y = _mm512_mul_ps(y, _mm512_set1_ps(args.scale));
  if (args.skip) y = _mm512_add_ps(y, _mm512_mul_ps(skip, _mm512_set1_ps(args.skip_scale)));
  return y;
}

// V registers of one row from `channel` on; the last of them under `mask`, unless all are whole.
template <int V, bool kHasValues, bool kIsWhole>
void sum_block(const SpmmF32Args& args, int64_t row, int64_t channel, __mmask16 mask, int64_t prefetch_end) {
  const int64_t num_channels = args.num_channels;
  const float* source = args.source + channel;
  __m512 acc_f32x16[V];
  for (int v = 0; v < V; ++v) acc_f32x16[v] = _mm512_setzero_ps();
  const int64_t end = args.indptr[row + 1];
  for (int64_t entry = args.indptr[row]; entry < end; ++entry) {
    if (entry + kAhead < prefetch_end) {
      const float* next = source + args.indices[entry + kAhead] * num_channels;
      prefetch_row<V * 64>(next);
    }
    const float* message = source + args.indices[entry] * num_channels;
    for (int v = 0; v < V; ++v) {
      __m512 value = kIsWhole || v < V - 1 ? _mm512_loadu_ps(message + 16 * v)
                                           : _mm512_maskz_loadu_ps(mask, message + 16 * v);
      if constexpr (kHasValues) value = _mm512_mul_ps(value, _mm512_set1_ps(args.values[entry]));
      acc_f32x16[v] = _mm512_add_ps(acc_f32x16[v], value);
    }
  }
  const int64_t offset = row * num_channels + channel;
  for (int v = 0; v < V; ++v) {
    const __mmask16 lanes = kIsWhole || v < V - 1 ? static_cast<__mmask16>(0xffff) : mask;
    const __m512 skip = args.skip ? _mm512_maskz_loadu_ps(lanes, args.skip + offset + 16 * v) : _mm512_setzero_ps();
    _mm512_mask_storeu_ps(args.out + offset + 16 * v, lanes, finish(args, row, acc_f32x16[v], skip));
  }
}

using SumBlock = void (*)(const SpmmF32Args&, int64_t, int64_t, __mmask16, int64_t);

// The block of V registers whose last one has `count` channels.
template <bool kHasValues, int V = 8>
SumBlock choose_block(int num_registers, int64_t count) {
  if constexpr (V > 1)
    if (num_registers < V) return choose_block<kHasValues, V - 1>(num_registers, count);
  return count == 16 ? sum_block<V, kHasValues, true> : sum_block<V, kHasValues, false>;
}

template <bool kHasValues>
void sum_rows(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  constexpr int64_t kBlock = 128;  // channels
  const int64_t num_channels = args.num_channels;
  if (num_channels == 0) return;
  const int64_t prefetch_end = is_prefetched(args.num_sources, num_channels * 4) ? args.indptr[args.num_rows] : 0;
  const int64_t last = (num_channels - 1) / kBlock * kBlock, rest = num_channels - last;
  const int64_t count = (rest - 1) % 16 + 1;  // of the last register
  const SumBlock sum_last = choose_block<kHasValues>(static_cast<int>((rest + 15) / 16), count);
  const __mmask16 mask = static_cast<__mmask16>(0xffff >> (16 - count));
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t channel = 0; channel < last; channel += kBlock)
      sum_block<8, kHasValues, true>(args, row, channel, 0xffff, prefetch_end);
    sum_last(args, row, last, mask, prefetch_end);
  }
}

}  // namespace

void spmm_f32_avx512(const SpmmF32Args& args, int64_t row_begin, int64_t row_end) {
  // Rows that are not whole registers begin within a line, and half of the loads of 64 bytes cross into the next one (40
  // channels 30.9 ms where AVX2 takes 25.0, 72 channels 65.8 and 49.2, 100 channels 93 and 79). Of few channels AVX2 takes
  // the last ones singly (20 channels 28.1 and 18.5).
  constexpr int64_t kFewChannels = 24;
  if (args.num_channels % 16 != 0 && args.num_channels >= kFewChannels) return spmm_f32_avx2(args, row_begin, row_end);
  if (args.values) sum_rows<true>(args, row_begin, row_end);
  else sum_rows<false>(args, row_begin, row_end);
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
