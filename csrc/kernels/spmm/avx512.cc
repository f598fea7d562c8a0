// spmm, AVX-512 with VBMI, of 2-, 4- and 8-bit rows whose channels share one law; all else takes the AVX2 kernel.
//
// A register of 64 bytes holds kParts rows of 16, 32 or 64 bytes:
//
//     neighbours   kParts rows of one length (a graph in degree order has long runs of them), one entry of each at a
//                  time, so that part p of every plane (planes_avx512.h) is that of row p.
//     one row      kParts entries of it at a time; the last ones under a mask, so that the only branch is the end
//                  of the loop. Its planes end up side by side: part p of register j is plane kParts * j + p, and the
//                  epilogue takes all of them at once.
//
// The epilogue of a sum that has a table (epilogue/thresholds.h) is a search: at 4 bits four steps, each a byte
// permutation that brings the threshold of the half that is left, and a comparison. Without a table it is float
// arithmetic on 32-bit lanes cut from the planes by shifts: lane i of dword i of the row, never in channel order.
#if defined(__x86_64__)
#include <algorithm>

#include "../bytes.h"
#include "../epilogue/simple_avx512.h"
#include "../epilogue/thresholds.h"
#include "planar.h"
#include "planes_avx512.h"
#include "smoothbit/isa.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
void spmm_u2_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
void spmm_u4_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
void spmm_u8_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
}  // namespace smoothbit

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m512i load_64(const void* from) { return _mm512_loadu_si512(from); }
SMOOTHBIT_INLINE __m256i load_32(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
SMOOTHBIT_INLINE __m128i load_16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

template <int kParts>
constexpr int64_t kPartBytes = 64 / kParts;

// kParts rows of kPartBytes, `at(p)` each.
template <int kParts, class At>
SMOOTHBIT_INLINE __m512i join_rows(const At& at) {
  if constexpr (kParts == 1) {
    return load_64(at(0));
  } else if constexpr (kParts == 2) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(load_32(at(0))), load_32(at(1)), 1);
  } else {
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load_16(at(0))), load_16(at(1)), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load_16(at(2))), load_16(at(3)), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
}

// The same row in every part.
template <int kParts>
SMOOTHBIT_INLINE __m512i repeat_row(const uint8_t* row) {
  if constexpr (kParts == 1) return load_64(row);
  else if constexpr (kParts == 2) return _mm512_broadcast_i64x4(load_32(row));
  else return _mm512_broadcast_i32x4(load_16(row));
}

// Stores the union of the parts.
template <int kParts>
SMOOTHBIT_INLINE void store_union(uint8_t* out, __m512i x, __m512i valid) {
  x = _mm512_and_si512(x, valid);
  if constexpr (kParts == 1) {
    _mm512_storeu_si512(out, x);
  } else {
    const __m256i half = _mm256_or_si256(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
    if constexpr (kParts == 2)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), half);
    else
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                       _mm_or_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
  }
}

// Part p goes to out + p * stride.
template <int kParts>
SMOOTHBIT_INLINE void store_parts(__m512i x, uint8_t* out, int64_t stride) {
  const auto store_16 = [](uint8_t* to, __m128i part) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), part); };
  if (kParts == 1 || stride == kPartBytes<kParts>) {
    _mm512_storeu_si512(out, x);
  } else if constexpr (kParts == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_castsi512_si256(x));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + stride), _mm512_extracti64x4_epi64(x, 1));
  } else {
    store_16(out, _mm512_castsi512_si128(x));
    store_16(out + stride, _mm512_extracti32x4_epi32(x, 1));
    store_16(out + 2 * stride, _mm512_extracti32x4_epi32(x, 2));
    store_16(out + 3 * stride, _mm512_extracti32x4_epi32(x, 3));
  }
}

// The source rows, held by value so that no store makes the compiler read them again.
template <int kParts, bool kHasPrefetch>
struct Rows {
  const uint8_t* source;
  const int32_t* indices;
  int64_t row_stride;  // kPartBytes, unless kParts is 1

  SMOOTHBIT_INLINE int64_t stride() const { return kParts == 1 ? row_stride : kPartBytes<kParts>; }
  SMOOTHBIT_INLINE const uint8_t* at(int64_t entry) const { return source + indices[entry] * stride(); }
  template <int64_t kBytes = 64>
  SMOOTHBIT_INLINE void prefetch(int64_t entry) const {
    if constexpr (kHasPrefetch) {
      const char* row = reinterpret_cast<const char*>(at(entry + kGatherAhead * 64 / kBytes));
      for (int64_t i = 0; i < kBytes; i += 64) _mm_prefetch(row + i, _MM_HINT_T0);
    }
  }
};

// What one register gathers, as planes_avx512.h wants it.
// Entries [begin, end) of one row, the last 1 .. kParts of them first. Reads indices up to kParts - 1 past `end`.
template <int kParts, bool kHasPrefetch>
struct OneRow {
  Rows<kParts, kHasPrefetch> rows;
  int64_t begin, end, count;
  OneRow(const Rows<kParts, kHasPrefetch>& rows, int64_t begin, int64_t end)
      : rows(rows), begin(begin), end(end), count((end - begin + kParts - 1) / kParts) {}
  SMOOTHBIT_INLINE __m512i part(int64_t entry) const {
    for (int p = 0; p < kParts; ++p) rows.prefetch(entry + p);
    return join_rows<kParts>([&](int p) { return rows.at(entry + p); });
  }
  SMOOTHBIT_INLINE __m512i x(int64_t i) const { return part(begin + (i - 1) * kParts); }
  SMOOTHBIT_INLINE __m512i first() const {
    const int64_t entry = begin + (count - 1) * kParts;
    const __m512i last = part(entry);
    if constexpr (kParts == 1) return last;
    return _mm512_maskz_mov_epi64(static_cast<__mmask8>(0xff >> (8 - (end - entry) * (8 / kParts))), last);
  }
};
// One entry of each of kParts neighbouring rows that have `count` entries.
template <int kParts, bool kHasPrefetch>
struct Neighbours {
  Rows<kParts, kHasPrefetch> rows;
  int64_t begin, count;
  SMOOTHBIT_INLINE __m512i x(int64_t i) const {
    for (int p = 0; p < kParts; ++p) rows.prefetch(begin + i * kParts + p);
    return join_rows<kParts>([&](int p) { return rows.at(begin + p * count + i); });
  }
  SMOOTHBIT_INLINE __m512i first() const { return x(0); }
};

template <int kBits, int kParts>
constexpr int kTotals = PlanesAvx512<kBits>::kPlanes / kParts;

// Thresholds in the order of a search: see ThresholdTable.
template <int kBits>
struct Search {
  __m512i level[kBits == 2 ? 2 : 5];

  SMOOTHBIT_INLINE explicit Search(const ThresholdTable& table) {
    level[0] = load_64(table.at);
    level[1] = load_64(table.at + 16);
    if constexpr (kBits == 4) {
      level[2] = load_64(table.at + 48);
      level[3] = load_64(table.at + 112);
      level[4] = load_64(table.at + 176);
    }
  }
  // Codes times `unit`, a power of two in each byte; `index`: codes of the terms.
  SMOOTHBIT_INLINE __m512i codes(__m512i sums, __m512i index, __m512i unit) const {
    if constexpr (kBits == 2) {
      const __m512i two = _mm512_add_epi8(unit, unit);
      __mmask64 reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[0]));
      __m512i code = _mm512_maskz_mov_epi8(reached, two);
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(16));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[1]));
      return _mm512_mask_add_epi8(code, reached, code, unit);
    } else {
      const __m512i two = _mm512_add_epi8(unit, unit), four = _mm512_add_epi8(two, two);
      __mmask64 reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[0]));
      __m512i code = _mm512_maskz_mov_epi8(reached, _mm512_add_epi8(four, four));
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(16));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[1]));
      code = _mm512_mask_add_epi8(code, reached, code, four);
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(32));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutexvar_epi8(index, level[2]));
      code = _mm512_mask_add_epi8(code, reached, code, two);
      index = _mm512_mask_add_epi8(index, reached, index, bytes_avx512(64));
      reached = _mm512_cmpgt_epi8_mask(sums, _mm512_permutex2var_epi8(level[3], index, level[4]));
      return _mm512_mask_add_epi8(code, reached, code, unit);
    }
  }
};

// Constants of the parts of register j.
template <int kBits, int kParts>
struct Parts {
  __m512i shift[kTotals<kBits, kParts>];  // of 16-bit lanes: bits below the codes of the part's plane
  __m512i unit[kTotals<kBits, kParts>];   // 1 << shift in every byte
  Parts() {
    for (int j = 0; j < kTotals<kBits, kParts>; ++j) {
      alignas(64) uint16_t shifts[32];
      alignas(64) uint8_t units[64];
      for (int i = 0; i < 64; ++i) {
        const int plane = kParts * j + i / static_cast<int>(kPartBytes<kParts>);
        shifts[i / 2] = static_cast<uint16_t>(kBits * plane);
        units[i] = static_cast<uint8_t>(1 << (kBits * plane));
      }
      shift[j] = _mm512_load_si512(shifts);
      unit[j] = _mm512_load_si512(units);
    }
  }
};

constexpr int64_t kShortestRun = 4;  // of rows of one length that are not taken one by one

// Rows so short that a sum and the code of a term make an index of 7 bits: the code of each, looked up at once.
struct Direct {
  static constexpr int64_t kMaxLength = 31 / 3;
  __m512i low[4], high[4];  // codes of plane k, in their place; lane | sum (5 bits) + 32 * code of the term

  SMOOTHBIT_INLINE explicit Direct(const Search<2>& search) {
    alignas(64) uint8_t lanes[64];
    for (int i = 0; i < 64; ++i) lanes[i] = static_cast<uint8_t>(i);
    const __m512i lane = load_64(lanes);
    const __m512i sums = _mm512_sub_epi8(_mm512_and_si512(lane, bytes_avx512(31)), bytes_avx512(ThresholdTable::kBias));
    const __m512i term = shift_right_avx512<5>(lane, 1), two = bytes_avx512(2);
    low[0] = search.codes(sums, term, bytes_avx512(1));
    high[0] = search.codes(sums, _mm512_or_si512(term, two), bytes_avx512(1));
    for (int k = 1; k < 4; ++k) {
      low[k] = _mm512_slli_epi16(low[k - 1], 2);
      high[k] = _mm512_slli_epi16(high[k - 1], 2);
    }
  }
  // Plane sums -> packed output codes; `terms` are packed codes, or zero.
  SMOOTHBIT_INLINE __m512i codes(const __m512i* planes, __m512i terms) const {
    const __m512i place = bytes_avx512(3 << 5);
    const __m512i first = code<0>(planes, _mm512_and_si512(_mm512_slli_epi16(terms, 5), place));
    const __m512i second = code<1>(planes, _mm512_and_si512(_mm512_slli_epi16(terms, 3), place));
    const __m512i third = code<2>(planes, _mm512_and_si512(_mm512_slli_epi16(terms, 1), place));
    const __m512i last = code<3>(planes, _mm512_and_si512(_mm512_srli_epi16(terms, 1), place));
    return _mm512_or_si512(_mm512_or_si512(first, second), _mm512_or_si512(third, last));
  }

 private:
  template <int k>
  SMOOTHBIT_INLINE __m512i code(const __m512i* planes, __m512i term) const {
    return _mm512_permutex2var_epi8(low[k], _mm512_or_si512(planes[k], term), high[k]);
  }
};

// What does not change within a call.
template <int kBits, int kParts, bool kHasPrefetch>
struct Call {
  const SpmmArgs& args;
  const Epilogue& e;
  bool has_tables;
  int64_t last;         // first byte of the last register of a row
  __m512i valid;        // bits of that register that are codes
  __m512i zero_points;  // of the codes of a part, where they are packed
  Rows<kParts, kHasPrefetch> rows;
  SimpleLawAvx512<kBits> law;
  Parts<kBits, kParts> parts;

  SMOOTHBIT_INLINE const uint8_t* term(int t, int64_t row) const {
    return static_cast<const uint8_t*>(e.terms[t].data) + row * e.terms[t].stride;
  }
  // Codes of rows row .. row + kParts - 1.
  SMOOTHBIT_INLINE __m512i terms_of(int t, int64_t row) const {
    if (e.terms[t].stride == kPartBytes<kParts>) return load_64(term(t, row));
    return join_rows<kParts>([&](int p) { return term(t, row + p); });
  }
  SMOOTHBIT_INLINE uint8_t* out(int64_t row) const { return static_cast<uint8_t*>(e.out) + row * e.out_stride; }
  SMOOTHBIT_INLINE int64_t length(int64_t row) const { return args.indptr[row + 1] - args.indptr[row]; }
  SMOOTHBIT_INLINE __m512i valid_at(int64_t byte) const {
    return kParts > 1 || byte == last ? valid : bytes_avx512(-1);
  }
  SMOOTHBIT_INLINE void clear_after(int64_t row) const {
    const int64_t end = (kParts > 1 ? 0 : last) + kPartBytes<kParts>;
    if (end < e.out_stride) std::memset(out(row) + end, 0, static_cast<size_t>(e.out_stride - end));
  }
  // Whether rows row .. row + kParts - 1 are all as long, from 1 to `most` entries.
  SMOOTHBIT_INLINE bool has_equal_lengths(int64_t row, int64_t most) const {
    const int64_t first = length(row);
    bool is_equal = first > 0 && first <= most;
    for (int p = 1; p < kParts; ++p) is_equal &= length(row + p) == first;
    return is_equal;
  }
  // Whether kShortestRun rows, all there, have `length`.
  SMOOTHBIT_INLINE bool begins_run(int64_t row, int64_t length) const {
    const int64_t* at = args.indptr + row;
    return _mm256_cmpneq_epi64_mask(_mm256_sub_epi64(load_32(at + 1), load_32(at)), _mm256_set1_epi64x(length)) == 0;
  }
  // Rows from `row` on that have its length, at most up to `end`.
  SMOOTHBIT_INLINE int64_t run(int64_t row, int64_t end) const {
    const int64_t* indptr = args.indptr;
    const __m512i count = _mm512_set1_epi64(length(row));
    int64_t next = row + 1;
    for (; next + 8 <= end; next += 8) {
      const __m512i lengths = _mm512_sub_epi64(load_64(indptr + next + 1), load_64(indptr + next));
      const unsigned others = _mm512_cmpneq_epi64_mask(lengths, count);
      if (others) return next - row + __builtin_ctz(others);
    }
    while (next < end && length(next) == length(row)) ++next;
    return next - row;
  }
  // Whether rows [row, end) have the factors of the table.
  SMOOTHBIT_INLINE bool has_factors(const ThresholdTable& table, int64_t row, int64_t end) const {
    return ThresholdCache::has_factors(table, e, [row, end](const float* values, float value) {
      int64_t i = row;
      for (; values && i + 16 <= end; i += 16)
        if (_mm512_cmp_ps_mask(_mm512_loadu_ps(values + i), _mm512_set1_ps(value), _CMP_NEQ_UQ)) return false;
      for (; values && i < end; ++i)
        if (!(values[i] == value)) return false;
      return true;
    });
  }
};

// Codes of the terms, `kTerms` registers of packed codes, at the bit that `shift` brings down.
template <int kBits, int kTerms, class Shift>
SMOOTHBIT_INLINE __m512i term_index(const __m512i terms[2], const Shift& shift) {
  const __m512i mask = bytes_avx512((1 << kBits) - 1);
  if constexpr (kTerms == 0) return _mm512_setzero_si512();
  const __m512i first = _mm512_and_si512(shift(terms[0]), mask);
  if constexpr (kTerms < 2) return first;
  const __m512i second = _mm512_and_si512(shift(terms[1]), mask);
  return _mm512_or_si512(first, _mm512_slli_epi16(second, kBits));
}

// Shifts of 16-bit lanes.
template <int kShift>
struct ShiftRight {
  SMOOTHBIT_INLINE __m512i operator()(__m512i x) const { return _mm512_srli_epi16(x, kShift); }
};
struct ShiftRightBy {
  __m512i counts;
  SMOOTHBIT_INLINE __m512i operator()(__m512i x) const { return _mm512_srlv_epi16(x, counts); }
};

// Totals of one row -> packed output codes of every part, from register j on.
template <int kBits, int kTerms, int kParts, int j = 0>
SMOOTHBIT_INLINE __m512i pack_totals(const Search<kBits>& search, const Parts<kBits, kParts>& parts,
                                     const __m512i* totals, const __m512i terms[2]) {
  const __m512i index = term_index<kBits, kTerms>(terms, ShiftRightBy{parts.shift[j]});
  const __m512i sums = _mm512_sub_epi8(totals[j], bytes_avx512(ThresholdTable::kBias));
  const __m512i codes = search.codes(sums, index, parts.unit[j]);
  if constexpr (j + 1 == kTotals<kBits, kParts>) {
    return codes;
  } else {
    const __m512i next = pack_totals<kBits, kTerms, kParts, j + 1>(search, parts, totals, terms);
    return _mm512_or_si512(codes, next);
  }
}

// Plane sums of kParts rows -> packed output codes, from plane k on.
template <int kBits, int kTerms, int k = 0>
SMOOTHBIT_INLINE __m512i pack_planes(const Search<kBits>& search, const __m512i* planes, const __m512i terms[2]) {
  const __m512i index = term_index<kBits, kTerms>(terms, ShiftRight<k * kBits>());
  const __m512i codes = search.codes(planes[k], index, bytes_avx512(1 << (k * kBits)));
  if constexpr (k + 1 == 8 / kBits) {
    return codes;
  } else {
    const __m512i next = pack_planes<kBits, kTerms, k + 1>(search, planes, terms);
    return _mm512_or_si512(codes, next);
  }
}

template <int kBits, int kTerms>
struct SearchPlanes {
  const Search<kBits>& search;
  SMOOTHBIT_INLINE __m512i operator()(const __m512i* planes, const __m512i* terms) const {
    return pack_planes<kBits, kTerms>(search, planes, terms);
  }
};
template <int kTerms>
struct LookUpPlanes {
  const Direct& direct;
  SMOOTHBIT_INLINE __m512i operator()(const __m512i* planes, const __m512i* terms) const {
    return direct.codes(planes, kTerms ? terms[0] : _mm512_setzero_si512());
  }
};

constexpr int64_t kBatch = 8;

// Rows row .. row + count - 1, at most kBatch, that have these tables: first all sums, then all codes, so that the
// codes of one row need not wait for its sums.
template <int kBits, int kTerms, int kParts, bool kHasPrefetch>
SMOOTHBIT_INLINE void search_batch(const Call<kBits, kParts, kHasPrefetch>& call, const ThresholdTable* const* tables,
                                   int64_t row, int64_t count) {
  __m512i totals[kBatch][kTotals<kBits, kParts>], terms[2];
  for (int64_t byte = 0;; byte += 64) {
    const Rows<kParts, kHasPrefetch> rows{call.rows.source + byte, call.rows.indices, call.rows.row_stride};
    for (int64_t i = 0; i < count; ++i) {
      PlanesAvx512<kBits> sums;
      sums.start();
      sums.add(OneRow<kParts, kHasPrefetch>(rows, call.args.indptr[row + i], call.args.indptr[row + i + 1]));
      sums.split();
      join_parts_avx512<kBits, kParts>(sums, totals[i]);
    }
    const __m512i valid = call.valid_at(byte);
    for (int64_t i = 0; i < count; ++i) {
      for (int t = 0; t < kTerms; ++t) terms[t] = repeat_row<kParts>(call.term(t, row + i) + byte);
      const __m512i codes = pack_totals<kBits, kTerms>(Search<kBits>(*tables[i]), call.parts, totals[i], terms);
      store_union<kParts>(call.out(row + i) + byte, codes, valid);
    }
    if (kParts > 1 || byte == call.last) break;
  }
  for (int64_t i = 0; i < count; ++i) call.clear_after(row + i);
}

// Rows [row, end), a multiple of kParts, of one length, whose sums start at kBias and whose codes are `pack`(planes,
// terms); kParts is not 1.
template <int kBits, int kTerms, int kBias, int kParts, bool kHasPrefetch, class Pack>
SMOOTHBIT_INLINE void neighbours(const Call<kBits, kParts, kHasPrefetch>& call, int64_t row, int64_t end,
                                 const Pack& pack) {
  const int64_t out_stride = call.e.out_stride;
  const __m512i valid = call.valid;
  const bool has_padding = kPartBytes<kParts> < out_stride;
  uint8_t* out = call.out(row);
  Neighbours<kParts, kHasPrefetch> list{call.rows, call.args.indptr[row], call.length(row)};
  for (; row < end; row += kParts, list.begin += kParts * list.count, out += kParts * out_stride) {
    PlanesAvx512<kBits> sums;
    sums.start(kBias);
    sums.add(list);
    sums.split();
    __m512i terms[2];
    for (int t = 0; t < kTerms; ++t) terms[t] = call.terms_of(t, row);
    store_parts<kParts>(_mm512_and_si512(pack(sums.plane, terms), valid), out, out_stride);
    if (has_padding)
      for (int p = 0; p < kParts; ++p) call.clear_after(row + p);
  }
}

template <int kBits, int kTerms, int kParts, bool kHasPrefetch>
__attribute__((noinline)) void search_neighbours(const Call<kBits, kParts, kHasPrefetch>& call,
                                                 const ThresholdTable& table, int64_t row, int64_t end) {
  const Search<kBits> search(table);
  neighbours<kBits, kTerms, -ThresholdTable::kBias>(call, row, end, SearchPlanes<kBits, kTerms>{search});
}

template <int kTerms, int kParts, bool kHasPrefetch>
__attribute__((noinline)) void look_up_neighbours(const Call<2, kParts, kHasPrefetch>& call,
                                                  const ThresholdTable& table, int64_t row, int64_t end) {
  const Direct direct{Search<2>(table)};
  neighbours<2, kTerms, 0>(call, row, end, LookUpPlanes<kTerms>{direct});
}

// One row by float arithmetic: dword i of a register of totals holds kFields fields of the row's dword i.
template <int kBits, int kParts>
class FloatRow {
 public:
  using Law = SimpleLawAvx512<kBits>;
  static constexpr int kWidth = kBits == 8 ? 16 : 8;  // bits of a field
  static constexpr int kFields = 32 / kWidth;
  static constexpr int kVectors = kTotals<kBits, kParts> * kFields;

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
    const __m512i code = law.template code<kHasTerm>(row, sums[v], shift_right<v>(codes));
    packed = _mm512_add_epi32(packed, shift_left<v>(code));
    if constexpr (v + 1 < kVectors) return pack<kHasTerm, v + 1>(law, row, sums, codes, packed);
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
};

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
      sums[kFirst] = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(fields));
      sums[kFirst + 1] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(fields, 1));
      sums[kFirst + 2] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(fields, 2));
      sums[kFirst + 3] = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(fields, 3));
    }
  }

  __m512i order_[kNumTotals];
};

// Codes, in the order of the dwords of a row.
template <int kBits, bool kHasTerm, int kParts, bool kHasPrefetch>
struct PackedOutput {
  using Float = FloatRow<kBits, kParts>;
  using Row = typename SimpleLawAvx512<kBits>::Row;
  const Call<kBits, kParts, kHasPrefetch>& call;

  SMOOTHBIT_INLINE void widen(const __m512i* total, __m512i sums[Float::kVectors]) const { Float::widen(total, sums); }
  SMOOTHBIT_INLINE void finish(const Row& constants, const __m512i* sums, int64_t row, int64_t byte) const {
    const __m512i codes = kHasTerm ? repeat_row<kParts>(call.term(0, row) + byte) : _mm512_setzero_si512();
    const __m512i packed = Float::template pack<kHasTerm>(call.law, constants, sums, codes, call.zero_points);
    store_union<kParts>(call.out(row) + byte, packed, call.valid_at(byte));
  }
  SMOOTHBIT_INLINE void end(int64_t row) const { call.clear_after(row); }
};

// Float32 values, in the order of the channels.
template <int kBits, bool kHasTerm, int kParts, bool kHasPrefetch>
struct FloatOutput {
  using Row = typename SimpleLawAvx512<kBits>::Row;
  static constexpr int kVectors = Channels<kBits, kParts>::kVectors;
  const Call<kBits, kParts, kHasPrefetch>& call;
  Channels<kBits, kParts> channels;
  bool is_streamed;  // stored past the caches, which the values would only fill

  SMOOTHBIT_INLINE void widen(const __m512i* total, __m512i sums[kVectors]) const { channels.widen(total, sums); }
  SMOOTHBIT_INLINE void finish(const Row& constants, const __m512i* sums, int64_t row, int64_t byte) const {
    const int64_t first = byte * 8 / kBits, count = call.e.num_channels - first;
    float* out = call.e.out_floats(row) + first;
    const uint8_t* codes = kHasTerm ? call.term(0, row) + byte : nullptr;
    const __m512 factor = _mm512_set1_ps(call.e.output_row_scale ? call.e.output_row_scale[row] : 1.0f);
    for (int v = 0; v < kVectors && 16 * v < count; ++v) {
      const __m512i code = kHasTerm ? channels.codes(codes + 2 * kBits * v) : _mm512_setzero_si512();
      const __m512 y = _mm512_mul_ps(call.law.template output<kHasTerm>(constants, sums[v], code), factor);
      if (is_streamed)
        _mm512_stream_ps(out + 16 * v, y);
      else if (count - 16 * v >= 16)
        _mm512_storeu_ps(out + 16 * v, y);
      else
        _mm512_mask_storeu_ps(out + 16 * v, static_cast<__mmask16>((1u << (count - 16 * v)) - 1), y);
    }
  }
  SMOOTHBIT_INLINE void end(int64_t) const {}
};

// One register of every row, and the next one: entries [from, to), at most `kFlush`.
template <int kBits, int kRegisters, int kParts, bool kHasPrefetch, class Output>
SMOOTHBIT_INLINE void gather(const Rows<kParts, kHasPrefetch>& rows, int64_t from, int64_t to, const Output& output,
                             __m512i (*sums)[FloatRow<kBits, kParts>::kVectors]) {
  __m512i total[kTotals<kBits, kParts>];
  PlanesAvx512<kBits> planes;
  planes.start();
  if constexpr (kRegisters == 1) {
    if (from < to) planes.add(OneRow<kParts, kHasPrefetch>(rows, from, to));
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

// The registers of a row from `byte` on.
template <int kBits, int kRegisters, int kParts, bool kHasPrefetch, class Output>
SMOOTHBIT_INLINE void float_registers(const Call<kBits, kParts, kHasPrefetch>& call, const Output& output,
                                      const typename SimpleLawAvx512<kBits>::Row& constants, int64_t row,
                                      int64_t byte) {
  constexpr int kVectors = FloatRow<kBits, kParts>::kVectors;
  constexpr int64_t kFlush = PlanesAvx512<kBits>::kMaxRows / kParts * kParts;
  const int64_t begin = call.args.indptr[row], end = call.args.indptr[row + 1];
  Rows<kParts, kHasPrefetch> rows = call.rows;
  rows.source += byte;
  __m512i sums[kRegisters][kVectors];
  gather<kBits, kRegisters>(rows, begin, std::min(begin + kFlush, end), output, sums);
  for (int64_t from = begin + kFlush; from < end; from += kFlush) {
    __m512i more[kRegisters][kVectors];
    gather<kBits, kRegisters>(rows, from, std::min(from + kFlush, end), output, more);
    for (int r = 0; r < kRegisters; ++r)
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_add_epi32(sums[r][v], more[r][v]);
  }
  output.finish(constants, sums[0], row, byte);
  if constexpr (kRegisters == 2) output.finish(constants, sums[1], row, byte + 64);
}

// kParts rows of one length that need no flush.
template <int kBits, bool kHasTerm, int kParts, bool kHasPrefetch, class Output>
SMOOTHBIT_INLINE void float_neighbours(const Call<kBits, kParts, kHasPrefetch>& call, const Output& output,
                                       const float* row_terms, int64_t row) {
  PlanesAvx512<kBits> planes;
  planes.start();
  planes.add(Neighbours<kParts, kHasPrefetch>{call.rows, call.args.indptr[row], call.length(row)});
  planes.split();
  __m512i totals[kParts][kTotals<kBits, kParts>];
  split_rows_avx512<kBits, kParts>(planes, totals);
  for (int p = 0; p < kParts; ++p) {
    __m512i sums[FloatRow<kBits, kParts>::kVectors];
    output.widen(totals[p], sums);
    output.finish(call.law.template row<kHasTerm>(row + p, row_terms ? row_terms[row + p] : 0.0f), sums, row + p, 0);
    output.end(row + p);
  }
}

template <int kBits, bool kHasTerm, int kParts, bool kHasPrefetch, class Output>
__attribute__((noinline)) void float_rows(const Call<kBits, kParts, kHasPrefetch>& call, const Output& output,
                                          int64_t row, int64_t end) {
  const float* row_terms = call.e.col_term ? call.e.row_term : nullptr;
  const int64_t last = kParts > 1 ? 0 : call.last;
  for (; row < end; ++row) {
    if constexpr (kParts > 1) {
      if (row + kParts <= end && call.has_equal_lengths(row, PlanesAvx512<kBits>::kMaxRows)) {
        float_neighbours<kBits, kHasTerm>(call, output, row_terms, row);
        row += kParts - 1;
        continue;
      }
    }
    const auto constants = call.law.template row<kHasTerm>(row, row_terms ? row_terms[row] : 0.0f);
    int64_t byte = 0;
    if constexpr (kBits == 8 && kParts == 1)
      for (; byte < last; byte += 128) float_registers<kBits, 2>(call, output, constants, row, byte);
    for (; byte <= last; byte += 64) float_registers<kBits, 1>(call, output, constants, row, byte);
    output.end(row);
  }
}

// Whether float32 rows are whole lines, and too many for the caches.
bool is_streamed(const Epilogue& e, int64_t num_rows) {
  constexpr int64_t kCacheBytes = 1 << 22;
  const int64_t row_bytes = e.num_channels * 4;
  return num_rows * row_bytes > kCacheBytes && row_bytes % 64 == 0 && e.out_stride * 4 % 64 == 0 &&
         reinterpret_cast<uintptr_t>(e.out) % 64 == 0;
}

// Finishes rows without a table.
template <int kBits, bool kHasTerm, int kParts, bool kHasPrefetch>
SMOOTHBIT_INLINE void other_rows(const Call<kBits, kParts, kHasPrefetch>& call, SpmmKernel other, int64_t row,
                                 int64_t end) {
  if (call.e.is_simple)
    float_rows<kBits, kHasTerm>(call, PackedOutput<kBits, kHasTerm, kParts, kHasPrefetch>{call}, row, end);
  else
    other(call.args, row, end);
}

// Finishes rows one by one, and returns the first that has no table yet or, if kStopsAtRuns, begins a run. What is
// rare is left to the caller, so that constants stay in registers.
template <int kBits, int kTerms, bool kStopsAtRuns, int kParts, bool kHasPrefetch>
__attribute__((noinline)) int64_t search_single(const Call<kBits, kParts, kHasPrefetch>& call, int64_t row,
                                                int64_t end) {
  const ThresholdCache& cache = *call.e.thresholds;
  const int64_t max_length = ThresholdCache::max_length(kBits);
  const ThresholdTable* tables[kBatch];
  for (;;) {
    int64_t count = 0;
    for (; count < kBatch && row + count < end; ++count) {
      const int64_t next = row + count, length = call.length(next);
      if (length > max_length || length == 0) break;
      if (kStopsAtRuns && next + kShortestRun <= end && call.begins_run(next, length)) break;
      tables[count] = cache.find_ready(call.e, next, length);
      if (!tables[count]) break;
    }
    search_batch<kBits, kTerms>(call, tables, row, count);
    row += count;
    if (count < kBatch) return row;
  }
}

template <int kBits, int kTerms, int kParts, bool kHasPrefetch>
void all_rows(const Call<kBits, kParts, kHasPrefetch>& call, SpmmKernel other, int64_t row, int64_t end) {
  if (!call.e.output.num_bits) {
    if constexpr (Channels<kBits, kParts>::kIsPossible) {
      const FloatOutput<kBits, (kTerms > 0), kParts, kHasPrefetch> output{call, {}, is_streamed(call.e, call.args.num_rows)};
      float_rows<kBits, (kTerms > 0)>(call, output, row, end);
      _mm_sfence();
    }
    return;
  }
  if (!call.has_tables) return other_rows<kBits, (kTerms > 0)>(call, other, row, end);
  if constexpr (kBits < 8) {
    while (row < end) {
      row = search_single<kBits, kTerms, (kParts > 1)>(call, row, end);
      if (row == end) return;
      const int64_t length = call.length(row);
      const bool may_have_table = length > 0 && length <= ThresholdCache::max_length(kBits);
      const ThresholdTable* table = may_have_table ? call.e.thresholds->find(call.e, row, length) : nullptr;
      if (!table) {
        other_rows<kBits, (kTerms > 0)>(call, other, row, row + 1);
        ++row;
        continue;
      }
      if constexpr (kParts > 1) {
        const int64_t run = call.run(row, end) / kParts * kParts;
        if (run >= kShortestRun && call.has_factors(*table, row, row + run)) {
          if constexpr (kBits == 2 && kTerms <= 1) {
            if (length <= Direct::kMaxLength) look_up_neighbours<kTerms>(call, *table, row, row + run);
            else search_neighbours<kBits, kTerms>(call, *table, row, row + run);
          } else {
            search_neighbours<kBits, kTerms>(call, *table, row, row + run);
          }
          row += run;
          continue;
        }
      }
      search_single<kBits, kTerms, false>(call, row, row + 1);
      ++row;
    }
  }
}

// Bits of the register from byte `begin` on that are codes of a row, the same in all parts.
template <int kParts>
__m512i valid_bits(int64_t row_bits, int64_t begin) {
  alignas(64) uint8_t mask[64];
  for (int64_t i = 0; i < 64; ++i) {
    const int64_t bits = row_bits - 8 * (begin + i % kPartBytes<kParts>);
    mask[i] = static_cast<uint8_t>((1 << std::max<int64_t>(0, std::min<int64_t>(8, bits))) - 1);
  }
  return _mm512_load_si512(mask);
}

template <int kBits>
bool has_tables(const Epilogue& e) {
  return e.thresholds && ThresholdCache::fits(e, kBits);
}

template <int kBits, int kParts, bool kHasPrefetch>
void run_part(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  const int64_t row_bits = args.epilogue.num_channels * kBits;
  const int64_t last = (row_bits - 1) / 512 * 64;
  const Call<kBits, kParts, kHasPrefetch> call{
      args, args.epilogue, has_tables<kBits>(args.epilogue), last, valid_bits<kParts>(row_bits, last),
      FloatRow<kBits, kParts>::repeat(args.epilogue.output.num_bits ? static_cast<int>(args.epilogue.output.zero_point[0]) : 0),
      {args.source, args.indices, args.source_stride}, SimpleLawAvx512<kBits>(args.epilogue), {}};
  switch (args.epilogue.num_terms) {
    case 0: return all_rows<kBits, 0>(call, other, begin, end);
    case 1: return all_rows<kBits, 1>(call, other, begin, end);
    default:
      if constexpr (kBits == 2) all_rows<kBits, 2>(call, other, begin, end);
  }
}

// The first row of [begin, end) whose entries reach to less than `room` before the last of all.
int64_t rows_before_end(const SpmmArgs& args, int64_t begin, int64_t end, int64_t room) {
  const int64_t last_entry = args.indptr[args.num_rows] - room;
  const int64_t* bound = std::upper_bound(args.indptr + begin, args.indptr + end + 1, last_entry);
  return std::max<int64_t>(bound - args.indptr - 1, begin);
}

template <int kBits, int kParts>
void run(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  // A table that fits the second-level cache gains nothing from prefetching.
  constexpr int64_t kCacheBytes = 1 << 19;
  if (args.num_sources * args.source_stride > kCacheBytes) {
    const int64_t prefetched = rows_before_end(args, begin, end, kGatherAhead + kParts);
    if (prefetched > begin) run_part<kBits, kParts, true>(args, other, begin, prefetched);
    begin = prefetched;
  }
  const int64_t readable = rows_before_end(args, begin, end, kParts - 1);
  if (readable > begin) run_part<kBits, kParts, false>(args, other, begin, readable);
  if (readable < end) other(args, readable, end);
}

// Whether float32 values take no more than SimpleLawAvx512 and a factor of the row.
template <int kBits>
bool has_simple_values(const Epilogue& e) {
  return !e.output.num_bits && e.is_uniform && e.col_scale && e.num_channels > 0 && !e.aggregate.num_bits &&
         (e.num_terms == 0 || (e.num_terms == 1 && e.terms[0].num_bits == kBits));
}

// Whether the epilogue is one of these: a table, or the law of all channels, on whole registers.
template <int kBits>
bool fits(const SpmmArgs& args, int64_t needed) {
  const Epilogue& e = args.epilogue;
  const bool is_float = has_simple_values<kBits>(e) && (kBits > 2 || needed < 64);
  const bool is_packed = has_tables<kBits>(e) || (e.is_simple && e.output.num_bits == kBits);
  if (args.weights || !(is_float || is_packed) || e.num_terms > (kBits == 2 ? 2 : 1)) return false;
  bool is_whole = args.source_stride >= needed && (is_float || e.out_stride >= needed);
  if (needed < 64) is_whole = is_whole && args.source_stride == needed;
  for (int t = 0; t < e.num_terms; ++t) is_whole = is_whole && e.terms[t].stride >= needed;
  return is_whole;
}

template <int kBits>
void spmm_avx512(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  const int64_t row_bytes = (args.epilogue.num_channels * kBits + 7) / 8;
  const int64_t needed = row_bytes > 32 ? (row_bytes + 63) / 64 * 64 : row_bytes > 16 ? 32 : 16;
  if (row_bytes > 8 && cpu_has_vbmi() && fits<kBits>(args, needed)) {
    if (needed >= 64) return run<kBits, 1>(args, other, begin, end);
    if (needed == 32) return run<kBits, 2>(args, other, begin, end);
    if constexpr (kBits == 2) return run<kBits, 4>(args, other, begin, end);
  }
  other(args, begin, end);
}

}  // namespace

void spmm_u2_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<2>(args, spmm_u2_avx2, begin, end); }
void spmm_u4_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<4>(args, spmm_u4_avx2, begin, end); }
void spmm_u8_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<8>(args, spmm_u8_avx2, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
