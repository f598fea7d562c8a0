// Rows of 1 bit that have a table of thresholds, or become float32 values, AVX-512.
//
// Sums are never numbers: bit i of the sums of 512 channels is one register, a slice (slices.h).
//
// The slices of kParts entries of one row, which share a register, are added up afterwards. For float32 values the 64 bits of
// a slice that belong to 64 channels are a mask, under which its weight is added to bytes in the order of the channels.
#pragma once

#include <type_traits>

#include "call_avx512.h"
#include "float_avx512.h"
#include "groups_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
#include "slices.h"

namespace smoothbit {
namespace {

struct BitsAvx512 {
  using Vector = __m512i;
  static SMOOTHBIT_INLINE __m512i repeat(int x) { return _mm512_set1_epi32(x); }
  static SMOOTHBIT_INLINE __m512i subtract(__m512i a, __m512i b) { return _mm512_sub_epi32(a, b); }
  static SMOOTHBIT_INLINE __m512i bit(__m512i x, int i) { return _mm512_and_si512(_mm512_srli_epi32(x, i), repeat(1)); }
  static SMOOTHBIT_INLINE __m512i parity(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
  static SMOOTHBIT_INLINE __m512i majority(__m512i a, __m512i b, __m512i c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }
  template <int kDistance>
  static SMOOTHBIT_INLINE __m512i move(__m512i x) {
    static_assert(kDistance == 1 || kDistance == 2, "four parts");
    return _mm512_shuffle_i64x2(x, x, kDistance == 1 ? 0xb1 : 0x4e);
  }
};

// A row of slices has no planes.
template <int kParts>
struct Parts<1, kParts> {};

// Adds up what the parts have counted.
template <int kParts, class Sums>
SMOOTHBIT_INLINE void join_parts(Sums& sums) {
  if constexpr (kParts == 4) sums.template join<1>();
  if constexpr (kParts >= 2) sums.template join<2>();
}

// One row.
template <int kSlices, int kTerms, class Rows>
__attribute__((noinline)) void bit_row(const Call<1, Rows>& call, const ThresholdTable& table, int64_t place) {
  constexpr int kParts = Rows::kParts;
  const int64_t row = call.row_at(place);
  const CountBits<BitsAvx512, kSlices, kTerms> codes(table);
  const __m512i is_first_part = _mm512_maskz_set1_epi64(0xff >> (8 - 8 / kParts), -1);
  call.template prefetch_places<1>(place);
  for (int64_t byte = 0;; byte += 64) {
    const Rows rows{call.rows.source + byte, call.rows.entries};
    const __m512i terms = kTerms ? repeat_row<kParts>(call.term(0, row) + byte) : _mm512_setzero_si512();
    Slices<BitsAvx512, kSlices> sums = codes.start(&terms, is_first_part);
    sums.add_list(OneRow<Rows>(rows, call.indptr[place], call.indptr[place + 1]));
    join_parts<kParts>(sums);
    store_union<kParts>(call.out(row) + byte, sums.passed, call.valid_at(byte));
    if (kParts > 1 || byte == call.last) break;
  }
  call.clear_after(row);
}

// Finishes kParts places that differ in length, and returns whether it has: if all have tables, and about as many entries.
template <int kTerms, class Rows>
__attribute__((noinline)) bool bit_group(const Call<1, Rows>& call, int64_t place) {
  constexpr int kParts = Rows::kParts;
  const ThresholdTable* tables[kParts];
  if (!Group<Rows>::find_tables(call, place, tables)) return false;
  const auto thresholds = [&tables](int code) {
    const auto of_part = [&](int p) { return bit_threshold(*tables[p % kParts], code); };
    return Group<Rows>::repeat_32(_mm_setr_epi32(of_part(0), of_part(1), of_part(2), of_part(3)));
  };
  with_slices(call.length(place), [&](auto slices) {
    const CountBits<BitsAvx512, decltype(slices)::value, kTerms> codes(thresholds);
    Places<kTerms, Rows>(call).finish(call, place, Group<Rows>(call.rows, call.indptr + place, call.length(place)), codes);
  });
  return true;
}

template <int kTerms, class Rows>
void bit_rows(const Call<1, Rows>& call, SpmmKernel other, int64_t place, int64_t end) {
  constexpr int kParts = Rows::kParts;
  const bool has_groups = kParts > 1 && call.args.factors_follow_length;
  while (place < end) {
    const ThresholdTable* table = call.table(place);
    if (!table) {
      const int64_t next = call.after_long_rows(place, end);
      other(call.args, place, next);
      place = next;
      continue;
    }
    int64_t run = call.last == 0 ? call.run(place, end) : 1;
    if (run >= kParts && run > 1 && call.has_factors(*table, place, place + run)) {
      if (has_groups) run -= run % kParts;
      with_slices(call.length(place), [&](auto slices) {
        neighbours<1, kTerms>(call, place, place + run, CountBits<BitsAvx512, decltype(slices)::value, kTerms>(*table));
      });
      place += run;
      continue;
    }
    if constexpr (kParts > 1) {
      if (has_groups && place + kParts <= end && bit_group<kTerms>(call, place)) {
        place += kParts;
        continue;
      }
    }
    with_slices(call.length(place), [&](auto slices) { bit_row<decltype(slices)::value, kTerms>(call, *table, place); });
    ++place;
  }
}

constexpr int kBitChannels = 512;  // of a register

// Sums of entries [from, to), fewer than 2^kSlices, of the channels of a register; added to those that are there unless
// `is_first`. Of those, `count` are wanted.
template <int kSlices, class Rows>
SMOOTHBIT_INLINE void bit_sums(const Rows& rows, int64_t from, int64_t to, bool is_first, int64_t count, int32_t* sums) {
  constexpr int kParts = Rows::kParts;
  Slices<BitsAvx512, kSlices> slices;
  slices.clear();
  if (from < to) slices.add_list(OneRow<Rows>(rows, from, to));
  join_parts<kParts>(slices);
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
    const Rows rows{call.rows.source + first / 8, call.rows.entries};
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
    call.template prefetch_places<1>(place);
    bit_row_values<kHasTerm>(call, is_streamed, place);
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
