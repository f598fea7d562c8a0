// Blocks of a delta-coded step: what a register holds, where its halves come from, sums over neighbours. AVX2.
//
// Included by avx2.cc, which draws the order of the channels.
#pragma once

#include <algorithm>

#include "../epilogue/avx2.h"
#include "../prefetch.h"
#include "../spmm/planes_avx2.h"
#include "smoothbit/delta.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int64_t kRowsAhead = 4;  // rows between a prefetch of the state and its use
constexpr int64_t kBlockBytes = 16;

template <int kBits>
constexpr int kPlanes = 8 / kBits;

SMOOTHBIT_INLINE __m256i join(__m128i low, __m128i high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
SMOOTHBIT_INLINE __m256 join(float low, float high) { return _mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low)); }

// Half h of the widened lanes, without sign and with it.
template <int h>
SMOOTHBIT_INLINE __m256i widen_bytes(__m256i x) {
  const __m256i zero = _mm256_setzero_si256();
  return h ? _mm256_unpackhi_epi8(x, zero) : _mm256_unpacklo_epi8(x, zero);
}
template <int h>
SMOOTHBIT_INLINE __m256i widen_u16(__m256i x) {
  const __m256i zero = _mm256_setzero_si256();
  return h ? _mm256_unpackhi_epi16(x, zero) : _mm256_unpacklo_epi16(x, zero);
}
template <int h>
SMOOTHBIT_INLINE __m256i widen_i16(__m256i x) {
  return _mm256_srai_epi32(h ? _mm256_unpackhi_epi16(x, x) : _mm256_unpacklo_epi16(x, x), 16);
}

// Sums of at most kMaxRows registers of codes, handed out as 16-bit lanes 2k, 2k + 1 of plane k.
template <int kBits>
class BlockSums {
 public:
  static constexpr int64_t kMaxRows = 255 / ((1 << kBits) - 1);

  SMOOTHBIT_INLINE BlockSums() { sums_.start(); }
  SMOOTHBIT_INLINE void add(__m256i x) { sums_.add_row(x); }
  SMOOTHBIT_INLINE void lanes(__m256i* lanes_u16x16) const {
    __m256i planes[kPlanes<kBits>];
    sums_.split(planes);
    for (int k = 0; k < kPlanes<kBits>; ++k) {
      lanes_u16x16[2 * k] = widen_bytes<0>(planes[k]);
      lanes_u16x16[2 * k + 1] = widen_bytes<1>(planes[k]);
    }
  }

 private:
  RowSums<kBits> sums_;
};

template <>
class BlockSums<8> {
 public:
  static constexpr int64_t kMaxRows = 257;

  SMOOTHBIT_INLINE BlockSums() : low_(_mm256_setzero_si256()), high_(_mm256_setzero_si256()) {}
  SMOOTHBIT_INLINE void add(__m256i x) {
    low_ = _mm256_add_epi16(low_, widen_bytes<0>(x));
    high_ = _mm256_add_epi16(high_, widen_bytes<1>(x));
  }
  SMOOTHBIT_INLINE void lanes(__m256i* lanes_u16x16) const {
    lanes_u16x16[0] = low_;
    lanes_u16x16[1] = high_;
  }

 private:
  __m256i low_, high_;
};

// A block of a row.
struct Place {
  int64_t row;
  int64_t byte;
};

// What a step has: any part there is; or what a coded step in the middle has, without and with corrections.
enum class Kind { any, plain, corrected };

// Where the skip term comes from.
enum class Skip { none, codes, values };

// What does not change within a call. kIsShort: some rows end before the blocks do.
template <int kBits, bool kIsShort>
struct Step {
  static constexpr int P = kPlanes<kBits>;

  const DeltaArgs& args;
  const Epilogue& e;
  int64_t last_byte;      // where the last block with a channel begins
  __m128i last_valid;     // bits of that block that are codes
  int64_t prefetch_end;
  bool is_coded;          // the output has the width of the source and one plain law
  Kind kind;
  Skip skip;

  static SMOOTHBIT_INLINE __m128i block(const uint8_t* bytes, int64_t readable) {
    if (!kIsShort || readable >= 16) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    if (readable <= 0) return _mm_setzero_si128();
    const uint64_t high = readable > 8 ? load_bytes(bytes + 8, readable - 8 < 8 ? readable - 8 : 8) : 0;
    return _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(load_bytes(bytes, readable)));
  }
  SMOOTHBIT_INLINE __m128i codes(const void* data, int64_t stride, const Place& place) const {
    return block(static_cast<const uint8_t*>(data) + place.row * stride + place.byte, stride - place.byte);
  }
  SMOOTHBIT_INLINE __m128i entry(int64_t at, int64_t byte) const {
    if (at + kEntriesAhead<kBlockBytes> < prefetch_end)
      prefetch_row(args.source + args.indices[at + kEntriesAhead<kBlockBytes>] * args.source_stride + byte);
    return codes(args.source, args.source_stride, {args.indices[at], byte});
  }
  SMOOTHBIT_INLINE __m256i whole_entry(int64_t at, int64_t byte) const {
    const __m128i low = entry(at, byte);
    return join(low, codes(args.source, args.source_stride, {args.indices[at], byte + kBlockBytes}));
  }
  SMOOTHBIT_INLINE __m128i valid(int64_t byte) const {
    return byte < last_byte ? _mm_set1_epi8(-1) : byte == last_byte ? last_valid : _mm_setzero_si128();
  }
  void store(const Place& place, __m128i bytes) const {
    bytes = _mm_and_si128(bytes, valid(place.byte));
    uint8_t* out = static_cast<uint8_t*>(e.out) + place.row * e.out_stride + place.byte;
    const int64_t room = e.out_stride - place.byte;
    if (!kIsShort || room >= 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    } else if (room > 0) {
      store_bytes(out, static_cast<uint64_t>(_mm_cvtsi128_si64(bytes)), room);
      if (room > 8) store_bytes(out + 8, static_cast<uint64_t>(_mm_extract_epi64(bytes, 1)), room - 8);
    }
  }
  // Random gathers in between hide from the hardware that the state is a stream.
  SMOOTHBIT_INLINE void prefetch_state(int64_t row) const {
    if (row >= args.num_rows) return;
    for (int64_t lane = 0; lane < args.width; lane += 32) {
      _mm_prefetch(reinterpret_cast<const char*>(args.messages + row * args.width + lane), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(args.sums + row * args.width + lane), _MM_HINT_T0);
    }
  }
  SMOOTHBIT_INLINE int64_t lanes_before(const Place& place) const { return place.row * args.width + place.byte * P; }
  SMOOTHBIT_INLINE int32_t* wide(const Place& place) const {
    return args.wide_sums + args.slots[place.row] * args.width + place.byte * P;
  }
};

// Adds lanes of 16 bits to sums of 16 bits, or of 32.
template <int kBits, bool kIsWide>
SMOOTHBIT_INLINE void add_lanes(const BlockSums<kBits>& part, __m256i* sums, bool is_first) {
  constexpr int kLanes = 2 * kPlanes<kBits>;
  __m256i lanes[kLanes];
  part.lanes(lanes);
  for (int i = 0; i < kLanes; ++i) {
    if constexpr (kIsWide) {
      sums[2 * i] = is_first ? widen_u16<0>(lanes[i]) : _mm256_add_epi32(sums[2 * i], widen_u16<0>(lanes[i]));
      sums[2 * i + 1] =
          is_first ? widen_u16<1>(lanes[i]) : _mm256_add_epi32(sums[2 * i + 1], widen_u16<1>(lanes[i]));
    } else {
      sums[i] = is_first ? lanes[i] : _mm256_add_epi16(sums[i], lanes[i]);
    }
  }
}

// Sums over the neighbours of the rows in both halves.
template <bool kIsWide, int kBits, bool kIsShort>
SMOOTHBIT_INLINE void gather(const Step<kBits, kIsShort>& step, const Place& low, const Place& high, __m256i* sums) {
  const int64_t begins[2] = {step.args.indptr[low.row], step.args.indptr[high.row]};
  const int64_t counts[2] = {step.args.length(low.row), step.args.length(high.row)};
  const int64_t longest = std::max(counts[0], counts[1]);
  int64_t at = 0;
  do {
    BlockSums<kBits> part;
    const int64_t first = at, end = std::min(longest, at + BlockSums<kBits>::kMaxRows);
    if (low.byte != high.byte) {
      for (; at < end; ++at) part.add(step.whole_entry(begins[0] + at, low.byte));
    } else {
      const __m128i zero = _mm_setzero_si128();
      for (const int64_t both = std::min(end, std::min(counts[0], counts[1])); at < both; ++at)
        part.add(join(step.entry(begins[0] + at, 0), step.entry(begins[1] + at, 0)));
      if (counts[0] > counts[1])
        for (; at < end; ++at) part.add(join(step.entry(begins[0] + at, 0), zero));
      else
        for (; at < end; ++at) part.add(join(zero, step.entry(begins[1] + at, 0)));
    }
    add_lanes<kBits, kIsWide>(part, sums, first == 0);
  } while (at < longest);
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
