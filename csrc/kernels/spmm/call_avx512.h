// What the rows of one call of spmm share, AVX-512.
#pragma once

#include <algorithm>
#include <cstring>

#include "../epilogue/simple_avx512.h"
#include "places_ahead.h"
#include "search_avx512.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

// Of rows of one length that are not taken one by one.
template <int kParts>
constexpr int64_t kShortestRun = kParts == 2 ? 2 : 4;

// What does not change within a call.
template <int kBits, class Rows>
struct Call {
  static constexpr int kParts = Rows::kParts;
  const SpmmArgs& args;
  const Epilogue& e;
  const int64_t* indptr;      // of the places
  const int32_t* place_rows;  // row of each place, or null
  PlacesAhead ahead;          // of the places that are finished here
  bool has_tables;
  int64_t last;         // first byte of the last register of a row
  __m512i valid;        // bits of that register that are codes
  __m512i zero_points;  // of the codes of a part, where they are packed
  Rows rows;
  SimpleLawAvx512<kBits> law;
  Parts<kBits, kParts> parts;

  SMOOTHBIT_INLINE const uint8_t* term(int t, int64_t row) const { return ahead.term(t, row); }
  SMOOTHBIT_INLINE int64_t row_at(int64_t place) const { return place_rows ? place_rows[place] : place; }
  // At kCount places. What fits the second-level cache is not asked for.
  template <int kCount>
  SMOOTHBIT_INLINE void prefetch_places(int64_t place) const {
    if constexpr (Rows::kIsPrefetched) ahead.template prefetch<kCount>(place);
  }
  SMOOTHBIT_INLINE uint8_t* out(int64_t row) const { return ahead.out(row); }
  SMOOTHBIT_INLINE int64_t length(int64_t place) const { return indptr[place + 1] - indptr[place]; }
  SMOOTHBIT_INLINE __m512i valid_at(int64_t byte) const {
    return kParts > 1 || byte == last ? valid : bytes_avx512(-1);
  }
  SMOOTHBIT_INLINE void clear_after(int64_t row) const {
    const int64_t end = (kParts > 1 ? 0 : last) + kPartBytes<kParts>;
    if (end < e.out_stride) std::memset(out(row) + end, 0, static_cast<size_t>(e.out_stride - end));
  }
  // Whether places place .. place + kParts - 1 are all as long, from 1 to `most` entries.
  SMOOTHBIT_INLINE bool has_equal_lengths(int64_t place, int64_t most) const {
    const int64_t first = length(place);
    bool is_equal = first > 0 && first <= most;
    for (int p = 1; p < kParts; ++p) is_equal &= length(place + p) == first;
    return is_equal;
  }
  // The first place of (place, end] that is `end` or has another length than `place`.
  SMOOTHBIT_INLINE int64_t equal_lengths(int64_t place, int64_t end) const {
    int64_t next = place + 1;
    while (next < end && length(next) == length(place)) ++next;
    return next;
  }
  // The table of the row at `place`, or null: `find` makes it when its length has been met often.
  SMOOTHBIT_INLINE const ThresholdTable* table(int64_t place) const {
    const int64_t count = length(place);
    return count == 0 || is_too_long(count) ? nullptr : e.thresholds->find(e, row_at(place), count);
  }
  // Whether no row of `count` entries has a table. Words are for rows of one register.
  SMOOTHBIT_INLINE bool is_too_long(int64_t count) const {
    return count > (last ? ThresholdCache::max_length(kBits) : ThresholdCache::max_word_length(kBits));
  }
  // The place after one without a table, and after all that follow and are too long for any. These read their own factors,
  // for which nobody has asked where lengths tell those of others: now the first ones are asked for, the rest ahead.
  int64_t after_long_rows(int64_t place, int64_t end) const {
    int64_t next = place + 1;
    while (next < end && is_too_long(length(next))) ++next;
    if (Rows::kIsPrefetched && place_rows)
      for (int64_t i = place; i < std::min(next, place + PlacesAhead::kPlaces); ++i) ahead.prefetch_factors(place_rows[i]);
    return next;
  }
  // Whether kCount places, 2 or 4 and all there, have `length`.
  template <int kCount>
  SMOOTHBIT_INLINE bool have_length(int64_t place, int64_t length) const {
    const int64_t* at = indptr + place;
    if constexpr (kCount == 2) return at[1] - at[0] == length && at[2] - at[1] == length;
    return _mm256_cmpneq_epi64_mask(_mm256_sub_epi64(load_32(at + 1), load_32(at)), _mm256_set1_epi64x(length)) == 0;
  }
  // Places from `place` on that have its length, at most up to `end`.
  SMOOTHBIT_INLINE int64_t run(int64_t place, int64_t end) const {
    const __m512i count = _mm512_set1_epi64(length(place));
    const auto others = [&](int64_t i) {
      return static_cast<unsigned>(
          _mm512_cmpneq_epi64_mask(_mm512_sub_epi64(load_64(indptr + i + 1), load_64(indptr + i)), count));
    };
    int64_t next = place + 1;
    for (; next + 16 <= end; next += 16) {
      const unsigned found = others(next) | others(next + 8) << 8;
      if (found) return next - place + __builtin_ctz(found);
    }
    return equal_lengths(next - 1, end) - place;
  }
  // Whether the rows at places [place, end), of one length, have the factors of the table, as the first one has.
  SMOOTHBIT_INLINE bool has_factors(const ThresholdTable& table, int64_t place, int64_t end) const {
    if (args.factors_follow_length) return true;
    return ThresholdCache::has_factors(table.factors, e, [this, place, end](const float* values, float value) {
      const __m512 expected = _mm512_set1_ps(value);
      int64_t i = place;
      for (; values && !place_rows && i + 16 <= end; i += 16)
        if (_mm512_cmp_ps_mask(_mm512_loadu_ps(values + i), expected, _CMP_NEQ_UQ)) return false;
      for (; values && i < end; i += 16) {
        const __mmask16 there = static_cast<__mmask16>(end - i < 16 ? (1 << (end - i)) - 1 : 0xffff);
        const __m512 x =
            place_rows ? _mm512_mask_i32gather_ps(expected, there, _mm512_maskz_loadu_epi32(there, place_rows + i), values,
                                                  sizeof(float))
                       : _mm512_mask_loadu_ps(expected, there, values + i);
        if (_mm512_cmp_ps_mask(x, expected, _CMP_NEQ_UQ)) return false;
      }
      return true;
    });
  }
};

// What kParts places of a register read and write besides entries, held by value so that no store makes the compiler read
// it again.
template <int kTerms, class Rows>
class Places {
 public:
  template <int kBits>
  explicit Places(const Call<kBits, Rows>& call)
      : rows_(call.place_rows), out_(call.out(0)), out_stride_(call.e.out_stride),
        last_begin_(call.ahead.end - kParts - PlacesAhead::kPlaces),
        has_factors_(call.args.factors_follow_length), valid_(call.valid) {
    for (int t = 0; t < kTerms; ++t) {
      terms_[t] = call.term(t, 0);
      term_strides_[t] = call.e.terms[t].stride;
    }
  }

  // Finishes places place .. place + kParts - 1. codes(entries of a register, packed codes of its terms) are packed output
  // codes; held by value too.
  template <int kBits, class List, class Codes>
  SMOOTHBIT_INLINE void finish(const Call<kBits, Rows>& call, int64_t place, const List& list, const Codes codes) const {
    prefetch(call, place);
    __m512i terms[2];
    for (int t = 0; t < kTerms; ++t) terms[t] = terms_of(t, place);
    store(place, codes(list, terms));
  }

 private:
  static constexpr int kParts = Rows::kParts;
  static constexpr int64_t kBytes = kPartBytes<kParts>;

  SMOOTHBIT_INLINE int64_t row_at(int64_t place) const { return rows_ ? rows_[place] : place; }
  // As Call::prefetch_places, but factors only where they are looked at.
  template <int kBits>
  SMOOTHBIT_INLINE void prefetch(const Call<kBits, Rows>& call, int64_t place) const {
    if (!Rows::kIsPrefetched || !rows_) return;
    if (place > last_begin_) return;
    for (int p = 0; p < kParts; ++p) {
      const int64_t next = rows_[place + PlacesAhead::kPlaces + p];
      for (int t = 0; t < kTerms; ++t) prefetch_row(terms_[t] + next * term_strides_[t]);
      prefetch_row(out_ + next * out_stride_);
      if (!has_factors_) call.ahead.prefetch_factors(next);
    }
  }
  // Codes of a term.
  SMOOTHBIT_INLINE __m512i terms_of(int t, int64_t place) const {
    if (!rows_ && term_strides_[t] == kBytes) return load_64(terms_[t] + place * kBytes);
    return join_rows<kParts>([&](int p) { return terms_[t] + row_at(place + p) * term_strides_[t]; });
  }
  SMOOTHBIT_INLINE void store(int64_t place, __m512i codes) const {
    codes = _mm512_and_si512(codes, valid_);
    if (!rows_ && out_stride_ == kBytes) return _mm512_storeu_si512(out_ + place * kBytes, codes);
    const auto at = [&](int p) { return out_ + row_at(place + p) * out_stride_; };
    if constexpr (kParts == 1) _mm512_storeu_si512(at(0), codes);
    else store_parts<kParts>(codes, at);
    if (kBytes < out_stride_)
      for (int p = 0; p < kParts; ++p) std::memset(at(p) + kBytes, 0, static_cast<size_t>(out_stride_ - kBytes));
  }

  const int32_t* rows_;  // of the places, or null
  const uint8_t* terms_[kTerms ? kTerms : 1];
  int64_t term_strides_[kTerms ? kTerms : 1];
  uint8_t* out_;
  int64_t out_stride_, last_begin_;
  bool has_factors_;  // that are the same for all rows of one length
  __m512i valid_;
};

// Places [place, end), at least kParts, of one length, rows of one register. The last ones share their register with
// some that are done before.
template <int kBits, int kTerms, class Rows, class Codes>
__attribute__((noinline)) void neighbours(const Call<kBits, Rows>& call, int64_t place, int64_t end,
                                          const Codes codes) {
  constexpr int kParts = Rows::kParts;
  const Places<kTerms, Rows> places(call);
  Neighbours<Rows> list{call.rows, call.indptr[place], call.length(place)};
  for (;;) {
    places.finish(call, place, list, codes);
    place += kParts;
    list.begin += kParts * list.count;
    if (place + kParts <= end) continue;
    if (place == end) break;
    place = end - kParts;
    list.begin = call.indptr[place];
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
