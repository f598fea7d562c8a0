// gemm, AVX-512 with VNNI: for 64 products of a row 1/4 broadcast and one vpdpbusd, without the loads of weights, which
// four rows share. With VBMI 1 and 2 bits are looked up, six bits at a time (sextets_avx512.h). All else takes the AVX2
// kernel: wider registers hardly help where a shuffle or a multiplication starts only once a cycle.
//
// vpdpbusd (not vpdpbusds) adds four products of unsigned source and signed weight bytes and never saturates.
// 8-bit weights are made signed by subtracting 128; 128 times the sum of the row's codes is added at the end.
#if defined(__x86_64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/avx512.h"
#include "../epilogue/simple_avx512.h"
#include "../prefetch.h"
#include "sextets_avx512.h"
#include "thresholds.h"
#include "unpack.h"

namespace smoothbit {
void gemm_avx2(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end);
}

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

// Rows of any epilogue.
class AnyLaw {
 public:
  explicit AnyLaw(const Epilogue& e) : e_(e) {}
  SMOOTHBIT_INLINE void finish(int64_t row, const int32_t* sums, float row_term) const {
    finish_row_avx512(e_, row, 0, e_.num_channels, sums, row_term);
  }

 private:
  const Epilogue& e_;
};

// Finishes rows [row, row + num_rows).
using FinishRows = void (*)(const GemmArgs& args, int64_t row, int64_t num_rows, const int32_t* sums,
                            const GemmRowSums* row_sums);

template <class Law>
void finish_rows(const GemmArgs& args, int64_t row, int64_t num_rows, const int32_t* sums, const GemmRowSums* row_sums) {
  const Epilogue& e = args.epilogue;
  const Law law(e);
  const int64_t sums_stride = gemm_sums_stride(args);
  for (int64_t r = 0; r < num_rows; ++r, sums += sums_stride) {
    float row_term = 0.0f;
    if (e.row_term) row_term = e.row_term[row + r];
    else if (e.col_term) row_term = static_cast<float>(row_sums[r].codes);
    law.finish(row + r, sums, row_term);
    clear_row_padding_serial(e, row + r);
  }
}

FinishRows choose_finish(const Epilogue& e) {
  if (ChannelsLawAvx512<1>::fits(e)) return finish_rows<ChannelsLawAvx512<1>>;
  if (ChannelsLawAvx512<2>::fits(e)) return finish_rows<ChannelsLawAvx512<2>>;
  if (ChannelsLawAvx512<4>::fits(e)) return finish_rows<ChannelsLawAvx512<4>>;
  if (ChannelsLawAvx512<8>::fits(e)) return finish_rows<ChannelsLawAvx512<8>>;
  return finish_rows<AnyLaw>;
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512

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

// Source rows from `next` on are asked for meanwhile.
void multiply_block(const GemmArgs& args, Group g, int64_t num_rows, int64_t next) {
  const int64_t num_groups = gemm_num_groups(args);
  const Group first = g;
  for (int64_t group = 0; group < num_groups;) {
    const int64_t count = num_groups - group >= 4 ? 4 : 1;
    for (int64_t r = 0; r < num_rows; r += kRows) {
      if (group == 0) gemm_prefetch_source(args, next + r, kRows);
      g.codes = first.codes + r * g.codes_stride;
      g.panel = first.panel + group * g.group_bytes;
      g.row_sums = first.row_sums + r;
      g.sums = first.sums + r * g.sums_stride + group * 16;
      count == 4 ? multiply_bytes<4>(g) : multiply_bytes<1>(g);
    }
    group += count;
  }
}

// Whether source rows are what gemm_unpack_rows_avx2 would make of them: whole steps of bytes, not all in one cache set.
bool is_unpacked(const GemmArgs& args) {
  return args.source_bits == 8 && args.depth == gemm_num_steps(args) * 4 && args.source_stride % 4096 != 0;
}

int32_t sum_codes(const uint8_t* codes, int64_t depth) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i sums_i32x16 = _mm512_setzero_si512();
  int64_t i = 0;
  for (; i + 64 <= depth; i += 64) sums_i32x16 = _mm512_dpbusd_epi32(sums_i32x16, _mm512_loadu_si512(codes + i), ones);
  const __mmask64 rest = (uint64_t{1} << (depth - i)) - 1;
  sums_i32x16 = _mm512_dpbusd_epi32(sums_i32x16, _mm512_maskz_loadu_epi8(rest, codes + i), ones);
  const __m256i eight = _mm256_add_epi32(_mm512_castsi512_si256(sums_i32x16), _mm512_extracti64x4_epi64(sums_i32x16, 1));
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1)));
}

void multiply_rows(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const FinishRows finish_rows = choose_finish(e);
  const int64_t sums_stride = gemm_sums_stride(args), codes_stride = gemm_codes_stride(args);
  const bool has_row_sums = e.col_term && !e.row_term, is_direct = is_unpacked(args);
  GemmRowSums row_sums[kGemmRowBlock] = {};
  int32_t* sums = static_cast<int32_t*>(scratch);
  uint8_t* codes = reinterpret_cast<uint8_t*>(sums + kGemmRowBlock * sums_stride);
  const Group first{codes, codes_stride, args.panel, gemm_num_steps(args), gemm_num_steps(args) * kGemmPiece,
                    args.weight_bits == 8, row_sums, sums, sums_stride};
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    Group block = first;
    if (is_direct && num_rows == kGemmRowBlock) {
      block.codes = args.source + row * args.source_stride;
      block.codes_stride = args.source_stride;
      for (int64_t r = 0; r < num_rows && (block.has_signed_weights || has_row_sums); ++r)
        row_sums[r].codes = sum_codes(block.codes + r * args.source_stride, args.depth);
    } else {
      gemm_unpack_rows_avx2(args, row, num_rows, codes, row_sums);
    }
    multiply_block(args, block, num_rows, row + kGemmRowBlock);
    finish_rows(args, row, num_rows, sums, row_sums);
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

// The source of a part of the rows, if it has to be made: in pieces of which two fit the second-level cache. What the next
// piece is made of is asked for while this one is multiplied, as lookups leave the memory idle.
class MadeSource {
 public:
  MadeSource(const GemmArgs& args, int64_t begin, int64_t end)
      : maker_(args.maker), made_(maker_.make ? begin : end), end_(end) {
    const int64_t rows = kPieceBytes / std::max<int64_t>(maker_.reads_stride, 1);
    piece_rows_ = std::max(rows / kGemmRowBlock, int64_t{1}) * kGemmRowBlock;
  }
  // Makes the next piece if the block that ends with row `end` is in it.
  void make(int64_t end) {
    if (end <= made_) return;
    const int64_t next = std::min(made_ + piece_rows_, end_);
    maker_.make(*maker_.args, made_, next);
    made_ = next;
  }
  // What row .. row + count - 1 of the next piece are made of, counted from this one's.
  LinesAhead ahead(int64_t row, int64_t count) const {
    row += piece_rows_;
    return {maker_.reads + std::min(row, end_) * maker_.reads_stride,
            maker_.reads + std::min(row + count, end_) * maker_.reads_stride};
  }

 private:
  static constexpr int64_t kPieceBytes = 1 << 17;
  const GemmMaker maker_;
  int64_t made_, end_, piece_rows_;
};

// Rows [row, row + num_rows), of which `codes` are the sextets.
template <int kBits>
void multiply_sextet_block(const GemmArgs& args, const MadeSource& source, int64_t row, int64_t num_rows,
                           const uint8_t* codes, bool is_narrow, int32_t* sums) {
  constexpr int64_t kWide = GemmFieldProducts<kBits, 6>::kWideSteps;
  const int64_t num_steps = gemm_num_steps(args), num_groups = gemm_num_groups(args);
  const int64_t sums_stride = gemm_sums_stride(args), codes_stride = gemm_codes_stride(args);
  for (int64_t group = 0; group < num_groups; ++group) {
    const uint8_t* panel = args.panel + group * num_steps * kGemmPiece;
    for (int64_t r = 0; r < num_rows; r += kSextetRows) {
      int32_t* row_of_sums = sums + r * sums_stride;
      const LinesAhead ahead = group == 0 ? source.ahead(row + r, kSextetRows) : LinesAhead();
      if (is_narrow) {
        multiply_sextets<kBits>(codes + r * codes_stride, codes_stride, panel, num_steps,
                                reinterpret_cast<uint8_t*>(row_of_sums + group * 32), sums_stride * 4, ahead);
        continue;
      }
      int64_t step = 0;
      do {
        SextetSums rows[kSextetRows];
        multiply_sextets<kBits>(codes + r * codes_stride + step, codes_stride, panel + step * kGemmPiece,
                                std::min(kWide, num_steps - step), reinterpret_cast<uint8_t*>(rows), sizeof *rows,
                                step == 0 ? ahead : LinesAhead());
        for (int i = 0; i < kSextetRows; ++i)
          store_wide_sextets(rows[i], step == 0, row_of_sums + i * sums_stride + group * 64);
        step += kWide;
      } while (step < num_steps);
    }
  }
}

// What becomes of a block of sums. Row sums are known before the products, and so are the thresholds that go with them.
template <int kBits>
class BlockThresholds {
 public:
  static constexpr bool kIsNarrow = true;
  BlockThresholds(const GemmArgs& args, void* scratch)
      : has_row_sums_(args.epilogue.col_term), sums_stride_(gemm_sums_stride(args)),
        thresholds_(args, CompareSextets<kBits>::kBlock, static_cast<uint8_t*>(scratch) + gemm_block_bytes(args)),
        compare_(args.epilogue, thresholds_.width()) {}

  void begin(int64_t num_rows, const GemmRowSums* row_sums) {
    for (int64_t r = 0; r < num_rows; ++r) tables_[r] = thresholds_.find(has_row_sums_ ? row_sums[r].codes : 0);
  }
  __attribute__((noinline)) void finish(int64_t row, int64_t num_rows, const int32_t* sums,
                                        const GemmRowSums* row_sums) const {
    const CompareSextets<kBits> compare = compare_;
    bool has_others = false;
    for (int64_t r = 0; r < num_rows; ++r) {
      if (tables_[r]) compare(row + r, sums + r * sums_stride_, tables_[r]);
      else has_others = true;
    }
    if (!has_others) return;
    for (int64_t r = 0; r < num_rows; ++r)
      if (!tables_[r])
        thresholds_.finish_float(row + r, sums + r * sums_stride_, has_row_sums_ ? row_sums[r].codes : 0);
  }

 private:
  bool has_row_sums_;
  int64_t sums_stride_;
  ProductThresholds thresholds_;
  CompareSextets<kBits> compare_;
  const int16_t* tables_[kGemmRowBlock] = {};
};

class BlockLaw {
 public:
  static constexpr bool kIsNarrow = false;
  explicit BlockLaw(const GemmArgs& args) : args_(args), finish_rows_(choose_finish(args.epilogue)) {}
  void begin(int64_t, const GemmRowSums*) const {}
  void finish(int64_t row, int64_t num_rows, const int32_t* sums, const GemmRowSums* row_sums) const {
    finish_rows_(args_, row, num_rows, sums, row_sums);
  }

 private:
  const GemmArgs& args_;
  FinishRows finish_rows_;
};

template <class Block>
void multiply_sextet_rows(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end, Block block) {
  const SextetRows rows(args);
  const Epilogue& e = args.epilogue;
  const bool has_row_sums = e.col_term && !e.row_term;
  const int64_t codes_stride = gemm_codes_stride(args);
  GemmRowSums row_sums[kGemmRowBlock] = {};
  int32_t* sums = static_cast<int32_t*>(scratch);
  uint8_t* codes = reinterpret_cast<uint8_t*>(sums + kGemmRowBlock * gemm_sums_stride(args));
  MadeSource source(args, row_begin, row_end);
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    source.make(row + num_rows);
    rows.unpack(args.source + row * args.source_stride, args.source_stride, num_rows, codes, codes_stride,
                has_row_sums ? row_sums : nullptr);
    // Rows up to the last one of a call: their sums are not used, but their codes are places in tables.
    const int64_t end = (num_rows + kSextetRows - 1) / kSextetRows * kSextetRows;
    std::memset(codes + num_rows * codes_stride, 0, static_cast<size_t>((end - num_rows) * codes_stride));
    block.begin(num_rows, row_sums);
    if (args.source_bits == 2) multiply_sextet_block<2>(args, source, row, num_rows, codes, Block::kIsNarrow, sums);
    else multiply_sextet_block<1>(args, source, row, num_rows, codes, Block::kIsNarrow, sums);
    block.finish(row, num_rows, sums, row_sums);
  }
}

}  // namespace

void gemm_sextets_avx512(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  if (!ProductThresholds::fits(args, row_end - row_begin))
    return multiply_sextet_rows(args, scratch, row_begin, row_end, BlockLaw(args));
  if (args.epilogue.output.num_bits == 2)
    return multiply_sextet_rows(args, scratch, row_begin, row_end, BlockThresholds<2>(args, scratch));
  multiply_sextet_rows(args, scratch, row_begin, row_end, BlockThresholds<1>(args, scratch));
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512

SMOOTHBIT_BEGIN_AVX512_VNNI
namespace smoothbit {

void gemm_avx512(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  if (gemm_layout(args) == GemmLayout::sextets) return gemm_sextets_avx512(args, scratch, row_begin, row_end);
  if (!args.has_vnni || gemm_layout(args) == GemmLayout::nibbles) return gemm_avx2(args, scratch, row_begin, row_end);
  multiply_rows(args, scratch, row_begin, row_end);
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
