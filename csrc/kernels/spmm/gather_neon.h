// Sums of packed rows, NEON. Planes, bounds and order as in the AVX2 file, with 16-byte registers, one source row each.
//
// Blocks of 1, 2 or 4 registers (at most 16 accumulators of the 32 registers); the last, partial register
// of a row is read byte-exactly.
#pragma once

#if defined(__aarch64__)
#include <algorithm>

#include "../epilogue/neon.h"

namespace smoothbit {
namespace {

constexpr int64_t kAheadNeon = 24;  // entries between a prefetch and its use

template <int kBits>
struct WidthNeon {
  static constexpr int kPlanes = kBits == 8 ? 2 : 8 / kBits;
  static constexpr int kMaxBlocks = kBits == 1 ? 2 : 4;
  static constexpr int64_t kFlushRows = kBits == 1 ? 255 : kBits == 2 ? 85 : kBits == 4 ? 17 : 257;
  using Sum = std::conditional_t<kBits == 8, uint16_t, uint8_t>;
};

struct RowsNeon {
  const uint8_t* base;  // source + first byte of the segment
  int64_t stride;
  const int32_t* indices;
  int64_t num_entries;

  const uint8_t* at(int64_t entry) const { return base + indices[entry] * stride; }
  void prefetch(int64_t entry) const {
    if (entry + kAheadNeon < num_entries) __builtin_prefetch(at(entry + kAheadNeon));
  }
};

SMOOTHBIT_INLINE uint8x16_t load_part_neon(const uint8_t* bytes, int64_t count) {
  if (count >= 16) return vld1q_u8(bytes);
  const uint64_t low = load_bytes(bytes, std::min<int64_t>(count, 8));
  const uint64_t high = count > 8 ? load_bytes(bytes + 8, count - 8) : 0;
  return vcombine_u8(vcreate_u8(low), vcreate_u8(high));
}

template <int kBits>
SMOOTHBIT_INLINE void add_planes_neon(uint8x16_t x, uint8x16_t acc[WidthNeon<kBits>::kPlanes]) {
  if constexpr (kBits == 8) {
    const uint16x8_t pairs = vreinterpretq_u16_u8(x);
    acc[0] = vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(acc[0]), pairs));
    acc[1] = vreinterpretq_u8_u16(vsraq_n_u16(vreinterpretq_u16_u8(acc[1]), pairs, 8));
  } else {
    // NEON shifts bytes, so that no mask is needed, and adds in the same instruction.
    acc[0] = vaddq_u8(acc[0], x);
    acc[1] = vsraq_n_u8(acc[1], x, kBits);
    if constexpr (kBits <= 2) {
      acc[2] = vsraq_n_u8(acc[2], x, 2 * kBits);
      acc[3] = vsraq_n_u8(acc[3], x, 3 * kBits);
    }
    if constexpr (kBits == 1) {
      acc[4] = vsraq_n_u8(acc[4], x, 4);
      acc[5] = vsraq_n_u8(acc[5], x, 5);
      acc[6] = vsraq_n_u8(acc[6], x, 6);
      acc[7] = vsraq_n_u8(acc[7], x, 7);
    }
  }
}

// Plane sums in natural order, written to 16 * 8 / kBits sums.
template <int kBits>
SMOOTHBIT_INLINE void store_planes_neon(uint8x16_t acc[WidthNeon<kBits>::kPlanes], typename WidthNeon<kBits>::Sum* out) {
  constexpr int kPlanes = WidthNeon<kBits>::kPlanes;
  if constexpr (kBits == 8) {
    const uint16x8_t high = vreinterpretq_u16_u8(acc[1]);
    const uint16x8_t low = vsubq_u16(vreinterpretq_u16_u8(acc[0]), vshlq_n_u16(high, 8));
    vst1q_u16(out, vzip1q_u16(low, high));
    vst1q_u16(out + 8, vzip2q_u16(low, high));
  } else {
    for (int k = 0; k + 1 < kPlanes; ++k) acc[k] = vsubq_u8(acc[k], vshlq_n_u8(acc[k + 1], kBits));
    uint8x16_t pairs[kPlanes];
    for (int i = 0; i < kPlanes; i += 2) {
      pairs[i] = vzip1q_u8(acc[i], acc[i + 1]);
      pairs[i + 1] = vzip2q_u8(acc[i], acc[i + 1]);
    }
    if constexpr (kPlanes == 2) {
      for (int i = 0; i < 2; ++i) vst1q_u8(out + 16 * i, pairs[i]);
    } else {
      uint16x8_t quads[kPlanes];
      for (int i = 0; i < kPlanes; i += 4)
        for (int j = 0; j < 2; ++j) {
          const uint16x8_t a = vreinterpretq_u16_u8(pairs[i + j]), b = vreinterpretq_u16_u8(pairs[i + 2 + j]);
          quads[i + 2 * j] = vzip1q_u16(a, b);
          quads[i + 2 * j + 1] = vzip2q_u16(a, b);
        }
      if constexpr (kPlanes == 4) {
        for (int i = 0; i < 4; ++i) vst1q_u8(out + 16 * i, vreinterpretq_u8_u16(quads[i]));
      } else {
        for (int j = 0; j < 4; ++j) {
          const uint32x4_t a = vreinterpretq_u32_u16(quads[j]), b = vreinterpretq_u32_u16(quads[4 + j]);
          vst1q_u8(out + 32 * j, vreinterpretq_u8_u32(vzip1q_u32(a, b)));
          vst1q_u8(out + 32 * j + 16, vreinterpretq_u8_u32(vzip2q_u32(a, b)));
        }
      }
    }
  }
}

// `readable` < 16 only at kBlocks = 1: bytes of the row that are left.
template <int kBits, int kBlocks, bool kIsWhole>
void gather_neon(const RowsNeon& rows, int64_t readable, int64_t begin, int64_t end, typename WidthNeon<kBits>::Sum* out) {
  constexpr int kPlanes = WidthNeon<kBits>::kPlanes;
  uint8x16_t acc[kBlocks][kPlanes];
  for (auto& block : acc)
    for (uint8x16_t& plane : block) plane = vdupq_n_u8(0);
  for (int64_t entry = begin; entry < end; ++entry) {
    rows.prefetch(entry);
    const uint8_t* row = rows.at(entry);
    for (int i = 0; i < kBlocks; ++i)
      add_planes_neon<kBits>(kIsWhole ? vld1q_u8(row + 16 * i) : load_part_neon(row, readable), acc[i]);
  }
  for (int i = 0; i < kBlocks; ++i) store_planes_neon<kBits>(acc[i], out + i * 16 * 8 / kBits);
}

// Adds up `used` bytes of each row from rows.base, segment by segment.
template <int kBits>
void gather_row_neon(RowsNeon rows, int64_t used, int64_t begin, int64_t end, typename WidthNeon<kBits>::Sum* out) {
  constexpr int kMaxBlocks = WidthNeon<kBits>::kMaxBlocks;
  while (used > 0) {
    int64_t blocks = 1;
    if (kMaxBlocks >= 4 && used >= 64) {
      gather_neon<kBits, kMaxBlocks, true>(rows, 16, begin, end, out);
      blocks = kMaxBlocks;
    } else if (used >= 32) {
      gather_neon<kBits, 2, true>(rows, 16, begin, end, out);
      blocks = 2;
    } else if (used >= 16) {
      gather_neon<kBits, 1, true>(rows, 16, begin, end, out);
    } else {
      gather_neon<kBits, 1, false>(rows, used, begin, end, out);
    }
    rows.base += 16 * blocks;
    used -= 16 * blocks;
    out += blocks * 16 * 8 / kBits;
  }
}

SMOOTHBIT_INLINE int32x4x2_t widen_octet_neon(const uint8_t* sums) {
  const uint16x8_t wide = vmovl_u8(vld1_u8(sums));
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide))), vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(wide)))};
}

SMOOTHBIT_INLINE int32x4x2_t widen_octet_neon(const int32_t* sums) { return {vld1q_s32(sums), vld1q_s32(sums + 4)}; }

SMOOTHBIT_INLINE int32x4x2_t widen_octet_neon(const uint16_t* sums) {
  const uint16x8_t wide = vld1q_u16(sums);
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide))), vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(wide)))};
}

template <class Sum>
SMOOTHBIT_INLINE void widen_neon(const Sum* narrow, int64_t count, bool is_first, int32_t* sums) {
  for (int64_t i = 0; i < count; i += 8) {
    const int32x4x2_t values = widen_octet_neon(narrow + i);
    for (int h = 0; h < 2; ++h) {
      int32_t* out = sums + i + 4 * h;
      vst1q_s32(out, is_first ? values.val[h] : vaddq_s32(vld1q_s32(out), values.val[h]));
    }
  }
}

// Sums of `count` channels of entries [begin, end), handed to finish(sums) as bytes, 16 or 32 bits; they can be read up
// to the next multiple of 8.
template <int kBits, class Finish>
SMOOTHBIT_INLINE void sum_rows_neon(const RowsNeon& rows, int64_t count, int64_t begin, int64_t end, const Finish& finish) {
  using Sum = typename WidthNeon<kBits>::Sum;
  constexpr int64_t kFlushRows = WidthNeon<kBits>::kFlushRows;
  alignas(64) Sum narrow[kChannelBlock + 128];
  const int64_t used = (count * kBits + 7) / 8;
  if (end - begin <= kFlushRows) {
    gather_row_neon<kBits>(rows, used, begin, end, narrow);
    finish(static_cast<const Sum*>(narrow));
    return;
  }
  alignas(64) int32_t sums[kChannelBlock];
  for (int64_t from = begin; from < end; from += kFlushRows) {
    gather_row_neon<kBits>(rows, used, from, std::min(from + kFlushRows, end), narrow);
    widen_neon(narrow, count, from == begin, sums);
  }
  finish(static_cast<const int32_t*>(sums));
}

}  // namespace
}  // namespace smoothbit
#endif
