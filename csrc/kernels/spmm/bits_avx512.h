// Rows of 1 bit that have a table of thresholds, or become float32 values, AVX-512.
//
// Sums are never numbers: bit i of the sums of 512 channels is one register, a slice, and entries are counted by
// carry-save addition. Three slices of one weight become two by two operations:
//
//     a + b + c = parity(a, b, c) + 2 majority(a, b, c)
//
// so that four entries take six operations for their ones, twos and fours, and one for each weight above. A sum has a
// threshold (epilogue/thresholds.h), whose bits are the same for all channels: from the lowest bit up,
//
//     sum >= T   is   sum_i and (what the lower bits say)   where bit i of T is 1
//                     sum_i or  (what the lower bits say)   where it is 0
//
// which is one majority for each bit. The result is a row of packed codes, in the order of the channels.
//
// The slices of kParts entries of one row, which share a register, are added up afterwards. For float32 values the 64 bits of
// a slice that belong to 64 channels are a mask, under which its weight is added to bytes in the order of the channels.
#pragma once

#include <type_traits>

#include "call_avx512.h"
#include "float_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m512i parity(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
SMOOTHBIT_INLINE __m512i majority(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }

// A row of slices has no planes.
template <int kParts>
struct Parts<1, kParts> {};

// Sums below 2^kSlices, one for each bit of a register.
template <int kSlices>
struct Slices {
  __m512i slice[kSlices];

  SMOOTHBIT_INLINE void start(__m512i x) {
    slice[0] = x;
    for (int i = 1; i < kSlices; ++i) slice[i] = _mm512_setzero_si512();
  }
  // Adds one register of weight 2^kFrom.
  template <int kFrom>
  SMOOTHBIT_INLINE void carry(__m512i x) {
    for (int i = kFrom; i < kSlices; ++i) {
      const __m512i next = _mm512_and_si512(slice[i], x);
      slice[i] = _mm512_xor_si512(slice[i], x);
      x = next;
    }
  }
  // Adds two registers of weight 2^kAt, and returns what is carried.
  template <int kAt>
  SMOOTHBIT_INLINE __m512i add_two(__m512i a, __m512i b) {
    const __m512i carried = majority(slice[kAt], a, b);
    slice[kAt] = parity(slice[kAt], a, b);
    return carried;
  }
  template <class List>
  SMOOTHBIT_INLINE void add(const List& list) {
    start(list.first());
    int64_t i = 1;
    for (; i + 4 <= list.count; i += 4) {
      const __m512i low = add_two<0>(list.x(i), list.x(i + 1)), high = add_two<0>(list.x(i + 2), list.x(i + 3));
      carry<2>(add_two<1>(low, high));
    }
    for (; i < list.count; ++i) carry<0>(list.x(i));
  }
  // Adds what part p ^ kDistance has to part p.
  template <int kDistance>
  SMOOTHBIT_INLINE void join() {
    __m512i carried = _mm512_setzero_si512();
    for (int i = 0; i < kSlices; ++i) {
      const __m512i other = _mm512_shuffle_i64x2(slice[i], slice[i], kDistance == 2 ? 0x4e : 0xb1);
      const __m512i sum = parity(slice[i], other, carried);
      carried = majority(slice[i], other, carried);
      slice[i] = sum;
    }
  }
};

// The threshold of a table for each code of a term, bit by bit: all ones where the bit is 0.
template <int kSlices, int kTerms>
struct Bounds {
  __m512i is_zero[1 + kTerms][kSlices];

  SMOOTHBIT_INLINE explicit Bounds(const ThresholdTable& table) {
    for (int code = 0; code <= kTerms; ++code) {
      const int threshold = table.at[code] + ThresholdTable::kBias + 1;
      for (int i = 0; i < kSlices; ++i) is_zero[code][i] = _mm512_set1_epi32((threshold >> i & 1) - 1);
    }
  }
  SMOOTHBIT_INLINE __m512i reached(const Slices<kSlices>& sums, int code) const {
    __m512i reached = bytes_avx512(-1);
    for (int i = 0; i < kSlices; ++i) reached = majority(sums.slice[i], reached, is_zero[code][i]);
    return reached;
  }
  // Packed output codes; `terms` are packed codes.
  SMOOTHBIT_INLINE __m512i codes(const Slices<kSlices>& sums, __m512i terms) const {
    const __m512i zero = reached(sums, 0);
    if constexpr (kTerms == 0) return zero;
    else return select_avx512(terms, reached(sums, kTerms), zero);
  }
};

// What becomes of the entries of neighbours and the codes of their terms.
template <int kSlices, int kTerms>
struct CountBits {
  const Bounds<kSlices, kTerms> bounds;
  template <class List>
  SMOOTHBIT_INLINE __m512i operator()(const List& list, const __m512i* terms) const {
    Slices<kSlices> sums;
    sums.add(list);
    return bounds.codes(sums, kTerms ? terms[0] : _mm512_setzero_si512());
  }
};

// One row.
template <int kSlices, int kTerms, class Rows>
__attribute__((noinline)) void bit_row(const Call<1, Rows>& call, const ThresholdTable& table, int64_t place) {
  constexpr int kParts = Rows::kParts;
  const int64_t row = call.row_at(place);
  const Bounds<kSlices, kTerms> bounds(table);
  call.prefetch_next_block(place);
  for (int64_t byte = 0;; byte += 64) {
    const Rows rows{call.rows.source + byte, call.rows.entries, call.rows.row_stride};
    Slices<kSlices> sums;
    sums.add(OneRow<Rows>(rows, call.indptr[place], call.indptr[place + 1]));
    if constexpr (kParts == 4) sums.template join<1>();
    if constexpr (kParts >= 2) sums.template join<2>();
    const __m512i terms = kTerms ? repeat_row<kParts>(call.term(0, row) + byte) : _mm512_setzero_si512();
    store_union<kParts>(call.out(row) + byte, bounds.codes(sums, terms), call.valid_at(byte));
    if (kParts > 1 || byte == call.last) break;
  }
  call.clear_after(row);
}

// Calls act(slices of sums of `length` entries, which are less than a threshold that none reaches).
template <class Act>
SMOOTHBIT_INLINE void with_slices(int64_t length, const Act& act) {
  if (length < 7) return act(std::integral_constant<int, 3>());
  if (length < 15) return act(std::integral_constant<int, 4>());
  if (length < 31) return act(std::integral_constant<int, 5>());
  if (length < 63) return act(std::integral_constant<int, 6>());
  act(std::integral_constant<int, 8>());
}

template <int kTerms, class Rows>
void bit_rows(const Call<1, Rows>& call, SpmmKernel other, int64_t place, int64_t end) {
  while (place < end) {
    const ThresholdTable* table = call.table(place);
    if (!table) {
      const int64_t next = call.after_long_rows(place, end);
      other(call.args, place, next);
      place = next;
      continue;
    }
    const int64_t run = call.last == 0 ? call.run(place, end) : 1;
    const bool is_run = run >= Rows::kParts && run > 1 && call.has_factors(*table, place, place + run);
    with_slices(call.length(place), [&](auto slices) {
      constexpr int kSlices = decltype(slices)::value;
      if (is_run) neighbours<1, kTerms>(call, place, place + run, CountBits<kSlices, kTerms>{Bounds<kSlices, kTerms>(*table)});
      else bit_row<kSlices, kTerms>(call, *table, place);
    });
    place += is_run ? run : 1;
  }
}

constexpr int kBitChannels = 512;  // of a register

// Sums of entries [from, to), fewer than 2^kSlices, of the channels of a register; added to those that are there unless
// `is_first`. Of those, `count` are wanted.
template <int kSlices, class Rows>
SMOOTHBIT_INLINE void bit_sums(const Rows& rows, int64_t from, int64_t to, bool is_first, int64_t count, int32_t* sums) {
  constexpr int kParts = Rows::kParts;
  Slices<kSlices> slices;
  if (from < to) slices.add(OneRow<Rows>(rows, from, to));
  else slices.start(_mm512_setzero_si512());
  if constexpr (kParts == 4) slices.template join<1>();
  if constexpr (kParts >= 2) slices.template join<2>();
  alignas(64) uint64_t bits[kSlices][8];
  for (int i = 0; i < kSlices; ++i) _mm512_store_si512(bits[i], slices.slice[i]);
  for (int64_t lane = 0; 64 * lane < count; ++lane) {
    __m512i bytes = _mm512_setzero_si512();
    for (int i = 0; i < kSlices; ++i)
      bytes = _mm512_or_si512(bytes, _mm512_maskz_mov_epi8(bits[i][lane], bytes_avx512(1 << i)));
    __m512i more[4];
    widen_bytes_avx512(bytes, more);
    for (int v = 0; v < 4; ++v) {
      int32_t* at = sums + 64 * lane + 16 * v;
      _mm512_store_si512(at, is_first ? more[v] : _mm512_add_epi32(more[v], _mm512_load_si512(at)));
    }
  }
}

// The float32 values of one row.
template <bool kHasTerm, class Rows>
SMOOTHBIT_INLINE void bit_row_values(const Call<1, Rows>& call, bool is_streamed, int64_t place) {
  constexpr int64_t kFlush = 252;  // whole registers of rows
  const int64_t row = call.row_at(place), begin = call.indptr[place], end = call.indptr[place + 1];
  const float row_term = call.e.col_term && call.e.row_term ? call.e.row_term[row] : 0.0f;
  const auto constants = call.law.template row<kHasTerm>(row, row_term);
  const __m512 factor = _mm512_set1_ps(call.e.output_row_scale ? call.e.output_row_scale[row] : 1.0f);
  const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  float* out = call.e.out_floats(row);
  alignas(64) int32_t sums[kBitChannels];
  for (int64_t first = 0; first < call.e.num_channels; first += kBitChannels) {
    const Rows rows{call.rows.source + first / 8, call.rows.entries, call.rows.row_stride};
    const int64_t count = std::min<int64_t>(kBitChannels, call.e.num_channels - first);
    const uint8_t* codes = kHasTerm ? call.term(0, row) + first / 8 : nullptr;
    if (end - begin < 16) bit_sums<4>(rows, begin, end, true, count, sums);
    else if (end - begin < 64) bit_sums<6>(rows, begin, end, true, count, sums);
    else bit_sums<8>(rows, begin, std::min(begin + kFlush, end), true, count, sums);
    for (int64_t from = begin + kFlush; from < end; from += kFlush)
      bit_sums<8>(rows, from, std::min(from + kFlush, end), false, count, sums);
    for (int64_t c = 0; c < count; c += 64) {
      const uint64_t word = kHasTerm ? load_bytes(codes + c / 8, 8) : 0;
      __m512i terms[4], of_channels[4];
      __m512 y[4];
      for (int v = 0; v < 4; ++v) {
        terms[v] = _mm512_srlv_epi32(_mm512_set1_epi32(static_cast<int>(word >> (16 * v))), places);
        of_channels[v] = _mm512_load_si512(sums + c + 16 * v);
      }
      call.law.template outputs<kHasTerm, 4>(constants, of_channels, terms, y);
      for (int v = 0; v < 4; ++v)
        store_values(out + first + c + 16 * v, count - c - 16 * v, _mm512_mul_ps(y[v], factor), is_streamed);
    }
  }
}

template <bool kHasTerm, class Rows>
__attribute__((noinline)) void bit_values(const Call<1, Rows>& call, bool is_streamed, int64_t place, int64_t end) {
  for (; place < end; ++place) {
    call.prefetch_next_block(place);
    bit_row_values<kHasTerm>(call, is_streamed, place);
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
