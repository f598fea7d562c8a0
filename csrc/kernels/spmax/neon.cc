// spmax, NEON: codes are compared where they lie, as drawn in the AVX2 file, 16 bytes at a time.
#if defined(__aarch64__)
#include <algorithm>

#include "../spmm/gather_neon.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

// Packed maxima of `readable` <= 16 bytes from rows.base over entries [begin, end).
template <int kBits, bool kIsWhole>
SMOOTHBIT_INLINE void largest_block(const RowsNeon& rows, int64_t readable, int64_t begin, int64_t end, uint8_t* out) {
  constexpr int kPlaces = kBits == 1 ? 1 : 8 / kBits;  // at 1 bit the largest is the union itself
  uint8x16_t largest[kPlaces];
  for (uint8x16_t& codes : largest) codes = vdupq_n_u8(0);
  for (int64_t entry = begin; entry < end; ++entry) {
    rows.prefetch(entry);
    const uint8x16_t row = kIsWhole ? vld1q_u8(rows.at(entry)) : load_part_neon(rows.at(entry), readable);
    for (int k = 0; k < kPlaces; ++k) {
      const uint8x16_t mask = vdupq_n_u8(static_cast<uint8_t>(((1 << kBits) - 1) << (k * kBits)));
      largest[k] = kBits == 1 ? vorrq_u8(largest[k], row) : vmaxq_u8(largest[k], vandq_u8(row, mask));
    }
  }
  uint8x16_t all = largest[0];
  for (int k = 1; k < kPlaces; ++k) all = vorrq_u8(all, largest[k]);
  vst1q_u8(out, all);
}

template <int kBits>
void spmax_neon(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  alignas(64) uint8_t packed[kChannelBlock + 16];
  alignas(64) int32_t largest[kChannelBlock];
  const Epilogue& e = args.epilogue;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    const int64_t from = args.indptr[row], to = args.indptr[row + 1];
    for (int64_t begin = 0; begin < e.num_channels; begin += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, e.num_channels - begin), bytes = (count * kBits + 7) / 8;
      RowsNeon rows{args.source + begin * kBits / 8, args.source_stride, args.indices, args.indptr[args.num_rows]};
      for (int64_t b = 0; b < bytes; b += 16, rows.base += 16) {
        if (bytes - b >= 16) largest_block<kBits, true>(rows, 16, from, to, packed + b);
        else largest_block<kBits, false>(rows, bytes - b, from, to, packed + b);
      }
      for (int64_t i = 0; i < count; i += 8) {
        const CodeOctet codes = spread_word_neon<kBits>(load_bytes(packed + i * kBits / 8, kBits));
        vst1q_s32(largest + i, vreinterpretq_s32_u32(codes.low));
        vst1q_s32(largest + i + 4, vreinterpretq_s32_u32(codes.high));
      }
      finish_row_neon(e, row, begin, count, largest, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace

void spmax_u1_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_neon<1>(args, begin, end); }
void spmax_u2_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_neon<2>(args, begin, end); }
void spmax_u4_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_neon<4>(args, begin, end); }
void spmax_u8_neon(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_neon<8>(args, begin, end); }

}  // namespace smoothbit
#endif
