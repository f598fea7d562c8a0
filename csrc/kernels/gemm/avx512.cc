// gemm, AVX-512: int16 pair products against the panel drawn in smoothbit/gemm.h, one register a group.
//
// Same bounds as the AVX2 kernel. 4 rows x 2 groups: a pair step reads 128 bytes of the panel, broadcasts
// 4 source pairs and does 8 multiply-adds and 8 additions.
#if defined(__x86_64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/avx512.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

constexpr int kRows = static_cast<int>(kGemmRowBlock);

template <int kBits>
void unpack_row(const uint8_t* packed, int64_t depth, int16_t* codes) {
  for (int64_t k = 0; k < depth; k += 16) {
    const int64_t count = std::min<int64_t>(16, depth - k);
    const __m512i codes_i32x16 =
        _mm512_maskz_mov_epi32(lanes_below_avx512(count), load_codes_avx512<kBits>(packed + k * kBits / 8, count));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + k), _mm512_cvtepi32_epi16(codes_i32x16));
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

// kGroups neighbouring groups of channels, whose panels lie num_pairs * 32 int16 apart.
template <int kGroups>
__attribute__((noinline)) void multiply_groups(const int16_t* source, int64_t source_stride,
                                               const int16_t* panel, int64_t num_pairs, int32_t* sums,
                                               int64_t sums_stride) {
  __m512i acc_i32x16[kRows][kGroups];
  for (int r = 0; r < kRows; ++r)
    for (int g = 0; g < kGroups; ++g) acc_i32x16[r][g] = _mm512_setzero_si512();
  for (int64_t k = 0; k < num_pairs; ++k) {
    __m512i weights[kGroups];
    for (int g = 0; g < kGroups; ++g) weights[g] = _mm512_loadu_si512(panel + 32 * (k + g * num_pairs));
    for (int r = 0; r < kRows; ++r) {
      int32_t pair;
      std::memcpy(&pair, source + r * source_stride + 2 * k, 4);
      const __m512i codes = _mm512_set1_epi32(pair);
      for (int g = 0; g < kGroups; ++g)
        acc_i32x16[r][g] = _mm512_add_epi32(acc_i32x16[r][g], _mm512_madd_epi16(codes, weights[g]));
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int g = 0; g < kGroups; ++g) _mm512_storeu_si512(sums + r * sums_stride + 16 * g, acc_i32x16[r][g]);
}

}  // namespace

void gemm_avx512(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
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
    int64_t g = 0;
    for (; g + 2 <= num_groups; g += 2)
      multiply_groups<2>(source, source_stride, args.panel + g * num_pairs * kGemmGroup * 2, num_pairs,
                         sums + g * kGemmGroup, sums_stride);
    if (g < num_groups)
      multiply_groups<1>(source, source_stride, args.panel + g * num_pairs * kGemmGroup * 2, num_pairs,
                         sums + g * kGemmGroup, sums_stride);
    for (int64_t r = 0; r < num_rows; ++r) {
      float row_term = 0.0f;
      if (e.row_term) row_term = e.row_term[row + r];
      else if (e.col_term) row_term = static_cast<float>(sum_codes(source + r * source_stride, args.depth));
      finish_row_avx512(e, row + r, 0, e.num_channels, sums + r * sums_stride, row_term);
      clear_row_padding_serial(e, row + r);
    }
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
