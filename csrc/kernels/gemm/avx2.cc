// gemm, AVX2: blocks of 24 rows are unpacked, multiplied four rows at a time, and finished.
//
// A block shares one pass over the panel, group by group, so that a group stays in the first-level cache.
#if defined(__x86_64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/tile_avx2.h"
#include "multiply_avx2.h"
#include "thresholds.h"
#include "unpack.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

using MultiplyAvx2 = void (*)(const GroupAvx2&);

// A thread's scratch.
struct BlockAvx2 {
  __m256i wide[16];
  GemmRowSums row_sums[kGemmRowBlock];
  const int32_t* col_products;  // [gemm_sums_stride]
  int32_t* sums;
  int64_t sums_stride;
  uint8_t* codes;
  int64_t codes_stride;
  bool is_narrow;
};

// `channels`: those of the group that exist.
MultiplyAvx2 choose_multiply(const GemmArgs& args, int64_t channels) {
  switch (gemm_layout(args)) {
    case GemmLayout::bytes: return multiply_bytes_avx2;
    case GemmLayout::words: return multiply_words_avx2;
    default: break;
  }
  if (args.weight_bits == 2) return channels > 32 ? multiply_lookup_avx2<2, 2> : multiply_lookup_avx2<2, 1>;
  return channels > 32 ? multiply_lookup_avx2<1, 2> : multiply_lookup_avx2<1, 1>;
}

// Source rows from `next` on are asked for meanwhile.
void multiply_block(const GemmArgs& args, BlockAvx2& block, int64_t num_rows, int64_t next) {
  const int64_t num_steps = gemm_num_steps(args);
  const int64_t group = gemm_group_channels(gemm_layout(args));
  for (int64_t c = 0; c < args.epilogue.num_channels; c += group) {
    const MultiplyAvx2 multiply = choose_multiply(args, args.epilogue.num_channels - c);
    const uint8_t* panel = args.panel + c / group * num_steps * kGemmPiece;
    for (int64_t r = 0; r < num_rows; r += kRowsAvx2) {
      if (c == 0) gemm_prefetch_source(args, next + r, kRowsAvx2);
      multiply(GroupAvx2{block.codes + r * block.codes_stride, block.codes_stride, panel, num_steps,
                         block.row_sums + r, block.col_products + c,
                         block.sums + r * block.sums_stride + (block.is_narrow ? c / 2 : c), block.sums_stride,
                         block.wide, block.is_narrow});
    }
  }
}

void unpack_block(const GemmArgs& args, BlockAvx2& block, int64_t row, int64_t num_rows) {
  gemm_unpack_rows_avx2(args, row, num_rows, block.codes, block.row_sums);
  if (args.epilogue.col_term && !args.epilogue.row_term)
    for (int64_t r = 0; r < num_rows; ++r) args.row_sums[row + r] = static_cast<float>(block.row_sums[r].codes);
  // Rows up to the last one of a call: their sums are not used, but their codes are places in tables.
  const int64_t end = std::min(kGemmRowBlock, num_rows + kRowsAvx2 - 1);
  std::memset(block.codes + num_rows * block.codes_stride, 0,
              static_cast<size_t>((end - num_rows) * block.codes_stride));
}

// The products of a channel's own weights are what is left when all codes are zero.
void fill_col_products(const GemmArgs& args, BlockAvx2& block, int32_t* col_products) {
  if (gemm_layout(args) == GemmLayout::nibbles) return;
  const int64_t sums_stride = block.sums_stride;
  const uint64_t zero_codes = gemm_zero_codes(args);
  for (int64_t i = 0; i < kRowsAvx2 * block.codes_stride; i += 8)
    std::memcpy(block.codes + i, &zero_codes, sizeof zero_codes);
  std::memset(block.row_sums, 0, sizeof block.row_sums);
  block.sums_stride = gemm_sums_stride(args);
  multiply_block(args, block, 1, args.num_rows);
  std::memcpy(col_products, block.sums, static_cast<size_t>(block.sums_stride) * sizeof(int32_t));
  block.sums_stride = sums_stride;
}

// Rows of narrow sums to codes by their thresholds.
class CompareAvx2 {
 public:
  static constexpr int64_t kBlock = 32;  // channels

  CompareAvx2(const Epilogue& e, int64_t width) : e_(e), width_(width) {}

  SMOOTHBIT_INLINE void operator()(int64_t row, const int32_t* sums, const int16_t* table) const {
    if (e_.output.num_bits == 2) compare<2>(row, sums, table);
    else compare<1>(row, sums, table);
    clear_row_padding_serial(e_, row);
  }

 private:
  template <int kBits>
  SMOOTHBIT_INLINE void compare(int64_t row, const int32_t* sums, const int16_t* table) const {
    // Copies: as members they would be read again after each store.
    const int64_t num_channels = e_.num_channels, width = width_;
    uint8_t* out = static_cast<uint8_t*>(e_.out) + row * e_.out_stride;
    for (int64_t c = 0; c < num_channels; c += kBlock, sums += kBlock / 2, table += kBlock, out += kBlock / 8 * kBits) {
      const __m256i even = load_avx2(sums), odd = load_avx2(sums + 8);
      __m256i even_count = _mm256_setzero_si256(), odd_count = even_count;
      for (int t = 0; t < (1 << kBits) - 1; ++t) {
        even_count = _mm256_sub_epi16(even_count, _mm256_cmpgt_epi16(even, load_avx2(table + t * width)));
        odd_count = _mm256_sub_epi16(odd_count, _mm256_cmpgt_epi16(odd, load_avx2(table + t * width + kBlock / 2)));
      }
      const __m256i codes_u8x32 = _mm256_or_si256(even_count, _mm256_slli_epi16(odd_count, 8));
      if (num_channels - c >= kBlock) store_bytes_avx2<kBits>(out, codes_u8x32);
      else store_end<kBits>(out, codes_u8x32, num_channels - c);
    }
  }

  // Lanes without a channel are not in the table.
  template <int kBits>
  SMOOTHBIT_INLINE void store_end(uint8_t* out, __m256i codes_u8x32, int64_t num_channels) const {
    uint8_t bytes[kBlock / 8 * kBits];
    store_bytes_avx2<kBits>(bytes, codes_u8x32);
    uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof bytes);
    word &= (uint64_t{1} << (num_channels * kBits)) - 1;
    store_bytes(out, word, (num_channels * kBits + 7) / 8);
  }

  const Epilogue& e_;
  int64_t width_;  // of a row of the tables
};

void multiply_by_thresholds(const GemmArgs& args, BlockAvx2& block, void* scratch, int64_t row_begin, int64_t row_end) {
  ProductThresholds thresholds(args, CompareAvx2::kBlock, static_cast<uint8_t*>(scratch) + gemm_block_bytes(args));
  const CompareAvx2 compare(args.epilogue, thresholds.width());
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    unpack_block(args, block, row, num_rows);
    multiply_block(args, block, num_rows, row + num_rows);
    for (int64_t r = 0; r < num_rows; ++r) {
      const int32_t row_sum = args.epilogue.col_term ? block.row_sums[r].codes : 0;
      const int32_t* sums = block.sums + r * block.sums_stride;
      if (const int16_t* table = thresholds.find(row_sum)) compare(row + r, sums, table);
      else thresholds.finish_float(row + r, sums, row_sum);
    }
  }
}

}  // namespace

void gemm_avx2(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end) {
  Epilogue e = args.epilogue;
  if (e.col_term && !e.row_term) e.row_term = args.row_sums;
  const bool is_tiled = has_tile_avx2(e.num_channels);
  const TileAvx2 tile(e);
  BlockAvx2& block = *static_cast<BlockAvx2*>(scratch);
  static_assert(sizeof(BlockAvx2) <= 2048 && alignof(BlockAvx2) <= 64, "fits what gemm_scratch_bytes leaves");
  int32_t* col_products = reinterpret_cast<int32_t*>(static_cast<uint8_t*>(scratch) + 2048);
  std::memset(col_products, 0, static_cast<size_t>(gemm_sums_stride(args)) * sizeof(int32_t));
  block.col_products = col_products;
  block.sums = col_products + gemm_sums_stride(args);
  block.sums_stride = is_tiled ? tile.lanes : gemm_sums_stride(args);
  block.codes_stride = gemm_codes_stride(args);
  block.codes = reinterpret_cast<uint8_t*>(block.sums + (kGemmRowBlock + 1) * gemm_sums_stride(args));
  block.is_narrow = ProductThresholds::fits(args, row_end - row_begin);
  fill_col_products(args, block, col_products);
  if (block.is_narrow) return multiply_by_thresholds(args, block, scratch, row_begin, row_end);
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    unpack_block(args, block, row, num_rows);
    multiply_block(args, block, num_rows, row + num_rows);
    if (is_tiled) {
      finish_tiles_avx2(tile, row, row + num_rows, block.sums);
      continue;
    }
    for (int64_t r = 0; r < num_rows; ++r) {
      const float row_term = e.row_term ? e.row_term[row + r] : 0.0f;
      finish_row_avx2(e, row + r, 0, e.num_channels, block.sums + r * block.sums_stride, row_term);
      clear_row_padding_serial(e, row + r);
    }
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
