// Packed matrix product: S[i, h] = sum over k of a[i, k] * w[k, h], exact int32, then the epilogue.
//
// Shapes:    source [N, source_stride] bytes holding `depth` codes of source_bits in each row,
//            weight [depth, weight_stride] bytes holding F codes of weight_bits in each row.
// Row sums:  with epilogue.col_term and no epilogue.row_term, row_term[i] = float32(sum_k a[i, k]); the
//            kernel writes it to row_sums[i] first.
// Overflow:  depth * 255 * 255 <= 2^31 - 1 holds up to depth 33,025 at u8 x u8; in general
//            depth * qmax_a * qmax_w <= 2^31 - 1 is the caller's duty.
// Workspace: `panel` holds the weight unpacked once for all rows (gemm_panel_bytes); `scratch` is one
//            thread's private memory (gemm_scratch_bytes). Both 64-byte aligned, from the caller.
//
// The panel is cut into pieces of 64 bytes: channels in groups, depth in steps. What a piece holds depends
// on the widths (gemm_layout); missing depths and channels are zero.
//
//     group g: | step 0: 64 bytes | step 1: 64 bytes | ...       then group g + 1
//
//     nibbles  64 channels; byte c is four bits of channel c: w[2s], w[2s+1] at 2 bits, w[4s .. 4s+3] at 1
//     sextets  64 channels; byte c is six bits of channel c: w[3s .. 3s+2] at 2 bits, w[6s .. 6s+5] at 1
//     bytes    16 channels; lane c of 32 bits is the bytes w[4s, c] w[4s+1, c] w[4s+2, c] w[4s+3, c]
//     words    16 channels; lane c of 32 bits is the int16 pair w[2s, c] w[2s+1, c]
#pragma once

#include <cstdint>

#include "smoothbit/epilogue.h"
#include "smoothbit/requantize.h"

namespace smoothbit {

enum class GemmLayout : int { nibbles, sextets, bytes, words };

constexpr int64_t kGemmPiece = 64;     // bytes of a panel piece
constexpr int64_t kGemmRowBlock = 24;  // source rows that are unpacked, multiplied and finished together
constexpr int64_t kGemmSlots = 256;    // row sums whose thresholds are kept, see gemm/thresholds.h
constexpr int64_t kGemmSlotBytes = 8;  // of each, besides the thresholds

// What makes the rows of a source: piece by piece, each before it is multiplied.
struct GemmMaker {
  RequantizeKernel make = nullptr;  // null: the source is there
  const RequantizeArgs* args = nullptr;
  const uint8_t* reads = nullptr;   // rows of which it makes the same rows of the source
  int64_t reads_stride = 0;         // bytes
};

struct GemmArgs {
  const uint8_t* source = nullptr;
  int64_t source_stride = 0;
  int source_bits = 0;
  const uint8_t* weight = nullptr;
  int64_t weight_stride = 0;
  int weight_bits = 0;
  int64_t num_rows = 0;
  int64_t depth = 0;
  bool has_vnni = false;  // the kernel is of AVX-512 and may use byte dot products (cpu_has_vnni),
  bool has_vbmi = false;  // or byte permutations (cpu_has_vbmi)
  bool is_repeated = false;  // scratch is as the last run of the same weight, epilogue and rows left it
  const uint8_t* panel = nullptr;
  float* row_sums = nullptr;  // [num_rows], see above
  GemmMaker maker;            // of kernels for which gemm_makes_source holds
  Epilogue epilogue;
};

// Nibbles or sextets are looked up where a product of them fits a byte; bytes are multiplied where pairs of products
// fit int16, or the CPU adds them up in int32; what is left needs int16 factors.
inline GemmLayout gemm_layout(const GemmArgs& args) {
  constexpr int64_t kMaxTile = 32;  // channels of rows that share a register, and half of one of 64 bytes
  if (args.source_bits == args.weight_bits && args.weight_bits <= 2)
    return args.has_vbmi && args.epilogue.num_channels > kMaxTile ? GemmLayout::sextets : GemmLayout::nibbles;
  if ((args.source_bits < 8 && args.weight_bits < 8) || args.has_vnni) return GemmLayout::bytes;
  return GemmLayout::words;
}

// Whether a kernel makes its source. At 1 bit a product takes less time than its floats need from memory (128 to 64 channels,
// 169,343 rows: both calls 6.0 to 8.4 ms).
inline bool gemm_makes_source(const GemmArgs& args) {
  return gemm_layout(args) == GemmLayout::sextets && args.source_bits == 2;
}

inline bool gemm_is_lookup(GemmLayout layout) { return layout == GemmLayout::nibbles || layout == GemmLayout::sextets; }

inline int64_t gemm_group_channels(GemmLayout layout) { return gemm_is_lookup(layout) ? 64 : 16; }

// Depths of a step.
inline int64_t gemm_step_depth(const GemmArgs& args) {
  switch (gemm_layout(args)) {
    case GemmLayout::nibbles: return 4 / args.weight_bits;
    case GemmLayout::sextets: return 6 / args.weight_bits;
    case GemmLayout::bytes: return 4;
    default: return 2;
  }
}

// Bytes and words come in an even number of steps, which AVX2 takes by two.
inline int64_t gemm_num_steps(const GemmArgs& args) {
  const int64_t depth = gemm_step_depth(args);
  const int64_t num_steps = (args.depth + depth - 1) / depth;
  return gemm_is_lookup(gemm_layout(args)) ? num_steps : (num_steps + 1) / 2 * 2;
}

inline int64_t gemm_num_groups(const GemmArgs& args) {
  const int64_t channels = gemm_group_channels(gemm_layout(args));
  return (args.epilogue.num_channels + channels - 1) / channels;
}

inline int64_t gemm_panel_bytes(const GemmArgs& args) {
  return gemm_num_groups(args) * gemm_num_steps(args) * kGemmPiece;
}

// Bytes between unpacked source rows: one or four bytes for each step, padded to what an unpacking
// kernel writes at a time, and never a multiple of 4 KiB, which would put all rows into one cache set.
inline int64_t gemm_codes_stride(const GemmArgs& args) {
  const int64_t used = gemm_num_steps(args) * (gemm_is_lookup(gemm_layout(args)) ? 1 : 4);
  return (used + 255) / 256 * 256 + 64;
}

// Elements between rows of int32 sums in scratch.
inline int64_t gemm_sums_stride(const GemmArgs& args) {
  return gemm_num_groups(args) * gemm_group_channels(gemm_layout(args));
}

// Slots, and for each channel of up to three thresholds a float and an int16 in every slot, and a sum.
inline int64_t gemm_threshold_bytes(const GemmArgs& args) {
  const int bits = args.epilogue.output.num_bits;
  if (!gemm_is_lookup(gemm_layout(args)) || bits < 1 || bits > 2) return 0;
  return kGemmSlots * kGemmSlotBytes + gemm_sums_stride(args) * (((1 << bits) - 1) * (4 + 2 * kGemmSlots) + 4);
}

// One row block of unpacked source codes and its int32 sums, one row of sums more, and 4 KiB for what else a
// kernel keeps.
inline int64_t gemm_block_bytes(const GemmArgs& args) {
  return kGemmRowBlock * gemm_codes_stride(args) + (kGemmRowBlock + 2) * gemm_sums_stride(args) * 4 + 4096;
}

inline int64_t gemm_scratch_bytes(const GemmArgs& args) { return gemm_block_bytes(args) + gemm_threshold_bytes(args); }

using GemmKernel = void (*)(const GemmArgs& args, void* scratch, int64_t row_begin, int64_t row_end);

// Fills the panel drawn above, once per product. Portable; its loops are simple enough for compilers.
void gemm_fill_panel(const GemmArgs& args, uint8_t* panel);

}  // namespace smoothbit
