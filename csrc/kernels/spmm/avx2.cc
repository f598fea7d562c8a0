// spmm, AVX2.
//
// A packed row is cut into segments, each added up in registers over all entries of an output row:
//
//     blocks  1, 2 or 4 whole 32-byte registers of one source row
//     halves  16 bytes (or fewer) of two source rows:   | row e+1 (16 B) | row e (16 B) |
//     words   8 bytes (or fewer) of four source rows:   | e+3 | e+2 | e+1 | e |
//
// Planes (planes_avx2.h) are bytes; for u8 rows, 16-bit lanes. A plane is flushed before it overflows: after 255
// rows of u1, 85 of u2, 17 of u4, 257 of u8. Longer rows of u4 stay in registers, as 16-bit lanes, for 4,369.
//
// Interleaving unpacks turn planes into natural channel order once per flush, not once per entry. Most rows of 8 bits do
// without: interleaved.h.
#if defined(__x86_64__)
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>

#include "../epilogue/avx2.h"
#include "../bytes.h"
#include "../prefetch.h"
#include "bytes_avx2.h"
#include "narrow.h"
#include "planar.h"
#include "planes_avx2.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
#include "pieces.h"
#include "interleaved.h"

namespace smoothbit {
namespace {

// Planes whose lanes are of type Sum.
template <int kBits, class Sum>
struct Width {
  static constexpr int kPlanes = 8 / kBits * static_cast<int>(sizeof(Sum));
  static constexpr int kMaxBlocks = kBits <= 2 ? 1 : 8 / kPlanes;  // at most 8 accumulators
  static constexpr int64_t kFlushRows = std::numeric_limits<Sum>::max() / ((1 << kBits) - 1);
};
template <int kBits>
using ShortSum = std::conditional_t<kBits == 8, uint16_t, uint8_t>;

// The entries of places: the offsets of a schedule, or those of the rows themselves.
struct Entries {
  const int64_t* indptr;
  const uint32_t* at;    // offsets, or row numbers, none of which is negative
  const int32_t* rows;   // of the places, or null
  const uint8_t* source;
  int64_t stride;
  int64_t prefetch_end;

  explicit Entries(const SpmmArgs& args)
      : indptr(args.indptr), at(reinterpret_cast<const uint32_t*>(args.indices)), rows(args.schedule.rows),
        source(args.source), stride(args.source_stride) {
    if (args.schedule.offsets) {
      indptr = args.schedule.indptr;
      at = args.schedule.offsets;
      source = args.schedule.source;
      stride = RowSchedule::kUnit;
    }
    prefetch_end = is_prefetched(args.num_sources, args.source_stride) ? indptr[args.num_rows] : 0;
  }
  int64_t row(int64_t place) const { return rows ? rows[place] : place; }
};

// Where the rows are and how far ahead to look.
struct Rows {
  const Entries& entries;
  const uint8_t* base;  // source + first byte of the segment
  int64_t readable;     // bytes of the segment that belong to the row, for halves and words

  const uint8_t* at(int64_t entry) const { return base + entries.at[entry] * entries.stride; }
  // kBytes of a row a number of entries ahead.
  template <int64_t kBytes>
  SMOOTHBIT_INLINE void prefetch(int64_t entry) const {
    constexpr int64_t kAhead = kEntriesAhead<kBytes>;
    if (entry + kAhead < entries.prefetch_end) prefetch_row<kBytes>(at(entry + kAhead));
  }
};

// Plane sums of 8-bit rows, as RowSums has them for narrower ones: lanes of 16 bits, of which a plane is every
// second byte.
class ByteSums {
 public:
  static constexpr int kGroup = 1;
  SMOOTHBIT_INLINE void start() { sums_[0] = sums_[1] = _mm256_setzero_si256(); }
  template <int kRows, class Load>
  SMOOTHBIT_INLINE void add(const Load& x) {
    const __m256i row = x(0);
    sums_[0] = _mm256_add_epi16(sums_[0], row);
    sums_[1] = _mm256_add_epi16(sums_[1], _mm256_srli_epi16(row, 8));
  }
  SMOOTHBIT_INLINE void split(__m256i planes[2]) const {
    planes[0] = _mm256_sub_epi16(sums_[0], _mm256_slli_epi16(sums_[1], 8));
    planes[1] = sums_[1];
  }

 private:
  __m256i sums_[2];
};

// The same of 4-bit rows, added up in bytes first.
class NibbleSums {
 public:
  static constexpr int kGroup = 1;
  SMOOTHBIT_INLINE void start() {
    bytes_.start();
    low_.start();
    high_.start();
  }
  template <int kRows, class Load>
  SMOOTHBIT_INLINE void add(const Load& x) {
    bytes_.add_row(x(0));
  }
  // At the latest after Width<4, uint8_t>::kFlushRows.
  SMOOTHBIT_INLINE void flush() {
    __m256i planes[2];
    bytes_.split(planes);
    bytes_.start();
    low_.add<1>([&](int) { return planes[0]; });
    high_.add<1>([&](int) { return planes[1]; });
  }
  SMOOTHBIT_INLINE void split(__m256i planes[4]) const {
    __m256i low[2], high[2];
    low_.split(low);
    high_.split(high);
    for (int i = 0; i < 2; ++i) {
      planes[2 * i] = low[i];
      planes[2 * i + 1] = high[i];
    }
  }

 private:
  RowSums<4> bytes_;
  ByteSums low_, high_;
};

// 4-bit rows go to bytes one by one; narrower ones in groups.
template <int kBits>
using NarrowSums = std::conditional_t<kBits == 4, RowSums<4>, PlaneSums<kBits == 1 ? 1 : 2>>;
template <int kBits>
using WideSums = std::conditional_t<kBits == 8, ByteSums, NibbleSums>;
template <int kBits, class Sum>
using Sums = std::conditional_t<std::is_same_v<Sum, uint16_t>, WideSums<kBits>, NarrowSums<kBits>>;

// Registers x(r, 0) .. x(r, kBlocks - 1) of rows r < count, added up and handed to done(block, planes).
template <int kBits, class Sum, int kBlocks>
class BlockSums {
  using Register = Sums<kBits, Sum>;
  static constexpr bool kHasFlush = std::is_same_v<Register, NibbleSums>;

 public:
  template <class Load, class Done>
  static SMOOTHBIT_INLINE void run(int64_t count, const Load& x, const Done& done) {
    constexpr int kGroup = Register::kGroup;
    BlockSums sums;
    sums.start();
    int64_t r = 0;
    if constexpr (kHasFlush) {
      while (r < count) {
        for (const int64_t end = std::min(count, r + Width<kBits, uint8_t>::kFlushRows); r < end; ++r)
          sums.template add<1>(r, x);
        sums.flush();
      }
    } else {
      for (; count - r >= kGroup; r += kGroup) sums.template add<kGroup>(r, x);
      for (; r < count; ++r) sums.template add<1>(r, x);
    }
    sums.finish(done);
  }

 private:
  template <int i = 0>
  SMOOTHBIT_INLINE void start() {
    sums_[i].start();
    if constexpr (i + 1 < kBlocks) start<i + 1>();
  }
  template <int kRows, int i = 0, class Load>
  SMOOTHBIT_INLINE void add(int64_t row, const Load& x) {
    sums_[i].template add<kRows>([&](int r) { return x(row + r, i); });
    if constexpr (i + 1 < kBlocks) add<kRows, i + 1>(row, x);
  }
  template <int i = 0>
  SMOOTHBIT_INLINE void flush() {
    sums_[i].flush();
    if constexpr (i + 1 < kBlocks) flush<i + 1>();
  }
  template <int i = 0, class Done>
  SMOOTHBIT_INLINE void finish(const Done& done) const {
    __m256i planes[Width<kBits, Sum>::kPlanes];
    sums_[i].split(planes);
    done(i, planes);
    if constexpr (i + 1 < kBlocks) finish<i + 1>(done);
  }
  Register sums_[kBlocks];
};

// Planes -> natural order, in place. Afterwards the low half of acc[q] holds the channels of bytes
// 16/p*q .. of the low 16 bytes of the segment, the high half the same of its high 16 bytes.
template <int kBits, class Sum>
SMOOTHBIT_INLINE void interleave(__m256i acc[Width<kBits, Sum>::kPlanes]) {
  constexpr int kPlanes = Width<kBits, Sum>::kPlanes;
  constexpr bool kHasWords = sizeof(Sum) == 2;
  __m256i pairs[kPlanes];
  for (int i = 0; i < kPlanes; i += 2) {
    if constexpr (kHasWords) {
      pairs[i] = _mm256_unpacklo_epi16(acc[i], acc[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_epi16(acc[i], acc[i + 1]);
    } else {
      pairs[i] = _mm256_unpacklo_epi8(acc[i], acc[i + 1]);
      pairs[i + 1] = _mm256_unpackhi_epi8(acc[i], acc[i + 1]);
    }
  }
  if constexpr (kPlanes == 2) {
    for (int i = 0; i < 2; ++i) acc[i] = pairs[i];
    return;
  } else {
    __m256i quads[kPlanes];
    for (int i = 0; i < kPlanes; i += 4)
      for (int j = 0; j < 2; ++j) {
        const __m256i first = pairs[i + j], second = pairs[i + 2 + j];
        quads[i + 2 * j] = kHasWords ? _mm256_unpacklo_epi32(first, second) : _mm256_unpacklo_epi16(first, second);
        quads[i + 2 * j + 1] = kHasWords ? _mm256_unpackhi_epi32(first, second) : _mm256_unpackhi_epi16(first, second);
      }
    if constexpr (kPlanes == 4) {
      for (int i = 0; i < 4; ++i) acc[i] = quads[i];
    } else {
      for (int j = 0; j < 4; ++j) {
        acc[2 * j] = _mm256_unpacklo_epi32(quads[j], quads[4 + j]);
        acc[2 * j + 1] = _mm256_unpackhi_epi32(quads[j], quads[4 + j]);
      }
    }
  }
}

template <class Sum>
SMOOTHBIT_INLINE void store_half(Sum* out, __m128i half) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), half);
}

template <int kBits, class Sum>
SMOOTHBIT_INLINE void store_planes(__m256i acc[Width<kBits, Sum>::kPlanes], bool has_high, Sum* out) {
  constexpr int kPlanes = Width<kBits, Sum>::kPlanes;
  constexpr int kLanes = 16 / sizeof(Sum);
  interleave<kBits, Sum>(acc);
  for (int q = 0; q < kPlanes; ++q) {
    store_half(out + kLanes * q, _mm256_castsi256_si128(acc[q]));
    if (has_high) store_half(out + kLanes * (kPlanes + q), _mm256_extracti128_si256(acc[q], 1));
  }
}

template <int kBits, class Sum, int kBlocks>
void gather_blocks(const Rows& rows, int64_t begin, int64_t end, Sum* out) {
  BlockSums<kBits, Sum, kBlocks>::run(
      end - begin,
      [&](int64_t r, int i) {
        if (i == 0) rows.prefetch<kBlocks * 32>(begin + r);
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows.at(begin + r)) + i);
      },
      [&](int i, __m256i* planes) { store_planes<kBits, Sum>(planes, true, out + i * 32 * 8 / kBits); });
}

SMOOTHBIT_INLINE uint64_t load_word(const uint8_t* bytes, int64_t readable) {
  return load_bytes(bytes, std::min<int64_t>(readable, 8));
}

SMOOTHBIT_INLINE __m128i load_half(const uint8_t* bytes, int64_t readable) {
  if (readable >= 16) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  return _mm_set_epi64x(static_cast<int64_t>(load_word(bytes + 8, readable - 8)),
                        static_cast<int64_t>(load_word(bytes, 8)));
}

// The sums of two planes, or of their halves.
template <class Sum>
SMOOTHBIT_INLINE __m128i add_lanes(__m128i x, __m128i y) {
  return sizeof(Sum) == 2 ? _mm_add_epi16(x, y) : _mm_add_epi8(x, y);
}

template <int kBits, class Sum, bool kIsWhole>
void gather_halves(const Rows& rows, int64_t begin, int64_t end, Sum* out) {
  static const uint8_t zeros[16] = {};
  const int64_t readable = kIsWhole ? 16 : rows.readable;
  BlockSums<kBits, Sum, 1>::run(
      (end - begin + 1) / 2,
      [&](int64_t r, int) {
        const int64_t entry = begin + 2 * r;
        rows.prefetch<1>(entry);
        rows.prefetch<1>(entry + 1);
        const __m128i high = entry + 1 < end ? load_half(rows.at(entry + 1), readable) : load_half(zeros, 16);
        return _mm256_inserti128_si256(_mm256_castsi128_si256(load_half(rows.at(entry), readable)), high, 1);
      },
      [&](int, __m256i* planes) {
        for (int k = 0; k < Width<kBits, Sum>::kPlanes; ++k)
          planes[k] = _mm256_castsi128_si256(
              add_lanes<Sum>(_mm256_castsi256_si128(planes[k]), _mm256_extracti128_si256(planes[k], 1)));
        store_planes<kBits, Sum>(planes, false, out);
      });
}

// kReadable: bytes of each load, or 0 when only rows.readable tells.
template <int kBits, class Sum, int kReadable>
void gather_words(const Rows& rows, int64_t begin, int64_t end, Sum* out) {
  static const uint8_t zeros[8] = {};
  const int64_t readable = kReadable ? kReadable : rows.readable;
  const auto word = [&](int64_t entry) {
    // Missing rows of the last register are zero; a choice of address, not a branch.
    const uint8_t* row = entry < end ? rows.at(entry) : zeros;
    if constexpr (kReadable == 2) {
      uint16_t value;
      std::memcpy(&value, row, 2);
      return static_cast<int64_t>(value);
    } else {
      return static_cast<int64_t>(load_word(row, readable));
    }
  };
  BlockSums<kBits, Sum, 1>::run(
      (end - begin + 3) / 4,
      [&](int64_t r, int) {
        const int64_t entry = begin + 4 * r;
        for (int i = 0; i < 4; ++i) rows.prefetch<1>(entry + i);
        return _mm256_setr_epi64x(word(entry), word(entry + 1), word(entry + 2), word(entry + 3));
      },
      [&](int, __m256i* planes) {
        for (int k = 0; k < Width<kBits, Sum>::kPlanes; ++k) {
          const __m128i half = add_lanes<Sum>(_mm256_castsi256_si128(planes[k]), _mm256_extracti128_si256(planes[k], 1));
          planes[k] = _mm256_castsi128_si256(add_lanes<Sum>(half, _mm_srli_si128(half, 8)));
        }
        store_planes<kBits, Sum>(planes, false, out);
      });
}

// A segment and the function that adds it up.
template <class Sum>
struct Segment {
  void (*gather)(const Rows&, int64_t, int64_t, Sum*);
  int64_t byte_begin;
  int64_t bytes;  // that it covers, before rounding up to its register share
  int64_t readable;
};

// Longest segment that starts at `byte` of a row with `used` bytes of codes.
template <int kBits, class Sum>
Segment<Sum> make_segment(int64_t byte, int64_t used, int64_t stride) {
  constexpr int kMaxBlocks = Width<kBits, Sum>::kMaxBlocks;
  const int64_t rest = used - byte, readable = stride - byte;
  // A block may cover bytes after the last code, as long as they belong to the row. Beside another one it takes less than
  // entries that are gone through again.
  const int64_t wanted = rest > 32 ? (rest + 31) / 32 : (rest + 15) / 32;
  const int64_t blocks = std::min<int64_t>(kMaxBlocks, std::min(wanted, readable / 32));
  if (kMaxBlocks >= 4 && blocks >= 4) return {gather_blocks<kBits, Sum, kMaxBlocks >= 4 ? 4 : 1>, byte, 128, readable};
  if (kMaxBlocks >= 4 && blocks == 3) return {gather_blocks<kBits, Sum, kMaxBlocks >= 4 ? 3 : 1>, byte, 96, readable};
  if (kMaxBlocks >= 2 && blocks >= 2) return {gather_blocks<kBits, Sum, kMaxBlocks >= 2 ? 2 : 1>, byte, 64, readable};
  if (blocks >= 1) return {gather_blocks<kBits, Sum, 1>, byte, 32, readable};
  if (rest > 8 && readable >= 16) return {gather_halves<kBits, Sum, true>, byte, 16, readable};
  if (rest > 8) return {gather_halves<kBits, Sum, false>, byte, 16, readable};
  if (readable >= 8) return {gather_words<kBits, Sum, 8>, byte, 8, readable};
  if (readable >= 4 && rest <= 4) return {gather_words<kBits, Sum, 4>, byte, 8, readable};
  if (readable >= 2 && rest <= 2) return {gather_words<kBits, Sum, 2>, byte, 8, readable};
  return {gather_words<kBits, Sum, 0>, byte, 8, readable};
}

template <class Sum>
SMOOTHBIT_INLINE void widen(const Sum* narrow, int64_t count, bool is_first, int32_t* sums) {
  for (int64_t i = 0; i < count; i += 8) {
    __m256i* out = reinterpret_cast<__m256i*>(sums + i);
    const __m256i values = load_sums_avx2(narrow + i);
    _mm256_storeu_si256(out, is_first ? values : _mm256_add_epi32(_mm256_loadu_si256(out), values));
  }
}

constexpr int kMaxSegments = 8;

template <class Sum>
struct Block {
  int64_t channel;
  int64_t count;
  int num_segments;
  Segment<Sum> segments[kMaxSegments];
};

// Segments of channels [channel, channel + at most 256): never more than 4 + halves + words.
template <int kBits, class Sum>
Block<Sum> make_block(const SpmmArgs& args, int64_t channel) {
  const int64_t num_channels = args.epilogue.num_channels;
  Block<Sum> block{channel, std::min(kChannelBlock, num_channels - channel), 0, {}};
  const int64_t used = ((channel + block.count) * kBits + 7) / 8;
  for (int64_t byte = channel * kBits / 8; byte < used;) {
    const Segment<Sum> segment = make_segment<kBits, Sum>(byte, used, args.source_stride);
    block.segments[block.num_segments++] = segment;
    byte += segment.bytes;
  }
  return block;
}

template <int kBits, class Sum>
void sum_block(const Epilogue& e, const Entries& entries, const Block<Sum>& block, int64_t place) {
  constexpr int64_t kFlushRows = Width<kBits, Sum>::kFlushRows;
  // Room for the last segment's whole register share.
  alignas(64) Sum narrow[kChannelBlock + 256];
  const int64_t row = entries.row(place), begin = entries.indptr[place], end = entries.indptr[place + 1];
  const float row_term = e.row_term ? e.row_term[row] : 0.0f;
  const auto gather = [&](int64_t from, int64_t to) {
    for (int s = 0; s < block.num_segments; ++s) {
      const Segment<Sum>& segment = block.segments[s];
      const Rows rows{entries, entries.source + segment.byte_begin, segment.readable};
      segment.gather(rows, from, to, narrow + (segment.byte_begin * 8 / kBits - block.channel));
    }
  };
  if (end - begin <= kFlushRows) {
    gather(begin, end);
    finish_row_avx2(e, row, block.channel, block.count, narrow, row_term);
    return;
  }
  alignas(64) int32_t sums[kChannelBlock];
  for (int64_t from = begin; from < end; from += kFlushRows) {
    gather(from, std::min(from + kFlushRows, end));
    widen(narrow, block.count, from == begin, sums);
  }
  finish_row_avx2(e, row, block.channel, block.count, sums, row_term);
}

// Weighted sums of 8 * V channels: a 16-bit multiply-add whose upper half is zero is an exact product.
template <int kBits, int V>
SMOOTHBIT_INLINE void weighted_group(const SpmmArgs& args, int64_t row, int64_t channel, int valid, int32_t* sums) {
  __m256i acc_i32x8[V];
  for (int v = 0; v < V; ++v) acc_i32x8[v] = _mm256_setzero_si256();
  for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
    const uint8_t* bytes = args.source + args.indices[entry] * args.source_stride + channel * kBits / 8;
    const __m256i weight = _mm256_set1_epi32(static_cast<uint16_t>(args.weights[entry]));
    __m256i codes_i32x8[V];
    if (valid < 8) codes_i32x8[0] = spread_word_avx2<kBits>(load_bytes(bytes, (valid * kBits + 7) / 8));
    else load_codes_avx2<kBits, V>(bytes, codes_i32x8);
    for (int v = 0; v < V; ++v)
      acc_i32x8[v] = _mm256_add_epi32(acc_i32x8[v], _mm256_madd_epi16(codes_i32x8[v], weight));
  }
  for (int v = 0; v < V; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums + 8 * v), acc_i32x8[v]);
}

template <int kBits>
void weighted_rows(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  alignas(64) int32_t sums[32];
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    int64_t channel = 0;
    for (; channel + 32 <= e.num_channels; channel += 32) {
      weighted_group<kBits, 4>(args, row, channel, 8, sums);
      finish_row_avx2(e, row, channel, 32, sums, row_term);
    }
    for (; channel < e.num_channels; channel += 8) {
      const int valid = static_cast<int>(std::min<int64_t>(8, e.num_channels - channel));
      weighted_group<kBits, 1>(args, row, channel, valid, sums);
      finish_row_avx2(e, row, channel, valid, sums, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

// Finishes the blocks of a row.
template <int kBits, class Sum>
class RowBlocks {
 public:
  RowBlocks(const SpmmArgs& args, const Entries& entries)
      : args_(args), entries_(entries),
        last_channel_(std::max<int64_t>(args.epilogue.num_channels - 1, 0) / kChannelBlock * kChannelBlock),
        last_(make_block<kBits, Sum>(args, last_channel_)) {}

  void finish(int64_t place) const {
    // All blocks but the last are alike up to their first channel.
    for (int64_t channel = 0; channel < last_channel_; channel += kChannelBlock)
      sum_block<kBits>(args_.epilogue, entries_, make_block<kBits, Sum>(args_, channel), place);
    if (last_.count > 0) sum_block<kBits>(args_.epilogue, entries_, last_, place);
  }

 private:
  const SpmmArgs& args_;
  const Entries& entries_;
  int64_t last_channel_;
  Block<Sum> last_;
};

// Finishes places [begin, end) by finish(place).
template <class Finish>
SMOOTHBIT_INLINE void finish_places(const SpmmArgs& args, const Entries& entries, int64_t begin, int64_t end,
                                    const Finish& finish) {
  for (int64_t place = begin; place < end; ++place) {
    finish(place);
    clear_row_padding_serial(args.epilogue, entries.row(place));
  }
}

template <int kBits>
void float_rows(const SpmmArgs& args, int64_t begin, int64_t end) {
  const Entries entries(args);
  const RowBlocks<kBits, ShortSum<kBits>> blocks(args, entries);
  if constexpr (kBits == 4) {
    const RowBlocks<kBits, uint16_t> long_blocks(args, entries);
    finish_places(args, entries, begin, end, [&](int64_t place) {
      const int64_t length = entries.indptr[place + 1] - entries.indptr[place];
      if (length <= Width<kBits, uint8_t>::kFlushRows) blocks.finish(place);
      else long_blocks.finish(place);
    });
  } else {
    finish_places(args, entries, begin, end, [&](int64_t place) { blocks.finish(place); });
  }
}

template <int kBits>
void spmm_avx2(const SpmmArgs& args, int64_t begin, int64_t end) {
  if (!args.epilogue.is_streamed && spmm_is_streamed(args)) {
    SpmmArgs streamed = args;
    streamed.epilogue.is_streamed = true;
    spmm_avx2<kBits>(streamed, begin, end);
    _mm_sfence();
    return;
  }
  if (spmm_planar_avx2(args, kBits, float_rows<kBits>, begin, end)) return;
  if constexpr (kBits == 8)
    if (interleaved_rows<BytesAvx2>(args, float_rows<kBits>, begin, end)) return;
  if (const SpmmKernel narrow = narrow_kernel_avx2(args, kBits)) narrow(args, begin, end);
  else if (args.weights) weighted_rows<kBits>(args, begin, end);
  else float_rows<kBits>(args, begin, end);
}

}  // namespace

void spmm_u1_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx2<1>(args, begin, end); }
void spmm_u2_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx2<2>(args, begin, end); }
void spmm_u4_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx2<4>(args, begin, end); }
void spmm_u8_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx2<8>(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
