// Unpacks the weight of a product into the panel drawn in smoothbit/gemm.h.
//
// Packed bytes are looked up, and the rest are loops over neighbouring channels that compilers turn into vector
// code of the baseline. At 512 x 64 weights it takes 4 to 16 us, at most 4 % of a product of 2,000 rows.
#include <algorithm>
#include <cstring>

#include "smoothbit/gemm.h"

namespace smoothbit {
namespace {

constexpr int64_t kMaxGroup = 64;

// The codes in each value of a packed byte.
template <int kBits>
struct ByteCodes {
  uint8_t codes[256][8 / kBits];
  constexpr ByteCodes() : codes{} {
    for (int byte = 0; byte < 256; ++byte)
      for (int i = 0; i < 8 / kBits; ++i)
        codes[byte][i] = static_cast<uint8_t>(byte >> (i * kBits) & ((1 << kBits) - 1));
  }
};

// 64 codes of a weight row from channel `begin`, zero where there are none.
template <int kBits>
void unpack_group(const uint8_t* row, int64_t begin, int64_t num_channels, uint8_t* codes) {
  static constexpr ByteCodes<kBits> kByteCodes;
  constexpr int64_t kPerByte = 8 / kBits;
  const int64_t count = std::min<int64_t>(kMaxGroup, num_channels - begin);
  const uint8_t* packed = row + begin * kBits / 8;
  if (kBits == 8) std::memcpy(codes, packed, static_cast<size_t>(count));
  for (int64_t i = 0; kBits < 8 && i * kPerByte < count; ++i)
    std::memcpy(codes + i * kPerByte, kByteCodes.codes[packed[i]], kPerByte);
  std::memset(codes + count, 0, static_cast<size_t>(kMaxGroup - count));
}

void unpack_group_any(const GemmArgs& args, int64_t depth, int64_t begin, uint8_t* codes) {
  const uint8_t* row = args.weight + depth * args.weight_stride;
  const int64_t num_channels = args.epilogue.num_channels;
  if (depth >= args.depth) {
    std::memset(codes, 0, kMaxGroup);
    return;
  }
  switch (args.weight_bits) {
    case 1: return unpack_group<1>(row, begin, num_channels, codes);
    case 2: return unpack_group<2>(row, begin, num_channels, codes);
    case 4: return unpack_group<4>(row, begin, num_channels, codes);
    default: return unpack_group<8>(row, begin, num_channels, codes);
  }
}

// Neighbouring depths in the bits of a byte.
void join_depths(const uint8_t (*codes)[kMaxGroup], int64_t step_depth, int num_bits, uint8_t* __restrict piece) {
  std::memcpy(piece, codes[0], kMaxGroup);
  for (int k = 1; k < step_depth; ++k)
    for (int c = 0; c < kMaxGroup; ++c) piece[c] = static_cast<uint8_t>(piece[c] | codes[k][c] << (k * num_bits));
}

// Lanes of 32 bits, put together as numbers: the panel is little-endian, as the CPUs with a vector kernel are.
void interleave_bytes(const uint8_t (*codes)[kMaxGroup], int64_t first, uint8_t* __restrict piece) {
  uint32_t lanes[16];
  for (int c = 0; c < 16; ++c)
    lanes[c] = codes[0][first + c] | uint32_t{codes[1][first + c]} << 8 | uint32_t{codes[2][first + c]} << 16 |
               uint32_t{codes[3][first + c]} << 24;
  std::memcpy(piece, lanes, sizeof lanes);
}

void interleave_words(const uint8_t (*codes)[kMaxGroup], int64_t first, uint8_t* __restrict piece) {
  uint32_t lanes[16];
  for (int c = 0; c < 16; ++c) lanes[c] = codes[0][first + c] | uint32_t{codes[1][first + c]} << 16;
  std::memcpy(piece, lanes, sizeof lanes);
}

}  // namespace

void gemm_fill_panel(const GemmArgs& args, uint8_t* panel) {
  const GemmLayout layout = gemm_layout(args);
  const int64_t group = gemm_group_channels(layout), num_steps = gemm_num_steps(args);
  const int64_t step_depth = gemm_step_depth(args), padded = gemm_num_groups(args) * group;
  uint8_t codes[6][kMaxGroup];
  for (int64_t step = 0; step < num_steps; ++step) {
    for (int64_t begin = 0; begin < padded; begin += kMaxGroup) {
      for (int64_t k = 0; k < step_depth; ++k) unpack_group_any(args, step * step_depth + k, begin, codes[k]);
      for (int64_t first = 0; first < kMaxGroup && begin + first < padded; first += group) {
        uint8_t* piece = panel + ((begin + first) / group * num_steps + step) * kGemmPiece;
        switch (layout) {
          case GemmLayout::nibbles:
          case GemmLayout::sextets: join_depths(codes, step_depth, args.weight_bits, piece); break;
          case GemmLayout::bytes: interleave_bytes(codes, first, piece); break;
          case GemmLayout::words: interleave_words(codes, first, piece); break;
        }
      }
    }
  }
}

}  // namespace smoothbit
