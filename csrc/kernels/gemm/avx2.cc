// gemm, AVX2: int16 pair products (vpmaddwd) against the panel drawn in smoothbit/gemm.h.
//
// A 16-bit multiply-add of two u8 products is exact: 2 * 255 * 255 < 2^31. The micro-kernel holds
// 4 rows x 16 channels in 8 accumulators; a pair step reads 64 bytes of the panel, broadcasts 4 source
// pairs and does 8 multiply-adds and 8 additions. It is a function of its own because gcc 12 spills the
// accumulators when it is inlined into the row loop.
#if defined(__x86_64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int kRows = static_cast<int>(kGemmRowBlock);

template <int kBits>
void unpack_row(const uint8_t* packed, int64_t depth, int16_t* codes) {
  int64_t k = 0;
  for (; k < depth; k += 8) {
    const int64_t count = std::min<int64_t>(8, depth - k);
    __m256i codes_i32x8;
    if (count == 8) load_codes_avx2<kBits, 1>(packed + k * kBits / 8, &codes_i32x8);
    else codes_i32x8 = _mm256_and_si256(
             spread_word_avx2<kBits>(load_bytes(packed + k * kBits / 8, (count * kBits + 7) / 8)),
             lanes_below_avx2(static_cast<int>(count)));
    const __m128i codes_i16x8 = _mm_packus_epi32(_mm256_castsi256_si128(codes_i32x8),
                                                 _mm256_extracti128_si256(codes_i32x8, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + k), codes_i16x8);
  }
}

void unpack_row_any(int bits, const uint8_t* packed, int64_t depth, int16_t* codes) {
  switch (bits) {
    case 1: return unpack_row<1>(packed, depth, codes);
    case 2: return unpack_row<2>(packed, depth, codes);
    case 4: return unpack_row<4>(packed, depth, codes);
    default: return unpack_row<8>(packed, depth, codes);
  }
}

int32_t sum_codes(const int16_t* codes, int64_t depth) {
  int32_t sum = 0;
  for (int64_t k = 0; k < depth; ++k) sum += codes[k];
  return sum;
}

__attribute__((noinline)) void multiply_group(const int16_t* source, int64_t source_stride,
                                              const int16_t* panel, int64_t num_pairs, int32_t* sums,
                                              int64_t sums_stride) {
  __m256i acc_i32x8[kRows][2];
  for (int r = 0; r < kRows; ++r) acc_i32x8[r][0] = acc_i32x8[r][1] = _mm256_setzero_si256();
  for (int64_t k = 0; k < num_pairs; ++k) {
    const __m256i weight_0 = _mm256_load_si256(reinterpret_cast<const __m256i*>(panel + 32 * k));
    const __m256i weight_1 = _mm256_load_si256(reinterpret_cast<const __m256i*>(panel + 32 * k + 16));
    for (int r = 0; r < kRows; ++r) {
      int32_t pair;
      std::memcpy(&pair, source + r * source_stride + 2 * k, 4);
      const __m256i codes = _mm256_set1_epi32(pair);
      acc_i32x8[r][0] = _mm256_add_epi32(acc_i32x8[r][0], _mm256_madd_epi16(codes, weight_0));
      acc_i32x8[r][1] = _mm256_add_epi32(acc_i32x8[r][1], _mm256_madd_epi16(codes, weight_1));
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int h = 0; h < 2; ++h)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + r * sums_stride + 8 * h), acc_i32x8[r][h]);
}

}  // namespace

void gemm_avx2(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const int64_t num_groups = gemm_num_groups(e.num_channels), num_pairs = gemm_num_pairs(args.depth);
  const int64_t source_stride = (args.depth + 63) / 64 * 64, sums_stride = num_groups * kGemmGroup;
  int16_t* source = static_cast<int16_t*>(scratch);
  int32_t* sums = reinterpret_cast<int32_t*>(source + kRows * source_stride);
  std::memset(source, 0, static_cast<size_t>(kRows * source_stride) * sizeof(int16_t));
  for (int64_t row = row_begin; row < row_end; row += kRows) {
    const int64_t num_rows = std::min<int64_t>(kRows, row_end - row);
    // In the last block the rows that do not exist keep old codes; their sums are not used.
    for (int64_t r = 0; r < num_rows; ++r)
      unpack_row_any(args.source_bits, args.source + (row + r) * args.source_stride, args.depth,
                     source + r * source_stride);
    for (int64_t g = 0; g < num_groups; ++g)
      multiply_group(source, source_stride, args.panel + g * num_pairs * kGemmGroup * 2, num_pairs,
                     sums + g * kGemmGroup, sums_stride);
    for (int64_t r = 0; r < num_rows; ++r) {
      float row_term = 0.0f;
      if (e.row_term) row_term = e.row_term[row + r];
      else if (e.col_term) row_term = static_cast<float>(sum_codes(source + r * source_stride, args.depth));
      finish_row_avx2(e, row + r, 0, e.num_channels, sums + r * sums_stride, row_term);
      clear_row_padding_serial(e, row + r);
    }
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
