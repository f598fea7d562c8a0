// AVX2 epilogue of several short rows at once.
//
// A row of F <= 32 channels takes a slot of P = 4, 8, 16 or 32 lanes, the least that holds F; a tile is 32
// lanes, so 32 / P rows:
//
//     P = 8    | row+3: - 6 5 4 3 2 1 0 | row+2: - 6 5 .. 0 | row+1: .. | row: - 6 5 4 3 2 1 0 |
//
// Channel arrays are repeated for each slot once per call, zero in the lanes without a channel; the float
// operations of a lane are those of the one-row form, so the bits are the same. Packed rows whose stride is
// exactly their slot (kernels.aligned_row_bytes makes them so) are read and written as one piece; others, and
// the last rows of a part, go through a buffer of 32 lanes, so nothing is touched outside the rows.
#pragma once

#include <algorithm>

#include "avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int64_t kTileLanes = 32;

inline bool has_tile_avx2(int64_t num_channels) { return num_channels > 0 && num_channels <= kTileLanes; }

inline int64_t slot_lanes_avx2(int64_t num_channels) {
  return num_channels <= 4 ? 4 : num_channels <= 8 ? 8 : num_channels <= 16 ? 16 : 32;
}

// Copies rows of `num_channels` 32-bit elements into slots of `lanes`, and back, under a mask, so that no
// more than the rows is touched. Rows of four lanes are moved as eight in order: slots have room for 4 more
// elements than a tile. (Stores as wide as the loads that follow: narrower ones stall them.)
constexpr int64_t kSlotRoom = kTileLanes + 4;

SMOOTHBIT_INLINE void load_slots_avx2(const int32_t* rows, int64_t num_rows, int64_t num_channels, int64_t lanes,
                                      int32_t* slots) {
  for (int64_t r = 0; r < num_rows; ++r)
    for (int64_t c = 0; c < num_channels; c += 8)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(slots + r * lanes + c),
          _mm256_maskload_epi32(rows + r * num_channels + c, lanes_below_avx2(static_cast<int>(num_channels - c))));
}

SMOOTHBIT_INLINE void store_slots_avx2(const float* slots, int64_t num_rows, int64_t num_channels, int64_t lanes,
                                       float* rows) {
  for (int64_t r = 0; r < num_rows; ++r)
    for (int64_t c = 0; c < num_channels; c += 8)
      _mm256_maskstore_ps(rows + r * num_channels + c, lanes_below_avx2(static_cast<int>(num_channels - c)),
                          _mm256_loadu_ps(slots + r * lanes + c));
}

// What does not change within a call.
class TileAvx2 {
 public:
  explicit TileAvx2(const Epilogue& original)
      : e(original), lanes(slot_lanes_avx2(original.num_channels)), num_rows(kTileLanes / lanes) {
    for (const float** array : {&e.col_scale, &e.col_term, &e.col_bias, &e.aggregate_step, &e.aggregate_offset})
      repeat(*array);
    for (Law* law : {&e.aggregate, &e.output})
      for (const float** array : {&law->inv_scale, &law->phase, &law->zero_point}) repeat(*array);
    for (int t = 0; t < e.num_terms; ++t) {
      repeat(e.terms[t].step);
      repeat(e.terms[t].offset);
    }
    for (int64_t lane = 0; lane < kTileLanes; ++lane) {
      row_of_lane[lane] = static_cast<int32_t>(lane / lanes);
      lane_exists[lane] = lane % lanes < e.num_channels ? -1 : 0;
    }
  }
  TileAvx2(const TileAvx2&) = delete;  // `e` points into `arrays_`
  TileAvx2& operator=(const TileAvx2&) = delete;

  Epilogue e;
  int64_t lanes;     // P
  int64_t num_rows;  // 32 / P
  alignas(32) int32_t row_of_lane[kTileLanes];
  alignas(32) int32_t lane_exists[kTileLanes];

 private:
  void repeat(const float*& array) {
    if (!array) return;
    float* copy = arrays_[num_arrays_++];
    for (int64_t lane = 0; lane < kTileLanes; ++lane)
      copy[lane] = lane % lanes < e.num_channels ? array[lane % lanes] : 0.0f;
    array = copy;
  }

  alignas(32) float arrays_[5 + 2 * 3 + 2 * kMaxTerms][kTileLanes];
  int num_arrays_ = 0;
};

// The lanes of `count` <= tile.num_rows rows; see RowPlaceAvx2 for the members.
struct TilePlaceAvx2 {
  const TileAvx2& tile;
  int64_t row;
  int64_t count;
  uint8_t* buffer;  // [32], initialized
  static constexpr int64_t channel = 0;
  static constexpr int valid = 8;

  // The slots of all rows are in memory, side by side and nothing between them.
  SMOOTHBIT_INLINE bool is_one_piece(int64_t stride_bits, int64_t num_bits) const {
    return stride_bits == tile.lanes * num_bits && count == tile.num_rows;
  }
  SMOOTHBIT_INLINE __m256 row_terms(const Epilogue& e) const { return row_factors(e.row_term); }
  SMOOTHBIT_INLINE __m256 row_factors(const float* factors) const {
    return _mm256_maskload_ps(factors + row, lanes_below_avx2(static_cast<int>(count)));
  }
  SMOOTHBIT_INLINE __m256 spread(__m256 factors, int v) const {
    return _mm256_permutevar8x32_ps(
        factors, _mm256_load_si256(reinterpret_cast<const __m256i*>(tile.row_of_lane + 8 * v)));
  }

  SMOOTHBIT_INLINE const uint8_t* packed(const Term& term) const {
    const uint8_t* rows = static_cast<const uint8_t*>(term.data) + row * term.stride;
    if (is_one_piece(8 * term.stride, term.num_bits)) return rows;
    return collect(rows, term.stride, term.num_bits);
  }
  SMOOTHBIT_INLINE void load_floats(const Term& term, __m256 values[4]) const {
    const float* rows = static_cast<const float*>(term.data) + row * term.stride;
    alignas(32) int32_t slots[kSlotRoom] = {};
    if (!is_one_piece(32 * term.stride, 32)) {
      load_slots_avx2(reinterpret_cast<const int32_t*>(rows), count, tile.e.num_channels, tile.lanes, slots);
      rows = reinterpret_cast<const float*>(slots);
    }
    for (int v = 0; v < 4; ++v) values[v] = _mm256_loadu_ps(rows + 8 * v);
  }
  SMOOTHBIT_INLINE void store_floats(const Epilogue& e, const __m256 values[4]) const {
    alignas(32) float slots[kSlotRoom] = {};
    const bool is_direct = !e.out_rows && is_one_piece(32 * e.out_stride, 32);
    for (int v = 0; v < 4; ++v) _mm256_storeu_ps((is_direct ? e.out_floats(row) : slots) + 8 * v, values[v]);
    if (is_direct) return;
    if (!e.out_rows) return store_slots_avx2(slots, count, e.num_channels, tile.lanes, e.out_floats(row));
    for (int64_t r = 0; r < count; ++r)
      store_slots_avx2(slots + r * tile.lanes, 1, e.num_channels, tile.lanes, e.out_floats(row + r));
  }
  template <int kBits>
  SMOOTHBIT_INLINE void store_codes(const Epilogue& e, __m256i codes[4]) const {
    for (int v = 0; v < 4; ++v)
      codes[v] = _mm256_and_si256(
          codes[v], _mm256_load_si256(reinterpret_cast<const __m256i*>(tile.lane_exists + 8 * v)));
    uint8_t* rows = static_cast<uint8_t*>(e.out) + row * e.out_stride;
    if (is_one_piece(8 * e.out_stride, kBits)) {
      store_chunk_avx2<kBits>(rows, codes);
      return;
    }
    store_chunk_avx2<kBits>(buffer, codes);
    distribute(rows, e.out_stride, kBits);
  }

 private:
  // Packed rows -> slots in the buffer. A slot is whole bytes but for four lanes of one bit.
  __attribute__((noinline)) const uint8_t* collect(const uint8_t* rows, int64_t stride, int num_bits) const {
    const int64_t slot_bits = tile.lanes * num_bits, used = (tile.e.num_channels * num_bits + 7) / 8;
    if (slot_bits < 8) {
      uint32_t word = 0;
      for (int64_t r = 0; r < count; ++r) word |= (rows[r * stride] & 15u) << (4 * r);
      std::memcpy(buffer, &word, 4);
      return buffer;
    }
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < used; i += 8)
        store_bytes(buffer + r * slot_bits / 8 + i, load_bytes(rows + r * stride + i, used - i), used - i);
    return buffer;
  }
  // Slots in the buffer -> packed rows with zero padding.
  __attribute__((noinline)) void distribute(uint8_t* rows, int64_t stride, int num_bits) const {
    const int64_t slot_bits = tile.lanes * num_bits, used = (tile.e.num_channels * num_bits + 7) / 8;
    for (int64_t r = 0; r < count; ++r) {
      uint8_t* out = rows + r * stride;
      if (slot_bits < 8) {
        out[0] = static_cast<uint8_t>(buffer[r / 2] >> (4 * (r & 1)) & 15);
      } else {
        for (int64_t i = 0; i < used; i += 8)
          store_bytes(out + i, load_bytes(buffer + r * slot_bits / 8 + i, used - i), used - i);
      }
      if (used < stride) std::memset(out + used, 0, static_cast<size_t>(stride - used));
    }
  }
};

// Tiles whose sums a kernel keeps before it finishes them together. The loop matters to gcc 12 as well: only
// inside one does it unroll the loops over a tile's registers early enough to keep them out of memory.
constexpr int64_t kBatchTiles = 8;
constexpr int64_t kBatchLanes = kBatchTiles * kTileLanes + kSlotRoom - kTileLanes;

// Finishes rows [row, end); sums by lane, tile after tile, read only when there is a col_scale.
inline __attribute__((noinline)) void finish_tiles_avx2(const TileAvx2& tile, int64_t row, int64_t end,
                                                        const int32_t* sums) {
  alignas(32) uint8_t buffer[kTileLanes] = {};
  for (; row < end; row += tile.num_rows, sums += kTileLanes)
    finish_chunk_avx2<4>(tile.e, TilePlaceAvx2{tile, row, std::min(tile.num_rows, end - row), buffer}, sums);
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
