// Products of 1 and 2 bits by lookups of six bits, AVX-512 with VBMI: a byte permutation looks up the products of three
// codes of 2 bits, or of six of 1 bit, with as many of each of 64 channels.
//
//     source sextet n     a0 + 4 a1 + 16 a2, the place of its 64 entries
//     weight sextet m     w0 + 4 w1 + 16 w2, for each channel
//     entry               a0 w0 + a1 w1 + a2 w2 <= 27: nine of them fit a byte
//
// Twice as many products an instruction as nibbles have, and a permutation starts as often as a shuffle of half the
// width. The table, 4 KiB, stays in the first-level cache.
#pragma once

#include <algorithm>
#include <cstring>

#include "../bytes.h"
#include "../epilogue/avx512_intrinsics.h"
#include "../prefetch.h"
#include "lookup.h"
#include "unpack.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

constexpr int kSextetRows = 8;
static_assert(kGemmRowBlock % kSextetRows == 0, "a row block is whole calls");

// Sums of 64 channels: lane i of `even` is that of channel 2i, lane i of `odd` that of channel 2i + 1.
struct SextetSums {
  __m512i even, odd;
};

// Accumulators in the type of their lanes, rows by name: see multiply_avx2.h.
using U8x64 = uint8_t __attribute__((vector_size(64)));

SMOOTHBIT_INLINE void add_sextet(U8x64& acc, const uint8_t* products, uint64_t code, __m512i weights) {
  acc += reinterpret_cast<U8x64>(_mm512_permutexvar_epi8(weights, _mm512_load_si512(products + 64 * code)));
}

// `even` adds bytes as pairs, even + 256 * odd, modulo 2^16.
SMOOTHBIT_INLINE void widen_sextets(const U8x64& acc, SextetSums& sums) {
  const __m512i pairs = reinterpret_cast<__m512i>(acc);
  sums.even = _mm512_add_epi16(sums.even, pairs);
  sums.odd = _mm512_add_epi16(sums.odd, _mm512_srli_epi16(pairs, 8));
}

// Even channels are kept with 256 times the odd ones, modulo 2^16, until here.
SMOOTHBIT_INLINE void store_sextets(const SextetSums& sums, void* to) {
  auto* at = static_cast<__m512i*>(to);
  _mm512_store_si512(at, _mm512_sub_epi16(sums.even, _mm512_slli_epi16(sums.odd, 8)));
  _mm512_store_si512(at + 1, sums.odd);
}

// Lines that are read soon. Two are asked for at each step: of eight rows of floats there are 1.5 for a step of 2 bits.
struct LinesAhead {
  const uint8_t *next = nullptr, *end = nullptr;
  SMOOTHBIT_INLINE void prefetch() {
    if (next >= end) return;
    prefetch_row<128>(next);
    next += 128;
  }
};
struct NothingAhead {
  SMOOTHBIT_INLINE void prefetch() {}
};

// Eight rows of unpacked sextets against `num_steps` of a panel group, at most those that fit 16 bits. Rows of sums, 64
// channels each, begin `sums_stride` bytes apart.
template <int kBits, class Ahead>
__attribute__((noinline)) void multiply_sextets(const uint8_t* codes, int64_t codes_stride, const uint8_t* panel,
                                                int64_t num_steps, uint8_t* sums, int64_t sums_stride, Ahead ahead) {
  alignas(64) static constexpr GemmFieldProducts<kBits, 6> kTable;
  const uint8_t* products = kTable.product;
  const __m512i zero = _mm512_setzero_si512();
  SextetSums sums_0{zero, zero}, sums_1 = sums_0, sums_2 = sums_0, sums_3 = sums_0, sums_4 = sums_0, sums_5 = sums_0, sums_6 = sums_0, sums_7 = sums_0;
  for (int64_t left = num_steps; left > 0; left -= kTable.kNarrowSteps) {
    U8x64 row_0{}, row_1{}, row_2{}, row_3{}, row_4{}, row_5{}, row_6{}, row_7{};
    const uint8_t* end = codes + std::min<int64_t>(kTable.kNarrowSteps, left);
    do {
      ahead.prefetch();
      const __m512i weights = _mm512_loadu_si512(panel);
      add_sextet(row_0, products, codes[0 * codes_stride], weights);
      add_sextet(row_1, products, codes[1 * codes_stride], weights);
      add_sextet(row_2, products, codes[2 * codes_stride], weights);
      add_sextet(row_3, products, codes[3 * codes_stride], weights);
      add_sextet(row_4, products, codes[4 * codes_stride], weights);
      add_sextet(row_5, products, codes[5 * codes_stride], weights);
      add_sextet(row_6, products, codes[6 * codes_stride], weights);
      add_sextet(row_7, products, codes[7 * codes_stride], weights);
      panel += kGemmPiece;
      ++codes;
    } while (codes != end);
    widen_sextets(row_0, sums_0);
    widen_sextets(row_1, sums_1);
    widen_sextets(row_2, sums_2);
    widen_sextets(row_3, sums_3);
    widen_sextets(row_4, sums_4);
    widen_sextets(row_5, sums_5);
    widen_sextets(row_6, sums_6);
    widen_sextets(row_7, sums_7);
  }
  store_sextets(sums_0, sums + 0 * sums_stride);
  store_sextets(sums_1, sums + 1 * sums_stride);
  store_sextets(sums_2, sums + 2 * sums_stride);
  store_sextets(sums_3, sums + 3 * sums_stride);
  store_sextets(sums_4, sums + 4 * sums_stride);
  store_sextets(sums_5, sums + 5 * sums_stride);
  store_sextets(sums_6, sums + 6 * sums_stride);
  store_sextets(sums_7, sums + 7 * sums_stride);
}

template <int kBits>
SMOOTHBIT_INLINE void multiply_sextets(const uint8_t* codes, int64_t codes_stride, const uint8_t* panel, int64_t num_steps,
                                       uint8_t* sums, int64_t sums_stride, LinesAhead ahead) {
  if (ahead.next < ahead.end) multiply_sextets<kBits, LinesAhead>(codes, codes_stride, panel, num_steps, sums, sums_stride, ahead);
  else multiply_sextets<kBits, NothingAhead>(codes, codes_stride, panel, num_steps, sums, sums_stride, NothingAhead());
}

// In the order of the channels, added to those of the depths before unless `is_first`.
SMOOTHBIT_INLINE void store_wide_sextets(const SextetSums& sums, bool is_first, int32_t* to) {
  // Eight channels of each 128-bit part: 16 j .. 16 j + 7, and the next eight.
  const __m512i low = _mm512_unpacklo_epi16(sums.even, sums.odd), high = _mm512_unpackhi_epi16(sums.even, sums.odd);
  const __m512i first = _mm512_shuffle_i64x2(low, high, 0x44), second = _mm512_shuffle_i64x2(low, high, 0xee);
  const auto store = [&](int channel, __m512i parts, int upper) {
    const __m256i eights = upper ? _mm512_extracti64x4_epi64(parts, 1) : _mm512_castsi512_si256(parts);
    const __m512i x = _mm512_cvtepu16_epi32(eights);
    // Channels c .. c + 7 and c + 16 .. c + 23.
    for (int half = 0; half < 2; ++half) {
      int32_t* at = to + channel + 16 * half;
      const __m256i eight = half ? _mm512_extracti64x4_epi64(x, 1) : _mm512_castsi512_si256(x);
      const __m256i before = is_first ? _mm256_setzero_si256() : _mm256_loadu_si256(reinterpret_cast<__m256i*>(at));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), _mm256_add_epi32(eight, before));
    }
  };
  store(0, first, 0);
  store(8, first, 1);
  store(32, second, 0);
  store(40, second, 1);
}

// Narrow sums to codes of one or two bits by the thresholds of thresholds.h.
template <int kBits>
class CompareSextets {
 public:
  static constexpr int64_t kBlock = 64;  // channels

  CompareSextets(const Epilogue& e, int64_t width)
      : out_(static_cast<uint8_t*>(e.out)), out_stride_(e.out_stride), width_(width),
        num_whole_(e.num_channels / kBlock), has_last_(e.num_channels % kBlock != 0) {
    // Lanes without a channel are not in the table.
    alignas(16) uint8_t valid[16];
    for (int64_t i = 0; i < 16; ++i) valid[i] = low_bits(e.num_channels % kBlock * kBits - 8 * i);
    valid_ = _mm_load_si128(reinterpret_cast<const __m128i*>(valid));
  }

  // The padding of the row is cleared.
  SMOOTHBIT_INLINE void operator()(int64_t row, const int32_t* sums, const int16_t* table) const {
    uint8_t* out = out_ + row * out_stride_;
    for (int64_t i = 0; i < num_whole_; ++i, sums += kBlock / 2, table += kBlock, out += kBytes)
      store(out, kBytes, codes(sums, table));
    int64_t left = out_ + (row + 1) * out_stride_ - out;
    if (has_last_) {
      const int64_t count = std::min(left, kBytes);
      store(out, count, _mm_and_si128(codes(sums, table), valid_));
      out += count;
      left -= count;
    }
    if (left > 0) std::memset(out, 0, static_cast<size_t>(left));
  }

 private:
  static constexpr int64_t kBytes = kBlock / 8 * kBits;

  static SMOOTHBIT_INLINE void store(uint8_t* out, int64_t count, __m128i codes) {
    _mm_mask_storeu_epi8(out, static_cast<__mmask16>((1 << count) - 1), codes);
  }
  // A threshold less one, less the sum, has the outcome for its sign.
  SMOOTHBIT_INLINE __m512i outcome(const int32_t* sums, const int16_t* table, int threshold) const {
    return _mm512_sub_epi16(_mm512_loadu_si512(table + threshold * width_), _mm512_loadu_si512(sums));
  }
  // Bits of x where the mask has them, of y elsewhere.
  static SMOOTHBIT_INLINE __m512i select(uint32_t mask, __m512i x, __m512i y) {
    return _mm512_ternarylogic_epi32(x, y, _mm512_set1_epi32(static_cast<int>(mask)), 0xe4);
  }
  // Codes of 2 bits, in the upper bits of the lanes. Their outcomes never rise: the middle one is the upper bit of the
  // code, and the parity of all three the lower one.
  SMOOTHBIT_INLINE __m512i code(const int32_t* sums, const int16_t* table) const {
    const __m512i middle = outcome(sums, table, 1);
    const __m512i parity =
        _mm512_ternarylogic_epi32(outcome(sums, table, 0), middle, outcome(sums, table, 2), 0x96);
    return select(0x80008000u, middle, _mm512_srli_epi16(parity, 1));
  }

  // Packed codes of a block, whose even channels come before its odd ones.
  SMOOTHBIT_INLINE __m128i codes(const int32_t* sums, const int16_t* table) const {
    const int32_t* odd_sums = sums + kBlock / 4;
    const int16_t* odd_table = table + kBlock / 2;
    if constexpr (kBits == 1) {
      const __m512i even = _mm512_srli_epi16(outcome(sums, table, 0), 8);
      const __m512i signs = select(0x80008000u, outcome(odd_sums, odd_table, 0), even);
      return _mm_cvtsi64_si128(static_cast<int64_t>(_mm512_test_epi8_mask(signs, _mm512_set1_epi8(-128))));
    }
    // A pair of channels in the upper four bits of a lane, and two pairs a byte.
    const __m512i pairs = select(0xc000c000u, code(odd_sums, odd_table), _mm512_srli_epi16(code(sums, table), 2));
    return _mm512_cvtepi32_epi8(select(0xf0, _mm512_srli_epi32(pairs, 24), _mm512_srli_epi32(pairs, 12)));
  }

  uint8_t* out_;
  int64_t out_stride_, width_;
  int64_t num_whole_;  // blocks
  bool has_last_;      // and another one, which the tables end with
  __m128i valid_;      // its bits that are codes
};

// Source rows into sextets, one a byte, zero past the depth.
class SextetRows {
 public:
  explicit SextetRows(const GemmArgs& args) {
    alignas(64) uint8_t bytes[64], shifts[64], sums[64] = {};
    for (int i = 0; i < 64; ++i) {
      for (int bit = 0; bit < 6; bit += args.source_bits)
        sums[i] = static_cast<uint8_t>(sums[i] + (i >> bit & ((1 << args.source_bits) - 1)));
      // Lane i / 8 of 64 bits has bytes 6 (i / 8) ..; sextet i begins at bit 6 (i % 8) of it.
      bytes[i] = static_cast<uint8_t>(i / 8 * 6 + i % 8);
      shifts[i] = static_cast<uint8_t>(i % 8 * 6);
    }
    bytes_ = _mm512_load_si512(bytes);
    shifts_ = _mm512_load_si512(shifts);
    sums_ = _mm512_load_si512(sums);
    const int64_t row_bits = args.depth * args.source_bits;
    last_ = row_bits > 0 ? (row_bits - 1) / (8 * kBytes) * kBytes : 0;
    alignas(64) uint8_t valid[64];
    for (int64_t i = 0; i < 64; ++i) valid[i] = low_bits(row_bits - 8 * (last_ + i));
    valid_ = _mm512_load_si512(valid);
    last_mask_ = (uint64_t{1} << ((row_bits - 8 * last_ + 7) / 8)) - 1;
  }

  // Rows of `packed` into sextets; row sums, below 2^32, unless null.
  __attribute__((noinline)) void unpack(const uint8_t* packed, int64_t stride, int64_t count, uint8_t* codes,
                                        int64_t codes_stride, GemmRowSums* sums) const {
    const SextetRows rows = *this;
    if (!sums) {
      for (int64_t r = 0; r < count; ++r) rows.unpack_row<false>(packed + r * stride, codes + r * codes_stride);
      return;
    }
    int64_t r = 0;
    for (; r + 2 <= count; r += 2) {
      const __m512i first = rows.unpack_row<true>(packed + r * stride, codes + r * codes_stride);
      const __m512i second = rows.unpack_row<true>(packed + (r + 1) * stride, codes + (r + 1) * codes_stride);
      const uint64_t both = add_lanes(_mm512_or_si512(first, _mm512_slli_epi64(second, 32)));
      sums[r].codes = static_cast<int32_t>(both);
      sums[r + 1].codes = static_cast<int32_t>(both >> 32);
    }
    if (r < count)
      sums[r].codes =
          static_cast<int32_t>(add_lanes(rows.unpack_row<true>(packed + r * stride, codes + r * codes_stride)));
  }

 private:
  static constexpr int64_t kBytes = 48;  // 64 sextets

  // Returns parts of the sum of the codes, if wanted.
  template <bool kHasSum>
  SMOOTHBIT_INLINE __m512i unpack_row(const uint8_t* packed, uint8_t* codes) const {
    __m512i sum_u64x8 = _mm512_setzero_si512();
    for (int64_t i = 0; i < last_; i += kBytes, codes += 64) {
      const __m512i x = sextets(_mm512_maskz_loadu_epi8((uint64_t{1} << kBytes) - 1, packed + i));
      _mm512_storeu_si512(codes, x);
      if (kHasSum) sum_u64x8 = _mm512_add_epi64(sum_u64x8, code_sums(x));
    }
    const __m512i x = sextets(_mm512_and_si512(_mm512_maskz_loadu_epi8(last_mask_, packed + last_), valid_));
    _mm512_storeu_si512(codes, x);
    return kHasSum ? _mm512_add_epi64(sum_u64x8, code_sums(x)) : sum_u64x8;
  }
  static SMOOTHBIT_INLINE uint64_t add_lanes(__m512i u64x8) {
    const __m256i four = _mm256_add_epi64(_mm512_castsi512_si256(u64x8), _mm512_extracti64x4_epi64(u64x8, 1));
    const __m128i two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
    return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_add_epi64(two, _mm_unpackhi_epi64(two, two))));
  }
  SMOOTHBIT_INLINE __m512i sextets(__m512i x) const {
    const __m512i fields = _mm512_multishift_epi64_epi8(shifts_, _mm512_permutexvar_epi8(bytes_, x));
    return _mm512_and_si512(fields, _mm512_set1_epi8(63));
  }
  // The sum of the codes in each eight sextets, looked up.
  SMOOTHBIT_INLINE __m512i code_sums(__m512i sextets) const {
    return _mm512_sad_epu8(_mm512_permutexvar_epi8(sextets, sums_), _mm512_setzero_si512());
  }

  __m512i bytes_, shifts_, valid_;
  __m512i sums_;  // of the codes of a sextet
  int64_t last_;  // first of the last, partial kBytes of a row
  __mmask64 last_mask_;
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
