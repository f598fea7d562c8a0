// Rows of spmm by float arithmetic, AVX-512: packed codes, or float32 values.
#pragma once

#include <algorithm>

#include "../bytes.h"
#include "bytes_avx512.h"
#include "call_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

// One row by float arithmetic: dword i of a register of totals holds kFields fields of the row's dword i.
template <int kBits, int kParts>
class FloatRow {
 public:
  using Law = SimpleLawAvx512<kBits>;
  static constexpr int kWidth = kBits == 8 ? 16 : 8;  // bits of a field
  static constexpr int kFields = 32 / kWidth;
  static constexpr int kVectors = kTotals<kBits, kParts> * kFields;
  static constexpr int kTogether = kVectors < 4 ? kVectors : 4;
  // Vectors are the bytes 0, 2, 1, 3 of the dwords, and packing clips their codes.
  static constexpr bool kIsJoined = kBits == 8 && kParts == 1;

  // Sums of `total` as int32, vector after vector.
  template <int v = 0>
  static SMOOTHBIT_INLINE void widen(const __m512i* total, __m512i sums[kVectors]) {
    constexpr int kShift = v % kFields * kWidth;
    __m512i x = total[v / kFields];
    if constexpr (kShift > 0) x = _mm512_srli_epi32(x, kShift);
    if constexpr (kShift + kWidth < 32) x = _mm512_and_si512(x, _mm512_set1_epi32((1 << kWidth) - 1));
    sums[v] = x;
    if constexpr (v + 1 < kVectors) widen<v + 1>(total, sums);
  }

  // The same of 4-bit rows whose even bytes are `words` 0 and 1, for each plane, and odd bytes 2 and 3.
  template <int v = 0>
  static SMOOTHBIT_INLINE void widen_words(const __m512i words[4], __m512i sums[kVectors]) {
    const __m512i x = words[v / 4 + v % 2 * 2];
    sums[v] = v % 4 < 2 ? _mm512_and_si512(x, _mm512_set1_epi32(0xffff)) : _mm512_srli_epi32(x, 16);
    if constexpr (v + 1 < kVectors) widen_words<v + 1>(words, sums);
  }

  // One code in the place of every channel of a part.
  template <int v = 0>
  static SMOOTHBIT_INLINE __m512i repeat(int code) {
    const __m512i codes = shift_left<v>(_mm512_set1_epi32(code));
    if constexpr (v + 1 < kVectors) return _mm512_add_epi32(codes, repeat<v + 1>(code));
    else return codes;
  }

  // The packed codes of the vectors from v on; `codes` is the row's register of packed term codes.
  template <bool kHasTerm, int v = 0>
  static SMOOTHBIT_INLINE __m512i pack(const Law& law, const typename Law::Row& row, const __m512i sums[kVectors],
                                       __m512i codes, __m512i packed) {
    __m512i terms[kTogether], results[kTogether];
    shift_right_each<v>(codes, terms);
    law.template codes<kHasTerm, kTogether, !kIsJoined>(row, sums + v, terms, results);
    if constexpr (kIsJoined) return BytesAvx512::join(results, _mm512_and_si512(packed, _mm512_set1_epi16(255)));
    packed = _mm512_add_epi32(packed, shift_left_sum<v>(results));
    if constexpr (v + kTogether < kVectors) return pack<kHasTerm, v + kTogether>(law, row, sums, codes, packed);
    else return packed;
  }

 private:
  // By the bits below the channel of vector v in the row's dwords; that differs between parts.
  template <int v>
  static constexpr int kFirst = v % kFields * kWidth + v / kFields * kParts * kBits;
  template <int v>
  static SMOOTHBIT_INLINE __m512i part_shifts() {
    constexpr int a = kFirst<v>, b = a + kBits, c = b + kBits, d = c + kBits;
    if constexpr (kParts == 2) return _mm512_setr_epi32(a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b);
    else return _mm512_setr_epi32(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d);
  }
  template <int v>
  static SMOOTHBIT_INLINE __m512i shift_right(__m512i x) {
    return kParts == 1 ? _mm512_srli_epi32(x, kFirst<v>) : _mm512_srlv_epi32(x, part_shifts<v>());
  }
  template <int v>
  static SMOOTHBIT_INLINE __m512i shift_left(__m512i x) {
    return kParts == 1 ? _mm512_slli_epi32(x, kFirst<v>) : _mm512_sllv_epi32(x, part_shifts<v>());
  }
  // Of kTogether vectors, the first of which is v.
  template <int v, int i = 0>
  static SMOOTHBIT_INLINE void shift_right_each(__m512i x, __m512i* each) {
    each[i] = shift_right<v + i>(x);
    if constexpr (i + 1 < kTogether) shift_right_each<v, i + 1>(x, each);
  }
  template <int v, int i = 0>
  static SMOOTHBIT_INLINE __m512i shift_left_sum(const __m512i* each) {
    const __m512i x = shift_left<v + i>(each[i]);
    if constexpr (i + 1 == kTogether) {
      return x;
    } else {
      const __m512i others = shift_left_sum<v, i + 1>(each);
      return _mm512_add_epi32(x, others);
    }
  }
};

SMOOTHBIT_INLINE void widen_bytes_avx512(__m512i bytes, __m512i vectors_i32x16[4]) {
  vectors_i32x16[0] = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(bytes));
  vectors_i32x16[1] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 1));
  vectors_i32x16[2] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 2));
  vectors_i32x16[3] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(bytes, 3));
}

// The same in the order of the channels, for float32 output: vector v has channels 16 v .. of the registers' row.
template <int kBits, int kParts>
class Channels {
 public:
  static constexpr int kNumTotals = kTotals<kBits, kParts>;
  static constexpr bool kIsPossible = kNumTotals <= 2;
  static constexpr int kVectors = FloatRow<kBits, kParts>::kVectors;

  // Where the channels of each register are in the totals.
  Channels() {
    constexpr int kPlanes = PlanesAvx512<kBits>::kPlanes, kFields = 64 / (kBits == 8 ? 2 : 1);
    for (int j = 0; j < kNumTotals; ++j) {
      alignas(64) uint8_t bytes[64];
      alignas(64) uint16_t words[32];
      for (int i = 0; i < kFields; ++i) {
        const int channel = kFields * j + i, plane = channel % kPlanes;
        const int place = kFields * (plane / kParts) + kFields / kParts * (plane % kParts) + channel / kPlanes;
        if (kBits == 8) words[i] = static_cast<uint16_t>(place);
        else bytes[i] = static_cast<uint8_t>(place);
      }
      order_[j] = kBits == 8 ? _mm512_load_si512(words) : _mm512_load_si512(bytes);
    }
  }

  SMOOTHBIT_INLINE void widen(const __m512i* total, __m512i sums[kVectors]) const {
    widen_register<0>(total, sums);
    if constexpr (kNumTotals == 2) widen_register<1>(total, sums);
  }

  // Codes of 16 channels, each in the lowest bits of its lane.
  static SMOOTHBIT_INLINE __m512i codes(const uint8_t* bytes) {
    if constexpr (kBits == 8) {
      return _mm512_cvtepu8_epi32(load_16(bytes));
    } else if constexpr (kBits == 4) {
      // Lanes 8 to 15 use the upper half of the word.
      const __m512i word = _mm512_set1_epi64(static_cast<int64_t>(load_bytes(bytes, 8)));
      const __m512i halves = _mm512_permutexvar_epi32(
          _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), word);
      return _mm512_srlv_epi32(halves, _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28));
    } else {
      const __m512i word = _mm512_set1_epi32(static_cast<int>(load_bytes(bytes, 4)));
      return _mm512_srlv_epi32(word, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
    }
  }

 private:
  template <int j>
  SMOOTHBIT_INLINE void widen_register(const __m512i* total, __m512i sums[kVectors]) const {
    constexpr int kFirst = j * FloatRow<kBits, kParts>::kFields;
    if constexpr (kBits == 8) {
      const __m512i fields = kNumTotals == 1 ? _mm512_permutexvar_epi16(order_[j], total[0])
                                             : _mm512_permutex2var_epi16(total[0], order_[j], total[kNumTotals - 1]);
      sums[kFirst] = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(fields));
      sums[kFirst + 1] = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(fields, 1));
    } else {
      const __m512i fields = kNumTotals == 1 ? _mm512_permutexvar_epi8(order_[j], total[0])
                                             : _mm512_permutex2var_epi8(total[0], order_[j], total[kNumTotals - 1]);
      widen_bytes_avx512(fields, sums + kFirst);
    }
  }

  __m512i order_[kNumTotals];
};

// Codes, in the order of the dwords of a row.
template <int kBits, bool kHasTerm, class Rows>
struct PackedOutput {
  static constexpr bool kIsPacked = true;
  static constexpr int kParts = Rows::kParts;
  using Float = FloatRow<kBits, kParts>;
  using Row = typename SimpleLawAvx512<kBits>::Row;
  const Call<kBits, Rows>& call;

  SMOOTHBIT_INLINE void widen(const __m512i* total, __m512i sums[Float::kVectors]) const { Float::widen(total, sums); }
  SMOOTHBIT_INLINE void finish(const Row& constants, const __m512i* sums, int64_t row, int64_t byte) const {
    const __m512i codes = kHasTerm ? repeat_row<kParts>(call.term(0, row) + byte) : _mm512_setzero_si512();
    const __m512i packed = Float::template pack<kHasTerm>(call.law, constants, sums, codes, call.zero_points);
    store_union<kParts>(call.out(row) + byte, packed, call.valid_at(byte));
  }
  SMOOTHBIT_INLINE void end(int64_t row) const { call.clear_after(row); }
};

// The first `left` of 16 values, all where there are as many.
SMOOTHBIT_INLINE void store_values(float* out, int64_t left, __m512 y, bool is_streamed) {
  if (left <= 0) return;
  if (!is_streamed) {
    if (left >= 16) _mm512_storeu_ps(out, y);
    else _mm512_mask_storeu_ps(out, static_cast<__mmask16>((1u << left) - 1), y);
    return;
  }
  _mm256_stream_ps(out, _mm512_castps512_ps256(y));
  if (left >= 16) _mm256_stream_ps(out + 8, _mm256_castsi256_ps(_mm512_extracti64x4_epi64(_mm512_castps_si512(y), 1)));
}

// Float32 values, in the order of the channels.
template <int kBits, bool kHasTerm, class Rows>
struct FloatOutput {
  static constexpr bool kIsPacked = false;
  using Row = typename SimpleLawAvx512<kBits>::Row;
  using Order = Channels<kBits, Rows::kParts>;
  static constexpr int kVectors = Order::kVectors;
  static constexpr int kTogether = FloatRow<kBits, Rows::kParts>::kTogether;
  const Call<kBits, Rows>& call;
  Order channels;
  bool is_streamed;  // stored past the caches, which the values would only fill

  SMOOTHBIT_INLINE void widen(const __m512i* total, __m512i sums[kVectors]) const { channels.widen(total, sums); }
  SMOOTHBIT_INLINE void finish(const Row& constants, const __m512i* sums, int64_t row, int64_t byte) const {
    const int64_t first = byte * 8 / kBits, count = call.e.num_channels - first;
    float* out = call.e.out_floats(row) + first;
    const uint8_t* codes = kHasTerm ? call.term(0, row) + byte : nullptr;
    const __m512 factor = _mm512_set1_ps(call.e.output_row_scale ? call.e.output_row_scale[row] : 1.0f);
    for (int first_v = 0; first_v < kVectors && 16 * first_v < count; first_v += kTogether) {
      __m512i terms[kTogether];
      __m512 y[kTogether];
      for (int i = 0; kHasTerm && i < kTogether; ++i) terms[i] = channels.codes(codes + 2 * kBits * (first_v + i));
      call.law.template outputs<kHasTerm, kTogether>(constants, sums + first_v, terms, y);
      for (int i = 0; i < kTogether; ++i) {
        const int64_t done = 16 * (first_v + i);
        store_values(out + done, count - done, _mm512_mul_ps(y[i], factor), is_streamed);
      }
    }
  }
  SMOOTHBIT_INLINE void end(int64_t) const {}
};

// One register of every row, and the next one: entries [from, to), at most `kFlush`.
template <int kBits, int kRegisters, class Rows, class Output>
SMOOTHBIT_INLINE void gather(const Rows& rows, int64_t from, int64_t to, const Output& output,
                             __m512i (*sums)[FloatRow<kBits, Rows::kParts>::kVectors]) {
  constexpr int kParts = Rows::kParts;
  __m512i total[kTotals<kBits, kParts>];
  PlanesAvx512<kBits> planes;
  planes.start();
  if constexpr (kRegisters == 1) {
    if (from < to) planes.add(OneRow<Rows>(rows, from, to));
  } else {
    PlanesAvx512<kBits> next;
    next.start();
    for (int64_t entry = from; entry < to; ++entry) {
      rows.template prefetch<128>(entry);
      const uint8_t* row = rows.at(entry);
      planes.add_row(load_64(row));
      next.add_row(load_64(row + 64));
    }
    next.split();
    join_parts_avx512<kBits, kParts>(next, total);
    output.widen(total, sums[1]);
  }
  planes.split();
  join_parts_avx512<kBits, kParts>(planes, total);
  output.widen(total, sums[0]);
}

// Rows without a table are long, and bytes of 4 bits full after 17 entries: those of whole registers stay in words.
template <int kBits, class Rows, class Output>
constexpr bool kHasWords = kBits == 4 && Rows::kParts == 1 && Output::kIsPacked;
constexpr int64_t kMaxWordRows = 65535 / 15;

// The same of one register, at most kMaxWordRows.
template <class Rows>
SMOOTHBIT_INLINE void gather_words(const Rows& rows, int64_t from, int64_t to, __m512i sums[FloatRow<4, 1>::kVectors]) {
  __m512i words[4];
  for (__m512i& x : words) x = _mm512_setzero_si512();
  while (from < to) {
    PlanesAvx512<4> planes;
    planes.start();
    for (const int64_t end = std::min(from + PlanesAvx512<4>::kMaxRows, to); from < end; ++from) {
      rows.template prefetch<64>(from);
      planes.add_row(load_64(rows.at(from)));
    }
    planes.split();
    for (int k = 0; k < 2; ++k) {
      words[k] = _mm512_add_epi16(words[k], _mm512_and_si512(planes.plane[k], _mm512_set1_epi16(0xff)));
      words[k + 2] = _mm512_add_epi16(words[k + 2], _mm512_srli_epi16(planes.plane[k], 8));
    }
  }
  FloatRow<4, 1>::widen_words(words, sums);
}

// The registers of the row at `place` from `byte` on.
template <int kBits, int kRegisters, class Rows, class Output>
SMOOTHBIT_INLINE void float_registers(const Call<kBits, Rows>& call, const Output& output,
                                      const typename SimpleLawAvx512<kBits>::Row& constants, int64_t place,
                                      int64_t byte) {
  constexpr int kParts = Rows::kParts, kVectors = FloatRow<kBits, kParts>::kVectors;
  constexpr bool kIsOfWords = kHasWords<kBits, Rows, Output>;
  constexpr int64_t kFlush = kIsOfWords ? kMaxWordRows : PlanesAvx512<kBits>::kMaxRows / kParts * kParts;
  const int64_t row = call.row_at(place), begin = call.indptr[place], end = call.indptr[place + 1];
  Rows rows = call.rows;
  rows.source += byte;
  const auto add_up = [&](int64_t from, int64_t to, auto* totals) {
    if constexpr (kIsOfWords) gather_words(rows, from, to, totals[0]);
    else gather<kBits, kRegisters>(rows, from, to, output, totals);
  };
  __m512i sums[kRegisters][kVectors];
  add_up(begin, std::min(begin + kFlush, end), sums);
  for (int64_t from = begin + kFlush; from < end; from += kFlush) {
    __m512i more[kRegisters][kVectors];
    add_up(from, std::min(from + kFlush, end), more);
    for (int r = 0; r < kRegisters; ++r)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_add_epi32(sums[r][v], more[r][v]);
  }
  output.finish(constants, sums[0], row, byte);
  if constexpr (kRegisters == 2) output.finish(constants, sums[1], row, byte + 64);
}

// kParts places of one length that need no flush.
template <int kBits, bool kHasTerm, class Rows, class Output>
SMOOTHBIT_INLINE void float_neighbours(const Call<kBits, Rows>& call, const Output& output,
                                       const float* row_terms, int64_t place) {
  constexpr int kParts = Rows::kParts;
  PlanesAvx512<kBits> planes;
  planes.start();
  planes.add(Neighbours<Rows>{call.rows, call.indptr[place], call.length(place)});
  planes.split();
  __m512i totals[kParts][kTotals<kBits, kParts>];
  split_rows_avx512<kBits, kParts>(planes, totals);
  for (int p = 0; p < kParts; ++p) {
    __m512i sums[FloatRow<kBits, kParts>::kVectors];
    output.widen(totals[p], sums);
    const int64_t row = call.row_at(place + p);
    output.finish(call.law.template row<kHasTerm>(row, row_terms ? row_terms[row] : 0.0f), sums, row, 0);
    output.end(row);
  }
}

template <int kBits, bool kHasTerm, class Rows, class Output>
__attribute__((noinline)) void float_rows(const Call<kBits, Rows>& call, const Output& output,
                                          int64_t place, int64_t end) {
  constexpr int kParts = Rows::kParts;
  const float* row_terms = call.e.col_term ? call.e.row_term : nullptr;
  const int64_t last = kParts > 1 ? 0 : call.last, begin = place;
  for (; place < end; ++place) {
    if constexpr (kParts > 1) {
      // The last places of a length share their register with some that are done before.
      const int64_t next = call.equal_lengths(place, std::min(place + kParts, end));
      if (next - kParts >= begin && call.has_equal_lengths(next - kParts, PlanesAvx512<kBits>::kMaxRows)) {
        call.template prefetch_places<kParts>(place);
        float_neighbours<kBits, kHasTerm>(call, output, row_terms, next - kParts);
        place = next - 1;
        continue;
      }
    }
    const int64_t row = call.row_at(place);
    call.template prefetch_places<1>(place);
    const auto constants = call.law.template row<kHasTerm>(row, row_terms ? row_terms[row] : 0.0f);
    int64_t byte = 0;
    if constexpr (kBits == 8 && kParts == 1)
      for (; byte < last; byte += 128) float_registers<kBits, 2>(call, output, constants, place, byte);
    for (; byte <= last; byte += 64) float_registers<kBits, 1>(call, output, constants, place, byte);
    output.end(row);
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
