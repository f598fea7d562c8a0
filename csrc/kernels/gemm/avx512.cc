// gemm, AVX-512 with VNNI; without it the AVX2 kernel runs, whose inner products a wider form of vpmaddwd or
// vpmaddubsw would hardly beat.
//
// Vector operations for 64 products of a row, without the loads of weights, which four rows share:
//
//     lookup, 2 bits   1/2 broadcast, 1/2 vpshufb, 1/2 addition (u8, 14 steps)
//     lookup, 1 bit    half of that (63 steps)
//     bytes            1/4 broadcast, 1 vpdpbusd (i32)
//
// vpdpbusd (not vpdpbusds) adds four products of unsigned source and signed weight bytes and never saturates.
// 8-bit weights are made signed by subtracting 128; 128 times the sum of the row's codes is added at the end.
#if defined(__x86_64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/avx512.h"
#include "lookup.h"
#include "unpack.h"

#if defined(SMOOTHBIT_EMULATE)
#define SMOOTHBIT_BEGIN_AVX512_VNNI
#else
#define SMOOTHBIT_BEGIN_AVX512_VNNI SMOOTHBIT_BEGIN_TARGET("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
#endif

namespace smoothbit {
void gemm_avx2(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end);
}

SMOOTHBIT_BEGIN_AVX512_VNNI
namespace smoothbit {
namespace {

constexpr int kRows = 4;
static_assert(kGemmRowBlock % kRows == 0, "a row block is whole calls");

// Four rows of unpacked codes against neighbouring panel groups, which are group_bytes apart.
struct Group {
  const uint8_t* codes;
  int64_t codes_stride;
  const uint8_t* panel;
  int64_t num_steps;
  int64_t group_bytes;
  bool has_signed_weights;  // 128 is to be subtracted from the weights
  const GemmRowSums* row_sums;
  int32_t* sums;
  int64_t sums_stride;
};

// Accumulators in the type of their lanes, rows by name: see multiply_avx2.h.
using U8x64 = uint8_t __attribute__((vector_size(64)));
using I32x16 = int32_t __attribute__((vector_size(64)));

struct DotRow {
  I32x16 group_0, group_1, group_2, group_3;
};

SMOOTHBIT_INLINE void add_dot(I32x16& acc, __m512i codes_u8x64, __m512i weights_i8x64) {
  acc = reinterpret_cast<I32x16>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(acc), codes_u8x64, weights_i8x64));
}

template <int kGroups>
SMOOTHBIT_INLINE void add_dots(DotRow& acc, const uint8_t* codes, const __m512i weights[kGroups]) {
  int32_t lane;
  std::memcpy(&lane, codes, sizeof lane);
  const __m512i codes_u8x64 = _mm512_set1_epi32(lane);
  add_dot(acc.group_0, codes_u8x64, weights[0]);
  if constexpr (kGroups == 4) {
    add_dot(acc.group_1, codes_u8x64, weights[1]);
    add_dot(acc.group_2, codes_u8x64, weights[2]);
    add_dot(acc.group_3, codes_u8x64, weights[3]);
  }
}

template <int kGroups>
SMOOTHBIT_INLINE void store_dots(const Group& g, int row, const DotRow& acc) {
  const __m512i offset = _mm512_set1_epi32(g.has_signed_weights ? 128 * g.row_sums[row].codes : 0);
  const I32x16 groups[4] = {acc.group_0, acc.group_1, acc.group_2, acc.group_3};
  for (int i = 0; i < kGroups; ++i)
    _mm512_storeu_si512(g.sums + row * g.sums_stride + 16 * i,
                        _mm512_add_epi32(reinterpret_cast<__m512i>(groups[i]), offset));
}

// 1 or 4 groups of 16 channels. The sums and the offset are exact modulo 2^32, and so is the result, which fits.
template <int kGroups>
__attribute__((noinline)) void multiply_bytes(const Group& g) {
  const __m512i flip = _mm512_set1_epi8(g.has_signed_weights ? -128 : 0);
  const int64_t codes_stride = g.codes_stride;
  const uint8_t* panel = g.panel;
  const uint8_t* codes = g.codes;
  DotRow row_0{}, row_1{}, row_2{}, row_3{};
  for (int64_t s = g.num_steps; s > 0; --s, panel += kGemmPiece, codes += 4) {
    __m512i weights[kGroups];
    weights[0] = _mm512_xor_si512(_mm512_loadu_si512(panel), flip);
    if constexpr (kGroups == 4) {
      weights[1] = _mm512_xor_si512(_mm512_loadu_si512(panel + g.group_bytes), flip);
      weights[2] = _mm512_xor_si512(_mm512_loadu_si512(panel + 2 * g.group_bytes), flip);
      weights[3] = _mm512_xor_si512(_mm512_loadu_si512(panel + 3 * g.group_bytes), flip);
    }
    add_dots<kGroups>(row_0, codes, weights);
    add_dots<kGroups>(row_1, codes + codes_stride, weights);
    add_dots<kGroups>(row_2, codes + 2 * codes_stride, weights);
    add_dots<kGroups>(row_3, codes + 3 * codes_stride, weights);
  }
  store_dots<kGroups>(g, 0, row_0);
  store_dots<kGroups>(g, 1, row_1);
  store_dots<kGroups>(g, 2, row_2);
  store_dots<kGroups>(g, 3, row_3);
}

SMOOTHBIT_INLINE void add_lookup(U8x64& acc, const uint8_t* products, const uint8_t* code, __m512i weights) {
  const __m512i products_u8x16x4 =
      _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(products + *code)));
  acc += reinterpret_cast<U8x64>(_mm512_shuffle_epi8(products_u8x16x4, weights));
}

// See widen_lookup_avx2.
SMOOTHBIT_INLINE void widen_lookup(U8x64 acc, __m512i* wide_u16x32) {
  const __m512i sums = reinterpret_cast<__m512i>(acc);
  wide_u16x32[0] = _mm512_add_epi16(wide_u16x32[0], sums);
  wide_u16x32[1] = _mm512_add_epi16(wide_u16x32[1], _mm512_srli_epi16(sums, 8));
}

// 64 sums, added to those of the depths before unless `is_first`.
SMOOTHBIT_INLINE void store_lookup(const __m512i* wide_u16x32, bool is_first, int32_t* sums) {
  const __m512i odd = wide_u16x32[1], even = _mm512_sub_epi16(wide_u16x32[0], _mm512_slli_epi16(odd, 8));
  alignas(64) uint16_t parts[2][32];
  _mm512_store_si512(parts[0], even);
  _mm512_store_si512(parts[1], odd);
  // 16 sums at a time: lanes of 32 bits from 8 even and 8 odd channels.
  for (int i = 0; i < 4; ++i) {
    const __m128i evens = _mm_load_si128(reinterpret_cast<const __m128i*>(parts[0] + 8 * i));
    const __m128i odds = _mm_load_si128(reinterpret_cast<const __m128i*>(parts[1] + 8 * i));
    const __m256i sixteen =
        _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_unpacklo_epi16(evens, odds)),
                                _mm_unpackhi_epi16(evens, odds), 1);
    __m512i sums_i32x16 = _mm512_cvtepu16_epi32(sixteen);
    if (!is_first) sums_i32x16 = _mm512_add_epi32(sums_i32x16, _mm512_loadu_si512(sums + 16 * i));
    _mm512_storeu_si512(sums + 16 * i, sums_i32x16);
  }
}

// 64 channels; see multiply_lookup_avx2.
template <int kBits>
__attribute__((noinline)) void multiply_lookup(const Group& g) {
  static constexpr GemmNibbleProducts<kBits> kTable;
  constexpr int64_t kNarrow = kTable.kNarrowSteps, kWide = kTable.kWideSteps;
  const int64_t codes_stride = g.codes_stride, num_steps = g.num_steps;
  const uint8_t* panel = g.panel;
  const uint8_t* codes = g.codes;
  int64_t begin = 0;
  do {
    const int64_t end = std::min(begin + kWide, num_steps);
    __m512i wide[2 * kRows];
    for (__m512i& sums : wide) sums = _mm512_setzero_si512();
    for (int64_t left = end - begin; left > 0; left -= kNarrow) {
      U8x64 row_0{}, row_1{}, row_2{}, row_3{};
      for (int64_t s = std::min(kNarrow, left); s > 0; --s, panel += kGemmPiece, ++codes) {
        const __m512i weights = _mm512_loadu_si512(panel);
        add_lookup(row_0, kTable.product, codes, weights);
        add_lookup(row_1, kTable.product, codes + codes_stride, weights);
        add_lookup(row_2, kTable.product, codes + 2 * codes_stride, weights);
        add_lookup(row_3, kTable.product, codes + 3 * codes_stride, weights);
      }
      widen_lookup(row_0, wide);
      widen_lookup(row_1, wide + 2);
      widen_lookup(row_2, wide + 4);
      widen_lookup(row_3, wide + 6);
    }
    for (int r = 0; r < kRows; ++r) store_lookup(wide + 2 * r, begin == 0, g.sums + r * g.sums_stride);
    begin = end;
  } while (begin < num_steps);
}

void multiply_block(const GemmArgs& args, Group g, int64_t num_rows) {
  const bool is_lookup = gemm_layout(args) == GemmLayout::lookup;
  const int64_t num_groups = gemm_num_groups(args), group_channels = gemm_group_channels(gemm_layout(args));
  const Group first = g;
  for (int64_t group = 0; group < num_groups;) {
    const int64_t count = !is_lookup && num_groups - group >= 4 ? 4 : 1;
    for (int64_t r = 0; r < num_rows; r += kRows) {
      g.codes = first.codes + r * g.codes_stride;
      g.panel = first.panel + group * g.group_bytes;
      g.row_sums = first.row_sums + r;
      g.sums = first.sums + r * g.sums_stride + group * group_channels;
      if (is_lookup) args.weight_bits == 2 ? multiply_lookup<2>(g) : multiply_lookup<1>(g);
      else count == 4 ? multiply_bytes<4>(g) : multiply_bytes<1>(g);
    }
    group += count;
  }
}

void multiply_rows(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const int64_t sums_stride = gemm_sums_stride(args), codes_stride = gemm_codes_stride(args);
  const bool has_row_sums = e.col_term && !e.row_term;
  GemmRowSums row_sums[kGemmRowBlock] = {};
  int32_t* sums = static_cast<int32_t*>(scratch);
  uint8_t* codes = reinterpret_cast<uint8_t*>(sums + kGemmRowBlock * sums_stride);
  const Group first{codes, codes_stride, args.panel, gemm_num_steps(args), gemm_num_steps(args) * kGemmPiece,
                    args.weight_bits == 8, row_sums, sums, sums_stride};
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    gemm_unpack_rows_avx2(args, row, num_rows, codes, row_sums);
    // Rows up to the last one of a call: their sums are not used, but their codes are places in tables.
    const int64_t end = std::min<int64_t>(kGemmRowBlock, num_rows + kRows - 1);
    std::memset(codes + num_rows * codes_stride, 0, static_cast<size_t>((end - num_rows) * codes_stride));
    multiply_block(args, first, num_rows);
    for (int64_t r = 0; r < num_rows; ++r) {
      float row_term = 0.0f;
      if (e.row_term) row_term = e.row_term[row + r];
      else if (has_row_sums) row_term = static_cast<float>(row_sums[r].codes);
      finish_row_avx512(e, row + r, 0, e.num_channels, sums + r * sums_stride, row_term);
      clear_row_padding_serial(e, row + r);
    }
  }
}

}  // namespace

void gemm_avx512(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  if (args.has_vnni) multiply_rows(args, scratch, row_begin, row_end);
  else gemm_avx2(args, scratch, row_begin, row_end);
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
