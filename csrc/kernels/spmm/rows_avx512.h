// Packed rows in 64-byte registers, AVX-512: loads, stores, and what one register gathers.
#pragma once

#include <cstdint>

#include "../prefetch.h"
#include "planes_avx512.h"

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

// Part p goes to at(p); kParts is not 1.
template <int kParts, class At>
SMOOTHBIT_INLINE void store_parts(__m512i x, const At& at) {
  if constexpr (kParts == 2) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at(0)), _mm512_castsi512_si256(x));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(at(1)), _mm512_extracti64x4_epi64(x, 1));
  } else {
    const auto store_16 = [](uint8_t* to, __m128i part) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), part); };
    store_16(at(0), _mm512_castsi512_si128(x));
    store_16(at(1), _mm512_extracti32x4_epi32(x, 1));
    store_16(at(2), _mm512_extracti32x4_epi32(x, 2));
    store_16(at(3), _mm512_extracti32x4_epi32(x, 3));
  }
}

// The source rows, held by value so that no store makes the compiler read them again.
template <int kPartsOfRegister, bool kHasPrefetch>
struct SourceRows {
  static constexpr int kParts = kPartsOfRegister;
  static constexpr bool kIsPrefetched = kHasPrefetch;
  const uint8_t* source;
  const uint32_t* entries;  // offsets

  SMOOTHBIT_INLINE const uint8_t* at(int64_t entry) const { return source + entries[entry] * RowSchedule::kUnit; }
  template <int64_t kBytes = kPartBytes<kParts>>
  SMOOTHBIT_INLINE void prefetch(int64_t entry) const {
    if constexpr (kHasPrefetch) prefetch_row<kBytes>(at(entry + kEntriesAhead<kBytes>));
  }
  // Of kParts entries, and the stream that they are of.
  SMOOTHBIT_INLINE void prefetch_parts(int64_t entry) const {
    if constexpr (kHasPrefetch) prefetch_entries(entries + entry);
    for (int p = 0; p < kParts; ++p) prefetch(entry + p);
  }
};

// What one register gathers, as planes_avx512.h wants it.
// Entries [begin, end) of one row, the last 1 .. kParts of them first. Reads indices up to kParts - 1 past `end`.
template <class Rows>
struct OneRow {
  static constexpr int kParts = Rows::kParts;
  Rows rows;
  int64_t begin, end, count;
  OneRow(const Rows& rows, int64_t begin, int64_t end)
      : rows(rows), begin(begin), end(end), count((end - begin + kParts - 1) / kParts) {}
  SMOOTHBIT_INLINE __m512i part(int64_t entry) const {
    rows.prefetch_parts(entry);
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
template <class Rows>
struct Neighbours {
  static constexpr int kParts = Rows::kParts;
  Rows rows;
  int64_t begin, count;
  SMOOTHBIT_INLINE __m512i x(int64_t i) const {
    rows.prefetch_parts(begin + i * kParts);
    return join_rows<kParts>([&](int p) { return rows.at(begin + p * count + i); });
  }
  SMOOTHBIT_INLINE __m512i first() const { return x(0); }
};

template <int kBits, int kParts>
constexpr int kTotals = PlanesAvx512<kBits>::kPlanes / kParts;

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
