// Neighbouring rows of different lengths that share a register, AVX-512: what they gather, and their thresholds.
#pragma once

#include "call_avx512.h"

SMOOTHBIT_BEGIN_AVX512_VBMI
namespace smoothbit {
namespace {

// One entry of each of kParts neighbouring rows, the longest of which has `count`; of rows that have ended, zeros. Reads
// entries up to count - 1 past the end of the last row.
template <class Rows>
struct Group {
  static constexpr int kParts = Rows::kParts;
  // Of entries that would be there if all rows were as long as the longest.
  static constexpr int64_t kMostMissing = 24;
  static_assert(RowSchedule::kPadding >= kEntriesAhead<kPartBytes<kParts>> + kParts + kMostMissing,
                "what is read after the last entry");

  Rows rows;
  int64_t begin[kParts], count;
  __m512i lengths;  // of each part, in all of its 64-bit lanes

  Group(const Rows& rows, const int64_t* indptr, int64_t count) : rows(rows), count(count) {
    for (int p = 0; p < kParts; ++p) begin[p] = indptr[p];
    const __m512i starts = repeat(indptr), ends = repeat(indptr + 1);
    lengths = _mm512_sub_epi64(ends, starts);
  }
  // Whether the places from `place` on may share a register: if all have tables, and about as many entries.
  template <int kBits>
  static SMOOTHBIT_INLINE bool find_tables(const Call<kBits, Rows>& call, int64_t place, const ThresholdTable** tables) {
    const int64_t most = call.length(place);  // places come by falling length
    if (kParts * most - (call.indptr[place + kParts] - call.indptr[place]) > kMostMissing) return false;
    for (int p = 0; p < kParts; ++p) {
      const int64_t length = call.length(place + p);
      if (length == 0 || length > most || !(tables[p] = call.e.thresholds->find_ready(length))) return false;
    }
    return true;
  }
  // Each of kParts numbers in all 32-bit lanes of its part.
  static SMOOTHBIT_INLINE __m512i repeat_32(__m128i numbers) {
    const __m512i part = kParts == 2 ? _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)
                                     : _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    return _mm512_permutexvar_epi32(part, _mm512_castsi128_si512(numbers));
  }
  SMOOTHBIT_INLINE __m512i x(int64_t i) const {
    rows.prefetch_parts(begin[0] + i * kParts);
    const __m512i all = join_rows<kParts>([&](int p) { return rows.at(begin[p] + i); });
    return _mm512_maskz_mov_epi64(_mm512_cmpgt_epi64_mask(lengths, _mm512_set1_epi64(i)), all);
  }
  SMOOTHBIT_INLINE __m512i first() const { return x(0); }

 private:
  // Each of kParts numbers in all 64-bit lanes of its part.
  static SMOOTHBIT_INLINE __m512i repeat(const int64_t* numbers) {
    if constexpr (kParts == 2)
      return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1), _mm512_castsi128_si512(load_16(numbers)));
    else
      return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3), _mm512_castsi256_si512(load_32(numbers)));
  }
};

// Search<2> with a table for each part.
template <int kParts>
class SearchOfParts {
 public:
  SMOOTHBIT_INLINE explicit SearchOfParts(const ThresholdTable* const* tables) {
    const auto join = [&](int lane) { return join_rows<kParts>([&](int p) { return tables[p]->at + lane; }); };
    middle_ = join(0);
    lower_ = join(ThresholdTable::kLanes);
    if constexpr (kParts == 4) upper_ = join(2 * ThresholdTable::kLanes);
    alignas(64) uint8_t lanes[64];
    for (int i = 0; i < 64; ++i) lanes[i] = static_cast<uint8_t>(i / kPartBytes<kParts> * kPartBytes<kParts>);
    part_ = load_64(lanes);
  }
  SMOOTHBIT_INLINE __m512i codes(__m512i sums, __m512i index, __m512i unit) const {
    // The upper threshold stands beside the lower one, or in a register of its own.
    constexpr int kStep = kParts == 2 ? ThresholdTable::kLanes : 64;
    return two_steps_avx512(sums, _mm512_or_si512(index, part_), unit, middle_, kStep, [this](__m512i i) {
      if constexpr (kParts == 2) return _mm512_permutexvar_epi8(i, lower_);
      else return _mm512_permutex2var_epi8(lower_, i, upper_);
    });
  }

 private:
  __m512i middle_, lower_, upper_, part_;
};

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
