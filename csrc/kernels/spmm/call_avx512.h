// What the rows of one call of spmm share, AVX-512.
#pragma once

#include <cstring>

#include "../epilogue/simple_avx512.h"
#include "search_avx512.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

constexpr int64_t kShortestRun = 4;  // of rows of one length that are not taken one by one

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

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
