// gemm, AVX2: blocks of 24 rows are unpacked, multiplied four rows at a time, and finished.
//
// A block shares one pass over the panel, group by group, so that a group stays in the first-level cache.
#if defined(__x86_64__)
#include "smoothbit/gemm.h"

#include <algorithm>

#include "../epilogue/tile_avx2.h"
#include "multiply_avx2.h"
#include "thresholds.h"
#include "thresholds_avx2.h"
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

void multiply_block(const GemmArgs& args, BlockAvx2& block, int64_t num_rows) {
  const int64_t num_steps = gemm_num_steps(args);
  const int64_t group = gemm_group_channels(gemm_layout(args));
  for (int64_t c = 0; c < args.epilogue.num_channels; c += group) {
    const MultiplyAvx2 multiply = choose_multiply(args, args.epilogue.num_channels - c);
    const uint8_t* panel = args.panel + c / group * num_steps * kGemmPiece;
    for (int64_t r = 0; r < num_rows; r += kRowsAvx2)
      multiply(GroupAvx2{block.codes + r * block.codes_stride, block.codes_stride, panel, num_steps,
                         block.row_sums + r, block.col_products + c,
                         block.sums + r * block.sums_stride + (block.is_narrow ? c / 2 : c), block.sums_stride,
                         block.wide, block.is_narrow});
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
  multiply_block(args, block, 1);
  std::memcpy(col_products, block.sums, static_cast<size_t>(block.sums_stride) * sizeof(int32_t));
  block.sums_stride = sums_stride;
}

void multiply_by_thresholds(const GemmArgs& args, BlockAvx2& block, void* scratch, int64_t row_begin, int64_t row_end) {
  ProductThresholdsAvx2 thresholds(args, static_cast<uint8_t*>(scratch) + gemm_block_bytes(args));
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    unpack_block(args, block, row, num_rows);
    multiply_block(args, block, num_rows);
    thresholds.finish(row, num_rows, block.sums, block.sums_stride, block.row_sums);
  }
}

}  // namespace

bool product_thresholds_fit(const GemmArgs& args, int64_t num_rows) {
  return ProductThresholdsAvx2::fits(args, num_rows);
}

void finish_by_thresholds(const GemmArgs& args, void* memory, int64_t row, int64_t count, const int32_t* sums,
                          int64_t stride, const GemmRowSums* row_sums) {
  ProductThresholdsAvx2(args, memory).finish(row, count, sums, stride, row_sums);
}

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
  block.is_narrow = ProductThresholdsAvx2::fits(args, row_end - row_begin);
  fill_col_products(args, block, col_products);
  if (block.is_narrow) return multiply_by_thresholds(args, block, scratch, row_begin, row_end);
  for (int64_t row = row_begin; row < row_end; row += kGemmRowBlock) {
    const int64_t num_rows = std::min(kGemmRowBlock, row_end - row);
    unpack_block(args, block, row, num_rows);
    multiply_block(args, block, num_rows);
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
