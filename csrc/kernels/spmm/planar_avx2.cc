// spmm of 1-, 2- and 4-bit rows whose epilogue is a table of thresholds, AVX2.
//
// Sums never leave the planes they are gathered in (planes_avx2.h): nothing is turned into channel order, and
// nothing is wider than a byte. At 2 bits, for the 128 channels of one register:
//
//     byte j of a row     | c[4j+3] c[4j+2] c[4j+1] c[4j] |
//     plane k, byte j     sum of c[4j+k] over the row's entries, minus 127
//     term codes          (z >> 2k) & 3 picks T1, T2, T3 of each lane: three byte shuffles
//     code                -(sum > T1') - (sum > T2') - (sum > T3')
//     output byte j       code0 + 4 code1 + 16 code2 + 64 code3
//
// At 1 bit sums are not even bytes, but registers of one bit for each channel (slices.h).
//
// Rows of more than 16 bytes go through one register at a time. Of shorter rows, two output rows share a
// register, the upper half the later one. Neighbouring rows of one length (a graph in degree order has long
// runs of them) are done in a loop of their own: one table, no branch that depends on the row.
#if defined(__x86_64__)
#include <algorithm>
#include <memory>
#include <type_traits>

#include "../bytes.h"
#include "../epilogue/avx2.h"
#include "../epilogue/thresholds.h"
#include "bits_avx2.h"
#include "places_ahead.h"
#include "planar.h"
#include "planes_avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
#include "pieces.h"

namespace smoothbit {
namespace {

// The tables of the rows in the two halves of a register.
template <int kBits>
struct Thresholds {
  static constexpr int kCount = (1 << kBits) - 1;
  const __m128i* low;
  const __m128i* high;

  SMOOTHBIT_INLINE Thresholds(const ThresholdTable& low, const ThresholdTable& high)
      : low(reinterpret_cast<const __m128i*>(low.at)), high(reinterpret_cast<const __m128i*>(high.at)) {}
  SMOOTHBIT_INLINE __m256i at(int t) const {
    return _mm256_set_m128i(_mm_load_si128(high + t), _mm_load_si128(low + t));
  }
};
// The same table for both: at most three thresholds stay in registers, more are read where they are compared with.
template <int kBits>
struct OneTable {
  static constexpr int kCount = (1 << kBits) - 1;
  const __m128i* lanes;
  __m256i held[kCount <= 3 ? kCount : 1];

  SMOOTHBIT_INLINE explicit OneTable(const ThresholdTable& table) : lanes(reinterpret_cast<const __m128i*>(table.at)) {
    for (int t = 0; kCount <= 3 && t < kCount; ++t) held[t] = read(t);
  }
  SMOOTHBIT_INLINE __m256i read(int t) const { return _mm256_broadcastsi128_si256(_mm_load_si128(lanes + t)); }
  SMOOTHBIT_INLINE __m256i at(int t) const {
    if constexpr (kCount <= 3) return held[t];
    else return read(t);
  }
};

// Codes of the terms, `kTerms` registers, as shuffle indices of plane k: bits 4 to 6 do not count.
template <int kBits, int kTerms>
SMOOTHBIT_INLINE __m256i term_index(const __m256i terms[2], int k) {
  if constexpr (kTerms == 0) return _mm256_setzero_si256();
  if constexpr (kBits == 2 && kTerms == 1) {
    // Half of the planes have their codes in the lower nibbles, the others in the upper ones of the same registers.
    const __m256i lower = _mm256_and_si256(_mm256_srli_epi16(terms[0], k % 2 * 2), bytes_avx2(0x33));
    return k < 2 ? lower : _mm256_srli_epi16(lower, 4);
  }
  const __m256i mask = bytes_avx2((1 << kBits) - 1);
  const __m256i first = _mm256_and_si256(_mm256_srli_epi16(terms[0], k * kBits), mask);
  if constexpr (kTerms < 2) return first;
  const int up = (k - 1) * kBits;  // second codes one place above the first ones
  const __m256i second = up >= 0 ? _mm256_srli_epi16(terms[1], up) : _mm256_slli_epi16(terms[1], kBits);
  return _mm256_or_si256(first, _mm256_and_si256(second, _mm256_slli_epi16(mask, kBits)));
}

template <int t = 0, class Thresholds>
SMOOTHBIT_INLINE __m256i count_reached(__m256i sums, const Thresholds& thresholds, __m256i index, __m256i negative) {
  negative = _mm256_add_epi8(negative, _mm256_cmpgt_epi8(sums, _mm256_shuffle_epi8(thresholds.at(t), index)));
  if constexpr (t + 1 < Thresholds::kCount)
    return count_reached<t + 1>(sums, thresholds, index, negative);
  else
    return negative;
}

// Plane sums -> packed output codes, from the last plane down; `negative` is minus what is packed so far.
template <int kBits, int kTerms, int k = 8 / kBits - 1, class Thresholds>
SMOOTHBIT_INLINE __m256i pack_codes(const __m256i* planes, const Thresholds& thresholds,
                                    const __m256i terms[2], __m256i negative = _mm256_setzero_si256()) {
  if constexpr (k < 0) {
    return _mm256_sub_epi8(_mm256_setzero_si256(), negative);
  } else {
    for (int b = 0; b < kBits; ++b) negative = _mm256_add_epi8(negative, negative);
    negative = count_reached(planes[k], thresholds, term_index<kBits, kTerms>(terms, k), negative);
    return pack_codes<kBits, kTerms, k - 1>(planes, thresholds, terms, negative);
  }
}

alignas(32) const uint8_t kZeros[32] = {};

SMOOTHBIT_INLINE __m256i load_32(const void* bytes) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(bytes));
}
SMOOTHBIT_INLINE __m256i join(const uint8_t* low, const uint8_t* high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low))),
                                 _mm_loadu_si128(reinterpret_cast<const __m128i*>(high)), 1);
}

// The source rows, held by value so that no store makes the compiler read them again.
template <bool kHasPrefetch>
struct SourceRows {
  static constexpr bool kIsPrefetched = kHasPrefetch;
  const uint8_t* source;
  const uint32_t* entries;  // offsets

  SMOOTHBIT_INLINE const uint8_t* at(int64_t entry) const { return source + entries[entry] * RowSchedule::kUnit; }
  template <int64_t kBytes>
  SMOOTHBIT_INLINE void prefetch(int64_t entry) const {
    if (kHasPrefetch) prefetch_row(at(entry + kEntriesAhead<kBytes>));
  }
};

// What one register gathers, as a list of registers x(0) .. x(count - 1).
// Bytes of one row, and the next ones for a second register:
template <class Rows>
struct OneRow {
  Rows rows;
  int64_t begin, count;
  SMOOTHBIT_INLINE const uint8_t* row(int64_t i) const {
    rows.template prefetch<32>(begin + i);
    return rows.at(begin + i);
  }
  SMOOTHBIT_INLINE __m256i x(int64_t i) const { return load_32(row(i)); }
  SMOOTHBIT_INLINE __m256i first() const { return x(0); }
};
// 16 bytes of two rows of one length:
template <class Rows>
struct TwoRows {
  Rows rows;
  int64_t begin, count;
  SMOOTHBIT_INLINE __m256i x(int64_t i) const {
    rows.template prefetch<16>(begin + 2 * i);
    rows.template prefetch<16>(begin + 2 * i + 1);
    return join(rows.at(begin + i), rows.at(begin + count + i));
  }
  SMOOTHBIT_INLINE __m256i first() const { return x(0); }
};
// 16 bytes of one row, two entries at a time; the sums of the row are those of both halves:
template <class Rows>
struct HalfRow {
  Rows rows;
  int64_t begin, end, count;
  HalfRow(const Rows& rows, int64_t begin, int64_t end)
      : rows(rows), begin(begin), end(end), count((end - begin + 1) / 2) {}
  SMOOTHBIT_INLINE __m256i x(int64_t i) const {
    rows.template prefetch<16>(begin + 2 * i);
    rows.template prefetch<16>(begin + 2 * i + 1);
    const uint8_t* second = begin + 2 * i + 1 < end ? rows.at(begin + 2 * i + 1) : kZeros;
    return join(rows.at(begin + 2 * i), second);
  }
  SMOOTHBIT_INLINE __m256i first() const { return x(0); }
};

// Adds up a list. kRest is the length of its last group of rows; 0 when that is not known.
template <int kBits, int kRest>
using Sums = std::conditional_t<kRest == 0, RowSums<kBits>, PlaneSums<2>>;

template <int kBits, int kRest, class List>
SMOOTHBIT_INLINE void add_list(const List& list, Sums<kBits, kRest>& sums) {
  if constexpr (kRest == 0) {
    for (int64_t i = 0; i < list.count; ++i) sums.add_row(list.x(i));
  } else {
    constexpr int kGroup = PlaneSums<kBits>::kGroup;
    int64_t i = 0;
    for (; list.count - i > kGroup; i += kGroup)
      sums.template add<kGroup>([&](int r) { return list.x(i + r); });
    sums.template add<kRest>([&](int r) { return list.x(i + r); });
  }
}

// What becomes of a list and the codes of its terms: packed output codes.
template <int kBits, int kTerms, int kRest, class Thresholds>
struct CountPlanes {
  const Thresholds thresholds;
  template <class List>
  SMOOTHBIT_INLINE __m256i operator()(const List& list, const __m256i* terms) const {
    Sums<kBits, kRest> sums;
    sums.start(bytes_avx2(-ThresholdTable::kBias));
    add_list<kBits, kRest>(list, sums);
    __m256i planes[8 / kBits];
    sums.split(planes);
    return pack_codes<kBits, kTerms>(planes, thresholds, terms);
  }
};

// The law in words, at 4 bits. The bytes of a plane widen to words by interleaving and narrow by packing, which undoes that.
// Where the law is of bytes they widen into the upper halves.
template <int kTerms, bool kIsOfBytes>
class WordPlanes {
 public:
  explicit WordPlanes(const WordLaw& law)
      : factor_(_mm256_set1_epi16(law.factor)),
        start_(kIsOfBytes ? bytes_avx2(-law.center) : _mm256_set1_epi16(static_cast<int16_t>(-law.center))),
        least_(_mm256_set1_epi16(static_cast<int16_t>(law.least - law.center))),
        most_(_mm256_set1_epi16(static_cast<int16_t>(law.most - law.center))),
        shift_(_mm_cvtsi32_si128(law.shift - (kIsOfBytes ? 8 : 0))) {
    const __m256i offsets = load_32(law.offset), low_bytes = _mm256_set1_epi16(0xff);
    low_offsets_ = bytes_of(_mm256_and_si256(offsets, low_bytes));
    high_offsets_ = bytes_of(_mm256_srli_epi16(offsets, 8));
  }
  template <class List>
  SMOOTHBIT_INLINE __m256i operator()(const List& list, const __m256i* terms) const {
    __m256i words[4];
    sum(list, words);
    return codes(words, terms);
  }
  // Both registers of the rows of a list at once: one loop for a row instead of two.
  template <class List>
  SMOOTHBIT_INLINE void pair(const List& list, const __m256i* terms, const __m256i* next_terms, __m256i& first,
                             __m256i& second) const {
    __m256i words[4], next_words[4];
    sum(list, words, next_words);
    first = codes(words, terms);
    second = codes(next_words, next_terms);
  }

 private:
  // The low bytes of 16 words, in both halves.
  static SMOOTHBIT_INLINE __m256i bytes_of(__m256i words) {
    return _mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0x88);
  }
  // Sums of one or two registers.
  template <class List, class... Words>
  SMOOTHBIT_INLINE void sum(const List& list, Words*... words) const {
    if constexpr (kIsOfBytes) return add(list, 0, list.count, words...);
    constexpr int64_t kMaxRows = 17;  // whose sums fit a byte
    for (int k = 0; k < 4; ++k) ((words[k] = start_), ...);
    for (int64_t i = 0; i < list.count; i += kMaxRows) add(list, i, std::min(i + kMaxRows, list.count), words...);
  }
  template <class List>
  SMOOTHBIT_INLINE void add(const List& list, int64_t i, int64_t end, __m256i* words) const {
    RowSums<4> rows = start();
    for (; i < end; ++i) rows.add_row(list.x(i));
    widen(rows, words);
  }
  template <class List>
  SMOOTHBIT_INLINE void add(const List& list, int64_t i, int64_t end, __m256i* words, __m256i* next_words) const {
    RowSums<4> rows = start(), next = start();
    for (; i < end; ++i) {
      const uint8_t* row = list.row(i);
      rows.add_row(load_32(row));
      next.add_row(load_32(row + 32));
    }
    widen(rows, words);
    widen(next, next_words);
  }
  SMOOTHBIT_INLINE RowSums<4> start() const {
    RowSums<4> rows;
    rows.start(kIsOfBytes ? start_ : _mm256_setzero_si256());
    return rows;
  }
  SMOOTHBIT_INLINE void widen(const RowSums<4>& rows, __m256i* words) const {
    const __m256i zero = _mm256_setzero_si256();
    __m256i planes[2];
    rows.split(planes);
    for (int k = 0; k < 2; ++k) {
      if constexpr (kIsOfBytes) {
        words[2 * k] = _mm256_unpacklo_epi8(zero, planes[k]);
        words[2 * k + 1] = _mm256_unpackhi_epi8(zero, planes[k]);
      } else {
        words[2 * k] = _mm256_add_epi16(words[2 * k], _mm256_unpacklo_epi8(planes[k], zero));
        words[2 * k + 1] = _mm256_add_epi16(words[2 * k + 1], _mm256_unpackhi_epi8(planes[k], zero));
      }
    }
  }
  SMOOTHBIT_INLINE __m256i codes(const __m256i* words, const __m256i* terms) const {
    const __m256i low = plane_codes(words, term_index<4, kTerms>(terms, 0));
    const __m256i high = plane_codes(words + 2, term_index<4, kTerms>(terms, 1));
    return _mm256_xor_si256(_mm256_or_si256(low, _mm256_slli_epi16(high, 4)), bytes_avx2(0x88));
  }
  // Codes of one plane, less 8 modulo 16.
  SMOOTHBIT_INLINE __m256i plane_codes(const __m256i* sums, __m256i index) const {
    const __m256i low = _mm256_shuffle_epi8(low_offsets_, index), high = _mm256_shuffle_epi8(high_offsets_, index);
    return _mm256_packus_epi16(word(sums[0], _mm256_unpacklo_epi8(low, high)),
                               word(sums[1], _mm256_unpackhi_epi8(low, high)));
  }
  SMOOTHBIT_INLINE __m256i word(__m256i sum, __m256i offset) const {
    if constexpr (kTerms == 0 && !kIsOfBytes) sum = _mm256_min_epi16(_mm256_max_epi16(sum, least_), most_);
    const __m256i s = _mm256_sll_epi16(sum, shift_);
    const __m256i y = _mm256_adds_epi16(_mm256_adds_epi16(s, offset), _mm256_mulhrs_epi16(s, factor_));
    return _mm256_srli_epi16(y, WordLaw::kFraction);
  }

  __m256i low_offsets_, high_offsets_, factor_, start_, least_, most_;  // sums less the center; the latter two without a term
  __m128i shift_;
};

// The law in bytes, of kCount entries of 2 bits: sums never leave the nibbles that rows are added in.
template <int kTerms, int kCount>
class BytePlanes {
 public:
  explicit BytePlanes(const ByteLaw& law) : of_sum_(repeat(law.of_sum)), of_code_(repeat(law.of_code)) {}

  template <class List>
  SMOOTHBIT_INLINE __m256i operator()(const List& list, const __m256i* terms) const {
    __m256i even, odd;
    sum_group<2, kCount>([&](int i) { return list.x(i); }, even, odd);
    const __m256i first = codes<0>(_mm256_and_si256(even, bytes_avx2(0x0f)), terms);
    const __m256i second = codes<1>(_mm256_and_si256(odd, bytes_avx2(0x0f)), terms);
    const __m256i third = codes<2>(shift_right_avx2<4>(even, 0x0f), terms);
    const __m256i last = codes<3>(shift_right_avx2<4>(odd, 0x0f), terms);
    // Two codes in the upper bits of nibbles, then four in a byte; each less 2 modulo 4.
    const __m256i lower = _mm256_or_si256(first, _mm256_slli_epi16(second, 2));
    const __m256i upper = _mm256_or_si256(third, _mm256_slli_epi16(last, 2));
    return _mm256_xor_si256(_mm256_or_si256(lower, _mm256_slli_epi16(upper, 4)), bytes_avx2(0xaa));
  }

 private:
  static __m256i repeat(const int8_t* lanes) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(lanes)));
  }
  // Codes of plane k, less 2 modulo 4.
  template <int k>
  SMOOTHBIT_INLINE __m256i codes(__m256i sums, const __m256i* terms) const {
    const __m256i of_code = kTerms ? _mm256_shuffle_epi8(of_code_, term_index<2, kTerms>(terms, k)) : of_code_;
    return shift_right_avx2<ByteLaw::kFraction>(_mm256_adds_epi8(_mm256_shuffle_epi8(of_sum_, sums), of_code), 3);
  }

  __m256i of_sum_, of_code_;
};

// What does not change within a call. Runs of rows hold a copy, as no store makes the compiler read that again.
template <class Rows>
struct Call {
  const SpmmArgs& args;
  const Epilogue& e;
  ThresholdCache& cache;
  int64_t max_length;
  Rows rows;
  const int64_t* indptr;      // of the places
  const int32_t* place_rows;  // row of each place, or null
  const PlacesAhead& ahead;
  int64_t last;               // first byte of the last register of a row
  __m256i valid;              // bits of that register that are codes
  const uint8_t* terms[2];
  int64_t term_strides[2];
  uint8_t* first_out;
  int64_t out_stride;

  const uint8_t* term(int t, int64_t row) const { return terms[t] + row * term_strides[t]; }
  uint8_t* out(int64_t row) const { return first_out + row * out_stride; }
  int64_t row_at(int64_t place) const { return place_rows ? place_rows[place] : place; }
  int64_t length(int64_t place) const { return indptr[place + 1] - indptr[place]; }
  // At `kCount` places. What fits the second-level cache is not asked for.
  template <int kCount>
  SMOOTHBIT_INLINE void prefetch_places(int64_t place) const {
    if constexpr (Rows::kIsPrefetched) ahead.prefetch<kCount>(place);
  }
  template <int kBits>
  SMOOTHBIT_INLINE const ThresholdTable* table(int64_t place) const {
    const int64_t count = length(place);
    return count > max_length || count == 0 ? nullptr : cache.find(e, row_at(place), count);
  }
  void other_rows(SpmmKernel other, int64_t place, int64_t count) const {
    constexpr int64_t kBatch = PlacesAhead::kPlaces / 2;
    for (const int64_t last = place + count; place < last;) {
      const int64_t end = std::min(place + kBatch, last);
      for (int64_t i = place; i < end; ++i) prefetch_places<1>(i);
      other(args, place, end);
      place = end;
    }
  }
  SMOOTHBIT_INLINE void clear_after(int64_t row, int64_t byte) const {
    if (byte < out_stride) std::memset(out(row) + byte, 0, static_cast<size_t>(out_stride - byte));
  }
  // Places from `place` on that have its length, at most up to `end`.
  SMOOTHBIT_INLINE int64_t run(int64_t place, int64_t end) const {
    const int64_t count = length(place);
    int64_t next = place + 1;
    for (; next + 4 <= end; next += 4) {
      const __m256i lengths = _mm256_sub_epi64(load_32(indptr + next + 1), load_32(indptr + next));
      const __m256i is_equal = _mm256_cmpeq_epi64(lengths, _mm256_set1_epi64x(count));
      const int others = ~_mm256_movemask_pd(_mm256_castsi256_pd(is_equal)) & 15;
      if (others) return next - place + __builtin_ctz(static_cast<unsigned>(others));
    }
    while (next < end && length(next) == count) ++next;
    return next - place;
  }
  // Whether the rows at places [place, end), of one length, have the factors of the table, as the first one has.
  SMOOTHBIT_INLINE bool has_factors(const ThresholdTable& table, int64_t place, int64_t end) const {
    if (args.factors_follow_length) return true;
    return ThresholdCache::has_factors(table.factors, e, [this, place, end](const float* values, float value) {
      int64_t i = place;
      for (; values && !place_rows && i + 8 <= end; i += 8)
        if (_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(values + i), _mm256_set1_ps(value), _CMP_NEQ_UQ)))
          return false;
      for (; values && i < end; ++i)
        if (!(values[row_at(i)] == value)) return false;
      return true;
    });
  }
};

// One row, register by register.
template <int kTerms, class Rows, class Codes>
SMOOTHBIT_INLINE void finish_registers(const Call<Rows>& call, const Codes& codes_of, int64_t place) {
  const int64_t row = call.row_at(place);
  uint8_t* out = call.out(row);
  call.template prefetch_places<1>(place);
  OneRow<Rows> list{call.rows, call.indptr[place], call.length(place)};
  for (int64_t byte = 0;; byte += 32, list.rows.source += 32) {
    __m256i terms[2];
    for (int t = 0; t < kTerms; ++t) terms[t] = load_32(call.term(t, row) + byte);
    __m256i codes = codes_of(list, terms);
    if (byte == call.last) codes = _mm256_and_si256(codes, call.valid);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + byte), codes);
    if (byte == call.last) break;
  }
  call.clear_after(row, call.last + 32);
}

// One row of two registers, both at once.
template <int kTerms, class Rows, class Codes>
SMOOTHBIT_INLINE void finish_two_registers(const Call<Rows>& call, const Codes& codes_of, int64_t place) {
  const int64_t row = call.row_at(place);
  uint8_t* out = call.out(row);
  call.template prefetch_places<1>(place);
  const OneRow<Rows> list{call.rows, call.indptr[place], call.length(place)};
  __m256i terms[2], next_terms[2], first, second;
  for (int t = 0; t < kTerms; ++t) {
    terms[t] = load_32(call.term(t, row));
    next_terms[t] = load_32(call.term(t, row) + 32);
  }
  codes_of.pair(list, terms, next_terms, first, second);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), first);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + 32), _mm256_and_si256(second, call.valid));
  call.clear_after(row, 64);
}

// What a row is: half a register, whole ones that are done one by one, or two that are done at once.
enum class Shape { half, whole, two };

template <int kTerms, Shape kShape, class Rows, class Codes>
SMOOTHBIT_INLINE void finish_row(const Call<Rows>& call, const Codes& codes_of, int64_t place) {
  if constexpr (kShape == Shape::two) finish_two_registers<kTerms>(call, codes_of, place);
  else finish_registers<kTerms>(call, codes_of, place);
}

// Codes of the terms of the rows at `place` and `place + 1`, of 16 bytes, and where their own go.
template <int kTerms, class Rows>
SMOOTHBIT_INLINE void load_pair(const Call<Rows>& call, int64_t place, __m256i terms[2]) {
  call.template prefetch_places<2>(place);
  for (int t = 0; t < kTerms; ++t) terms[t] = join(call.term(t, call.row_at(place)), call.term(t, call.row_at(place + 1)));
}
template <class Rows>
SMOOTHBIT_INLINE void store_pair(const Call<Rows>& call, int64_t place, __m256i codes) {
  const int64_t row = call.row_at(place), next = call.row_at(place + 1);
  codes = _mm256_and_si256(codes, call.valid);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(call.out(row)), _mm256_castsi256_si128(codes));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(call.out(next)), _mm256_extracti128_si256(codes, 1));
  call.clear_after(row, 16);
  call.clear_after(next, 16);
}

// Places [place, end) of one length; at least two of 16 bytes.
template <int kTerms, Shape kShape, class Rows, class Codes>
__attribute__((noinline)) void run_of_rows(const Call<Rows>& shared, int64_t place, int64_t end, const Codes codes_of) {
  const Call<Rows> call = shared;
  if constexpr (kShape != Shape::half) {
    for (; place < end; ++place) finish_row<kTerms, kShape>(call, codes_of, place);
  } else {
    const int64_t length = call.length(place);
    for (; place < end; place += 2) {
      place = std::min(place, end - 2);  // the last place of an odd number shares its register with one done before
      __m256i terms[2];
      load_pair<kTerms>(call, place, terms);
      store_pair(call, place, codes_of(TwoRows<Rows>{call.rows, call.indptr[place], length}, terms));
    }
  }
}

template <int kBits, int kTerms, Shape kShape, class Rows>
void any_run_of_rows(const Call<Rows>& call, const ThresholdTable& table, int64_t place, int64_t end) {
  const auto count = [&](auto rest) {
    constexpr int kRest = decltype(rest)::value;
    // Rows that short are no more than a last group.
    if constexpr (kBits == 2 && kTerms <= 1)
      if (table.has_bytes) return run_of_rows<kTerms, kShape>(call, place, end, BytePlanes<kTerms, kRest>(table.bytes));
    using Codes = CountPlanes<kBits, kTerms, kRest, OneTable<kBits>>;
    constexpr Shape kCounted = kShape == Shape::two ? Shape::whole : kShape;
    run_of_rows<kTerms, kCounted>(call, place, end, Codes{OneTable<kBits>(table)});
  };
  if constexpr (kBits == 1) {
    with_slices(call.length(place), [&](auto slices) {
      run_of_rows<kTerms, kShape>(call, place, end, CountBits<BitsAvx2, decltype(slices)::value, kTerms>(table));
    });
  } else if constexpr (kBits == 2) {
    static_assert(PlaneSums<2>::kGroup == 5, "rests of a group");
    switch ((call.length(place) - 1) % 5 + 1) {
      case 1: return count(std::integral_constant<int, 1>());
      case 2: return count(std::integral_constant<int, 2>());
      case 3: return count(std::integral_constant<int, 3>());
      case 4: return count(std::integral_constant<int, 4>());
      default: return count(std::integral_constant<int, 5>());
    }
  } else {
    if (!table.has_words) count(std::integral_constant<int, 0>());
    else if (!table.words.is_of_bytes(call.length(place)))
      run_of_rows<kTerms, kShape>(call, place, end, WordPlanes<kTerms, false>(table.words));
    else run_of_rows<kTerms, kShape>(call, place, end, WordPlanes<kTerms, true>(table.words));
  }
}

// One row of any length.
template <int kBits, int kTerms, Shape kShape, class Rows>
SMOOTHBIT_INLINE void any_row(const Call<Rows>& call, const ThresholdTable& table, int64_t place) {
  if constexpr (kBits == 1) {
    with_slices(call.length(place), [&](auto slices) {
      finish_row<kTerms, kShape>(call, CountBits<BitsAvx2, decltype(slices)::value, kTerms>(table), place);
    });
  } else {
    if constexpr (kBits == 4)
      if (table.has_words) return finish_row<kTerms, kShape>(call, WordPlanes<kTerms, false>(table.words), place);
    finish_row<kTerms, Shape::whole>(call, CountPlanes<kBits, kTerms, 0, OneTable<kBits>>{OneTable<kBits>(table)}, place);
  }
}

// Two rows, in sums of 1 bit that count their entries.
template <int kSlices, int kTerms, class Rows>
__attribute__((noinline)) void pair_of_bits(const Call<Rows>& call, const ThresholdTable& low, const ThresholdTable& high,
                                            int64_t place) {
  __m256i terms[2];
  load_pair<kTerms>(call, place, terms);
  // Each row has entries in both halves of its register, and starts in the half where its codes are.
  const __m256i is_low = _mm256_setr_epi32(-1, -1, -1, -1, 0, 0, 0, 0);
  auto sums = CountBits<BitsAvx2, kSlices, kTerms>(low).start(terms, is_low);
  sums.add_list(HalfRow<Rows>(call.rows, call.indptr[place], call.indptr[place + 1]));
  auto next = CountBits<BitsAvx2, kSlices, kTerms>(high).start(terms, ~is_low);
  next.add_list(HalfRow<Rows>(call.rows, call.indptr[place + 1], call.indptr[place + 2]));
  sums.template join<1>();
  next.template join<1>();
  store_pair(call, place, _mm256_blend_epi32(sums.passed, next.passed, 0xf0));
}

// Two rows of any length.
template <int kBits, int kTerms, class Rows>
SMOOTHBIT_INLINE void any_pair(const Call<Rows>& call, const ThresholdTable& low, const ThresholdTable& high,
                               int64_t place) {
  if constexpr (kBits == 1) {
    with_slices(std::max(call.length(place), call.length(place + 1)), [&](auto slices) {
      pair_of_bits<decltype(slices)::value, kTerms>(call, low, high, place);
    });
  } else {
    const int64_t* indptr = call.indptr;
    const __m256i bias = _mm256_zextsi128_si256(_mm_set1_epi8(-ThresholdTable::kBias));
    RowSums<kBits> sums, next;
    sums.start(bias);
    add_list<kBits, 0>(HalfRow<Rows>(call.rows, indptr[place], indptr[place + 1]), sums);
    next.start(bias);
    add_list<kBits, 0>(HalfRow<Rows>(call.rows, indptr[place + 1], indptr[place + 2]), next);
    sums.join_halves(next);
    __m256i planes[8 / kBits], terms[2];
    sums.split(planes);
    load_pair<kTerms>(call, place, terms);
    store_pair(call, place, pack_codes<kBits, kTerms>(planes, Thresholds<kBits>(low, high), terms));
  }
}

constexpr int64_t kShortestRun = 4;

template <int kBits, int kTerms, Shape kShape, class Rows>
void all_rows(const Call<Rows>& call, SpmmKernel other, int64_t place, int64_t end) {
  while (place < end) {
    const ThresholdTable* table = call.template table<kBits>(place);
    const int64_t step = kShape == Shape::half ? 2 : 1;
    if (!table || place + step > end) {
      const int64_t begin = place++;
      while (place < end && !call.template table<kBits>(place)) ++place;
      call.other_rows(other, begin, place - begin);
      continue;
    }
    const int64_t run = call.run(place, end);
    if (run >= kShortestRun && call.has_factors(*table, place, place + run)) {
      any_run_of_rows<kBits, kTerms, kShape>(call, *table, place, place + run);
      place += run;
      continue;
    }
    if constexpr (kShape != Shape::half) {
      any_row<kBits, kTerms, kShape>(call, *table, place);
    } else {
      const ThresholdTable* next = call.template table<kBits>(place + 1);
      if (next && table->at && next->at) any_pair<kBits, kTerms>(call, *table, *next, place);
      else call.other_rows(other, place, 2);
    }
    place += step;
  }
}

// Bits of the register from byte `begin` on that are codes of a row; the same in both halves of short rows.
__m256i valid_bits(int64_t row_bits, int64_t begin, bool is_wide) {
  alignas(32) uint8_t mask[32];
  for (int64_t i = 0; i < 32; ++i) mask[i] = low_bits(row_bits - 8 * (begin + (is_wide ? i : i % 16)));
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(mask));
}

// Finishes the places [begin, end).
template <int kBits, class Rows>
void run_part(const SpmmArgs& args, SpmmKernel other, bool is_wide, int64_t begin, int64_t end) {
  const RowSchedule& schedule = args.schedule;
  const int64_t row_bits = args.epilogue.num_channels * kBits;
  const int64_t last = is_wide ? (row_bits - 1) / 256 * 32 : 0;
  const Epilogue& e = args.epilogue;
  const auto data = [&e](int t) { return static_cast<const uint8_t*>(e.terms[t].data); };
  const PlacesAhead ahead{e, schedule.rows, begin, end};
  const Call<Rows> call{args, e, *e.thresholds, ThresholdCache::max_word_length(kBits),
                        Rows{schedule.source, schedule.offsets}, schedule.indptr, schedule.rows, ahead, last,
                        valid_bits(row_bits, last, is_wide), {data(0), data(1)}, {e.terms[0].stride, e.terms[1].stride},
                        static_cast<uint8_t*>(e.out), e.out_stride};
  if constexpr (Rows::kIsPrefetched) ahead.prefetch_first();
  const auto choose = [&](auto terms) {
    constexpr int kTerms = decltype(terms)::value;
    if constexpr (kBits == 4)
      if (last == 32) return all_rows<kBits, kTerms, Shape::two>(call, other, begin, end);
    if (is_wide) all_rows<kBits, kTerms, Shape::whole>(call, other, begin, end);
    else all_rows<kBits, kTerms, Shape::half>(call, other, begin, end);
  };
  switch (args.epilogue.num_terms) {
    case 0: return choose(std::integral_constant<int, 0>());
    case 1: return choose(std::integral_constant<int, 1>());
    default:
      if constexpr (kBits <= 2) choose(std::integral_constant<int, 2>());
  }
}

template <int kBits>
bool run(const SpmmArgs& args, SpmmKernel other, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const int64_t row_bytes = (e.num_channels * kBits + 7) / 8;
  const bool is_wide = row_bytes > 16;
  const int64_t needed = is_wide ? (row_bytes + 31) / 32 * 32 : 16;
  // Rows of fewer channels are packed closer than half a register (kernels.aligned_row_bytes).
  bool fits = e.num_channels > 16 && e.num_terms <= 2 && args.source_stride >= needed && e.out_stride >= needed;
  for (int t = 0; t < e.num_terms; ++t) fits &= e.terms[t].stride >= needed;
  if (!fits) return false;
  // The second half of a row of odd length looks one entry past its end.
  static_assert(RowSchedule::kPadding > std::max(kEntriesAhead<16>, kEntriesAhead<32>), "what is read after the last entry");
  const auto part = [other, is_wide](auto has_prefetch, const SpmmArgs& scheduled, int64_t from, int64_t to) {
    run_part<kBits, SourceRows<decltype(has_prefetch)::value>>(scheduled, other, is_wide, from, to);
  };
  const bool is_sorted = !is_prefetched(args.num_sources, args.source_stride);
  run_scheduled(args, other, is_sorted, row_begin, row_end, part);
  return true;
}

}  // namespace

bool spmm_planar_avx2(const SpmmArgs& args, int num_bits, SpmmKernel other, int64_t begin, int64_t end) {
  if (args.weights || !args.epilogue.thresholds || !ThresholdCache::fits(args.epilogue, num_bits)) return false;
  switch (num_bits) {
    case 1: return run<1>(args, other, begin, end);
    case 2: return run<2>(args, other, begin, end);
    default: return run<4>(args, other, begin, end);
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
