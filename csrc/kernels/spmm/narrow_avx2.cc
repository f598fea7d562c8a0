// spmm of short rows, AVX2.
//
// Each output row is added up into the slot of P lanes it has in a tile (epilogue/tile_avx2.h); P = 64 is one
// row of two tiles.
// A source row is broadcast to all lanes, and a mask leaves lane k its code where it stands: 2^s(k) times
// the code. Sums of these need no shift for each entry; one at the end divides by 2^s(k), exactly. With one
// load, and and add for each entry the loop is short enough for rows of five entries, where the planes of
// avx2.cc spend their time on turning planes into channels. (Not pdep: it is microcoded on Zen 1 and 2.)
//
//     P <= 8    u32 lanes: lane k masks the bits of channel k, s(k) <= 14; 2^16 rows of 3 * 2^14 fit.
//     P >= 16   u16 lanes: a byte shuffle brings the byte of the channel first, so that s(k) <= 7 and
//               code * 2^s(k) <= 255; 257 rows fit.
//
// Weighted sums have products of up to 2^15 * 255 and keep int32 lanes of unscaled codes.
#if defined(__x86_64__)
#include "narrow.h"

#include "../epilogue/tile_avx2.h"
#include "../prefetch.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int64_t kFlushRows = 256;  // within both bounds above

struct NarrowRows {
  const uint8_t* source;
  int64_t stride;
  const int32_t* indices;
  int64_t prefetch_end;  // 0: no prefetch

  const uint8_t* at(int64_t entry) const { return source + indices[entry] * stride; }
  template <bool kHasPrefetch>
  SMOOTHBIT_INLINE const uint8_t* next(int64_t entry) const {
    if (kHasPrefetch && entry + kEntriesAhead<8> < prefetch_end) prefetch_row(at(entry + kEntriesAhead<8>));
    return at(entry);
  }
};

// Loads of a slot and the constants of its lanes.
template <int kBits, int kLanes>
class Slot {
 public:
  static constexpr int kBytes = kBits * kLanes < 8 ? 1 : kBits * kLanes / 8;
  static constexpr bool kHasU16 = kLanes >= 16;
  static constexpr int kRegisters = kHasU16 ? kLanes / 16 : 1;
  static constexpr int kOctets = kLanes < 8 ? 1 : kLanes / 8;  // registers of eight int32 sums

  Slot() {
    for (int i = 0; i < kRegisters * kPerRegister; ++i) {
      const int bit = i * kBits;
      const int shift = kShuffles ? bit % 8 : bit % 32;
      constants_.shifts[i] = kBits == 8 ? 0 : shift;
      // Lanes after the slot have masks too; their sums are not used.
      const uint32_t mask = ((1u << kBits) - 1) << shift;
      for (int byte = 0; byte < kLaneBytes; ++byte) {
        constants_.shuffles[i * kLaneBytes + byte] = byte == 0 ? static_cast<uint8_t>(bit / 8 % 16) : 0x80;
        constants_.masks[i * kLaneBytes + byte] = static_cast<uint8_t>(mask >> (8 * byte));
      }
    }
  }

  // Adds source rows [begin, end), each code times 2^shift, to the lanes of acc. With a trail, acc is stored
  // there after every row: sums from 0 to 1, 2, .. rows.
  template <bool kHasPrefetch, bool kHasTrail>
  SMOOTHBIT_INLINE void add_rows(const NarrowRows& rows, int64_t begin, int64_t end, __m256i acc[kRegisters],
                                 __m256i* trail) const {
    __m256i shuffles[kRegisters], masks[kRegisters];
    for (int u = 0; u < kRegisters; ++u) {
      shuffles[u] = _mm256_load_si256(reinterpret_cast<const __m256i*>(constants_.shuffles) + u);
      masks[u] = _mm256_load_si256(reinterpret_cast<const __m256i*>(constants_.masks) + u);
    }
    for (int64_t entry = begin; entry < end; ++entry) {
      const uint8_t* row = rows.next<kHasPrefetch>(entry);
      if constexpr (kBits == 8) {
        for (int u = 0; u < kRegisters; ++u) acc[u] = add(acc[u], widen(row + 16 * u));
      } else {
        __m256i copies[kBlocks];
        for (int i = 0; i < kBlocks; ++i) copies[i] = broadcast(row + 16 * i);
        for (int u = 0; u < kRegisters; ++u) {
          const __m256i block = copies[u * kBlocks / kRegisters];
          const __m256i own = kShuffles ? _mm256_shuffle_epi8(block, shuffles[u]) : block;
          acc[u] = add(acc[u], _mm256_and_si256(own, masks[u]));
        }
      }
      if constexpr (kHasTrail)
        for (int u = 0; u < kRegisters; ++u) _mm256_store_si256(trail + (entry - begin) * kRegisters + u, acc[u]);
    }
  }

  // Adds lanes `high` - `low` of add_rows, widened and divided by 2^shift, to sums. Modulo the lane's width:
  // only the difference must fit a lane.
  SMOOTHBIT_INLINE void add_difference(const __m256i high[kRegisters], const __m256i low[kRegisters],
                                       __m256i sums[kOctets]) const {
    for (int v = 0; v < kOctets; ++v) {
      const int u = v * kRegisters / kOctets;
      __m256i part = kHasU16 ? _mm256_sub_epi16(high[u], low[u]) : _mm256_sub_epi32(high[u], low[u]);
      if constexpr (kHasU16)
        part = _mm256_cvtepu16_epi32(v & 1 ? _mm256_extracti128_si256(part, 1) : _mm256_castsi256_si128(part));
      if constexpr (kBits < 8)
        part = _mm256_srlv_epi32(part, _mm256_load_si256(reinterpret_cast<const __m256i*>(constants_.shifts) + v));
      sums[v] = _mm256_add_epi32(sums[v], part);
    }
  }

  static SMOOTHBIT_INLINE void load_codes(const uint8_t* row, __m256i codes[kOctets]) {
    if constexpr (kOctets == 4) {
      load_codes_avx2<kBits, 4>(row, codes);
    } else {
      for (int v = 0; v < kOctets; ++v)
        codes[v] = spread_word_avx2<kBits>(load_bytes(row + v * kBits, kBytes / kOctets));
    }
  }

 private:
  static constexpr int kPerRegister = kHasU16 ? 16 : 8;
  static constexpr int kLaneBytes = kHasU16 ? 2 : 4;
  static constexpr bool kShuffles = kHasU16 || kBytes > 2;
  static constexpr int kBlocks = kBytes > 16 ? kBytes / 16 : 1;  // of 16 bytes, a broadcast each

  static SMOOTHBIT_INLINE __m256i add(__m256i a, __m256i b) {
    return kHasU16 ? _mm256_add_epi16(a, b) : _mm256_add_epi32(a, b);
  }
  static SMOOTHBIT_INLINE __m256i widen(const uint8_t* codes) {
    if constexpr (kHasU16) return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    else return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(load_bytes(codes, kBytes))));
  }
  static SMOOTHBIT_INLINE __m256i broadcast(const uint8_t* row) {
    if constexpr (kBytes >= 16) {
      return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row)));
    } else {
      const uint64_t word = load_bytes(row, kBytes);
      if constexpr (kBytes == 1) return _mm256_set1_epi8(static_cast<char>(word));
      else if constexpr (kBytes == 2) return _mm256_set1_epi16(static_cast<int16_t>(word));
      else if constexpr (kBytes == 4) return _mm256_set1_epi32(static_cast<int>(word));
      else return _mm256_set1_epi64x(static_cast<int64_t>(word));
    }
  }

  struct Constants {
    alignas(32) uint8_t shuffles[kRegisters * 32];
    alignas(32) uint8_t masks[kRegisters * 32];
    alignas(32) int32_t shifts[kRegisters * kPerRegister];
  } constants_;
};

template <int kBits, int kLanes, bool kHasPrefetch>
SMOOTHBIT_INLINE void plain_row(const Slot<kBits, kLanes>& slot, const NarrowRows& rows, int64_t begin, int64_t end,
                                __m256i* sums) {
  constexpr int kRegisters = Slot<kBits, kLanes>::kRegisters;
  const __m256i zeros[kRegisters] = {};
  for (; begin < end; begin += kFlushRows) {
    __m256i acc[kRegisters] = {};
    slot.template add_rows<kHasPrefetch, false>(rows, begin, std::min(end, begin + kFlushRows), acc, nullptr);
    slot.add_difference(acc, zeros, sums);
  }
}

// Adds weighted source rows [begin, end) to sums; the trail as in Slot::add_rows. A 16-bit multiply-add of
// one code and one weight is exact: the odd 16-bit lanes of the codes are zero.
template <int kBits, int kLanes, bool kHasTrail>
SMOOTHBIT_INLINE void add_weighted(const NarrowRows& rows, const int16_t* weights, int64_t begin, int64_t end,
                                   __m256i* sums, __m256i* trail) {
  constexpr int kOctets = Slot<kBits, kLanes>::kOctets;
  __m256i acc[kOctets];
  for (int v = 0; v < kOctets; ++v) acc[v] = sums[v];
  for (int64_t entry = begin; entry < end; ++entry) {
    const __m256i weight = _mm256_set1_epi16(weights[entry]);
    __m256i codes[kOctets];
    Slot<kBits, kLanes>::load_codes(rows.next<true>(entry), codes);
    for (int v = 0; v < kOctets; ++v) {
      acc[v] = _mm256_add_epi32(acc[v], _mm256_madd_epi16(codes[v], weight));
      if constexpr (kHasTrail) _mm256_store_si256(trail + (entry - begin) * kOctets + v, acc[v]);
    }
  }
  for (int v = 0; v < kOctets; ++v) sums[v] = acc[v];
}

// Sums of consecutive output rows, in slots.
template <int kBits, int kLanes>
class NarrowSums {
 public:
  explicit NarrowSums(const SpmmArgs& args) : args_(args) {
    const bool has_prefetch = is_prefetched(args.num_sources, args.source_stride);
    rows_ = {args.source, args.source_stride, args.indices, has_prefetch ? args.indptr[args.num_rows] : 0};
  }

  // Slots of rows [row, end), at most a batch of tiles.
  const int32_t* add(int64_t row, int64_t end) {
    int32_t* slot = slots_;
    for (; row < end; ++row, slot += kLanes) {
      if (row >= trail_end_) start_trail(row, end);
      const int64_t first = args_.indptr[row], last = args_.indptr[row + 1];
      __m256i sums[kOctets] = {};
      if (row < trail_end_) add_from_trail(first - trail_entry_, last - trail_entry_, sums);
      else if (args_.weights) add_weighted<kBits, kLanes, false>(rows_, args_.weights, first, last, sums, nullptr);
      else if (rows_.prefetch_end) plain_row<kBits, kLanes, true>(slot_, rows_, first, last, sums);
      else plain_row<kBits, kLanes, false>(slot_, rows_, first, last, sums);
      for (int v = 0; v < kOctets; ++v)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(slot + 8 * v), sums[v]);
    }
    return slots_;
  }

 private:
  static constexpr int kOctets = Slot<kBits, kLanes>::kOctets;
  static constexpr int kRegisters = Slot<kBits, kLanes>::kRegisters;
  static constexpr int64_t kTrailRegisters = kFlushRows;  // 8 KiB; the entries of a row in it fit their lanes

  // Row lengths differ, and a loop over each row's entries ends with a mispredicted branch, which costs as
  // much as adding ten rows. So the entries of as many rows as fit the trail are added in one loop, and each
  // row's sums are the difference of two stored ones.
  void start_trail(int64_t row, int64_t limit) {
    const int64_t begin = args_.indptr[row];
    const int64_t max_entries = kTrailRegisters / (args_.weights ? kOctets : kRegisters);
    // Halving the rows instead of walking them: few branches, and long rows are met at once.
    int64_t end = limit;
    while (end > row && args_.indptr[end] - begin > max_entries) end = row + (end - row) / 2;
    if (end == row) return;
    trail_end_ = end;
    trail_entry_ = begin;
    const int64_t last = args_.indptr[end];
    __m256i acc[kOctets] = {};
    if (args_.weights)
      add_weighted<kBits, kLanes, true>(rows_, args_.weights, begin, last, acc, trail_ + kOctets);
    else if (rows_.prefetch_end)
      slot_.template add_rows<true, true>(rows_, begin, last, acc, trail_ + kRegisters);
    else
      slot_.template add_rows<false, true>(rows_, begin, last, acc, trail_ + kRegisters);
  }

  // Adds entries [first, last) of the trail. The head of the trail, zeros, is as long as one of its entries.
  SMOOTHBIT_INLINE void add_from_trail(int64_t first, int64_t last, __m256i sums[kOctets]) const {
    if (!args_.weights) {
      slot_.add_difference(trail_ + last * kRegisters, trail_ + first * kRegisters, sums);
      return;
    }
    for (int v = 0; v < kOctets; ++v)  // modulo 2^32, as above
      sums[v] = _mm256_sub_epi32(trail_[last * kOctets + v], trail_[first * kOctets + v]);
  }

  const SpmmArgs& args_;
  NarrowRows rows_;
  const Slot<kBits, kLanes> slot_;
  int64_t trail_end_ = 0;    // rows of this call before this one have their sums in the trail,
  int64_t trail_entry_ = 0;  // which starts, with zeros, at this entry
  __m256i trail_[kTrailRegisters + kOctets] = {};
  alignas(32) int32_t slots_[kLanes > kTileLanes ? kBatchTiles * kLanes : kBatchLanes] = {};
};

template <int kBits, int kLanes>
void spmm_tiles(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  const TileAvx2 tile(args.epilogue);
  NarrowSums<kBits, kLanes> sums(args);
  const int64_t batch = kBatchTiles * tile.num_rows;
  for (int64_t row = row_begin; row < row_end; row += batch) {
    const int64_t end = std::min(row + batch, row_end);
    finish_tiles_avx2(tile, row, end, sums.add(row, end));
  }
}

// Rows of 33 to 64 channels: sums as above, but a row is longer than a tile.
template <int kBits>
void spmm_rows(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  NarrowSums<kBits, 64> sums(args);
  for (int64_t batch = row_begin; batch < row_end; batch += kBatchTiles) {
    const int64_t end = std::min(batch + kBatchTiles, row_end);
    const int32_t* slot = sums.add(batch, end);
    for (int64_t row = batch; row < end; ++row, slot += 64) {
      finish_row_avx2(e, row, 0, e.num_channels, slot, e.row_term ? e.row_term[row] : 0.0f);
      clear_row_padding_serial(e, row);
    }
  }
}

template <int kBits>
SpmmKernel kernel_of_width(const SpmmArgs& args) {
  const int64_t num_channels = args.epilogue.num_channels;
  if (num_channels > 64 || num_channels == 0) return nullptr;
  const int64_t lanes = num_channels > kTileLanes ? 64 : slot_lanes_avx2(num_channels);
  if (8 * args.source_stride < lanes * kBits) return nullptr;
  // The planes of avx2.cc take fewer operations for each entry of rows this long, and more for each row:
  // measured on Zen 4, they win from about 15 entries at 64 channels and 100 at 32.
  const int64_t max_degree = lanes == 64 ? 14 : 96;
  const bool has_long_rows = args.indptr[args.num_rows] > max_degree * args.num_rows;
  if ((lanes >= 32 && has_long_rows && !args.weights) || (lanes == 64 && args.weights)) return nullptr;
  switch (lanes) {
    case 4: return spmm_tiles<kBits, 4>;
    case 8: return spmm_tiles<kBits, 8>;
    case 16: return spmm_tiles<kBits, 16>;
    case 32: return spmm_tiles<kBits, 32>;
    default: return spmm_rows<kBits>;
  }
}

}  // namespace

SpmmKernel narrow_kernel_avx2(const SpmmArgs& args, int num_bits) {
  switch (num_bits) {
    case 1: return kernel_of_width<1>(args);
    case 2: return kernel_of_width<2>(args);
    case 4: return kernel_of_width<4>(args);
    default: return kernel_of_width<8>(args);
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
