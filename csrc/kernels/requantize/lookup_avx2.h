// requantize of packed terms alone, by lookup, AVX2.
//
// When all channels share one law, an output code depends on the row's factors and on at most four bits of
// term codes: at 2 bits, one term has 4 cases and two have 16. The epilogue is run once on a row of all these
// cases, and a byte shuffle then maps the codes of the row's channels to the outputs:
//
//     lane c of the table   the output for codes c & 3 (first term) and c >> 2 (second term)
//     plane k of a row      (x >> 2k) & 3, shuffled through the table, shifted back to its place
//
// Rows with the same factors share a table.
#pragma once

#include <algorithm>

#include "../bytes.h"
#include "../epilogue/avx2.h"
#include "smoothbit/requantize.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int kCases = 16;

// The epilogue of one row that has every case as a channel, stored as bytes.
class LookupTable {
 public:
  static bool fits(const RequantizeArgs& args) {
    const Epilogue& e = args.epilogue;
    const int bits = e.output.num_bits;
    if (args.sums || !e.is_uniform || e.num_channels == 0 || e.num_terms == 0 || bits == 0 || bits * e.num_terms > 4) return false;
    for (int t = 0; t < e.num_terms; ++t)
      if (e.terms[t].num_bits != bits) return false;
    return true;
  }

  explicit LookupTable(const Epilogue& original) : original_(original), e_(original) { make_cases(e_); }
  LookupTable(const LookupTable&) = delete;  // `e_` points into this object
  LookupTable& operator=(const LookupTable&) = delete;

  SMOOTHBIT_INLINE __m256i of_row(int64_t row) {
    if (row_ < 0 || !have_same_factors(row_, row)) find(row);
    row_ = row;
    return table_;
  }

 private:
  static constexpr int kArrays = 5 + 2 * 3 + 2 * kMaxTerms;

  static const float* spread(const float* values, float* copy) {
    if (!values) return nullptr;
    std::fill(copy, copy + kCases, values[0]);
    return copy;
  }

  void make_cases(Epilogue& e) {
    float(*next)[kCases] = arrays_;
    for (const float** values : {&e.col_scale, &e.col_term, &e.col_bias, &e.aggregate_step, &e.aggregate_offset})
      *values = spread(*values, *next++);
    for (Law* law : {&e.aggregate, &e.output})
      for (const float** values : {&law->inv_scale, &law->phase, &law->zero_point}) *values = spread(*values, *next++);
    const int bits = e.output.num_bits;
    for (int t = 0; t < e.num_terms; ++t) {
      Term& term = e.terms[t];
      term.step = spread(term.step, *next++);
      term.offset = spread(term.offset, *next++);
      for (int c = 0; c < kCases; ++c) {
        const int code = (c >> (t * bits)) & ((1 << bits) - 1);
        cases_[t][c * bits / 8] = static_cast<uint8_t>(cases_[t][c * bits / 8] | code << (c * bits % 8));
      }
      term.data = cases_[t];
      term.stride = 0;
    }
    e.num_channels = kCases;
    e.output.num_bits = 8;  // how it is stored; the law keeps its range
    e.out_stride = 0;
  }

  // The table of `row`, found again by rows with the same factors.
  struct Slot {
    alignas(16) uint8_t codes[kCases];
    int64_t row = -1;
  };
  static constexpr int kNumSlots = 128;

  int slot_of(int64_t row) const {
    uint32_t hash = 0;
    for (int t = 0; t < original_.num_terms; ++t) {
      uint32_t bits = 0;
      if (original_.terms[t].row_scale) std::memcpy(&bits, original_.terms[t].row_scale + row, sizeof bits);
      hash = (hash ^ bits) * 2654435761u;
    }
    return static_cast<int>(hash >> 25);
  }

  SMOOTHBIT_INLINE bool have_same_factors(int64_t row, int64_t other) const {
    const float *rows = original_.row_scale, *outputs = original_.output_row_scale;
    bool same = (!rows || rows[row] == rows[other]) & (!outputs || outputs[row] == outputs[other]);
    for (int t = 0; t < original_.num_terms; ++t) {
      const float* factors = original_.terms[t].row_scale;
      same &= !factors || factors[row] == factors[other];
    }
    return same;
  }

  __attribute__((noinline)) void find(int64_t row) {
    Slot& slot = slots_[slot_of(row)];
    if (slot.row < 0 || !have_same_factors(slot.row, row)) {
      e_.out = slot.codes;
      finish_row_avx2(e_, row, 0, kCases, static_cast<const int32_t*>(nullptr), 0.0f);
      slot.row = row;
    }
    table_ = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(slot.codes)));
  }

  const Epilogue& original_;
  alignas(32) float arrays_[kArrays][kCases];
  uint8_t cases_[kMaxTerms][kCases] = {};
  Epilogue e_;
  Slot slots_[kNumSlots];
  __m256i table_;     // that of
  int64_t row_ = -1;  // this row
};

// Term codes of plane k as shuffle indices.
template <int kBits, int kTerms, int k>
SMOOTHBIT_INLINE __m256i case_index(const __m256i* terms) {
  const __m256i mask = _mm256_set1_epi8((1 << kBits) - 1);
  const __m256i codes = _mm256_and_si256(_mm256_srli_epi16(terms[0], k * kBits), mask);
  if constexpr (kTerms == 1) {
    return codes;
  } else {
    return _mm256_or_si256(codes, _mm256_slli_epi16(case_index<kBits, kTerms - 1, k>(terms + 1), kBits));
  }
}

// Outputs of planes k .. of a register, at their places.
template <int kBits, int kTerms, int k = 0>
SMOOTHBIT_INLINE __m256i look_up(const __m256i* terms, __m256i table) {
  const __m256i codes = _mm256_shuffle_epi8(table, case_index<kBits, kTerms, k>(terms));
  const __m256i placed = _mm256_slli_epi16(codes, k * kBits);
  if constexpr ((k + 1) * kBits < 8) return _mm256_or_si256(placed, look_up<kBits, kTerms, k + 1>(terms, table));
  else return placed;
}

// Up to 32 bytes of a row, exactly: lengths of 16 and 8 are common and take no detour through memory.
SMOOTHBIT_INLINE __m256i load_piece(const uint8_t* bytes, int64_t count) {
  if (count == 32) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
  if (count == 16) return _mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
  if (count <= 8) return _mm256_zextsi128_si256(_mm_cvtsi64_si128(static_cast<int64_t>(load_bytes(bytes, count))));
  alignas(32) uint8_t buffer[32] = {};
  for (int64_t i = 0; i < count; i += 8) store_bytes(buffer + i, load_bytes(bytes + i, std::min<int64_t>(8, count - i)), 8);
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(buffer));
}

SMOOTHBIT_INLINE void store_piece(uint8_t* bytes, __m256i piece, int64_t count) {
  if (count == 32) return _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), piece);
  const __m128i low = _mm256_castsi256_si128(piece);
  if (count == 16) return _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), low);
  if (count <= 8) return store_bytes(bytes, static_cast<uint64_t>(_mm_cvtsi128_si64(low)), count);
  alignas(32) uint8_t buffer[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(buffer), piece);
  for (int64_t i = 0; i < count; i += 8) store_bytes(bytes + i, load_bytes(buffer + i, 8), std::min<int64_t>(8, count - i));
}

// Bits of 16 bytes that are codes of a row, twice.
inline __m256i valid_bits(int64_t row_bits) {
  alignas(16) uint8_t mask[16];
  for (int64_t i = 0; i < 16; ++i) mask[i] = low_bits(row_bits - 8 * i);
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(mask)));
}

// Whether rows of more than 8 bytes rest in 16 or more, in all terms and in the output.
inline bool are_pairs(const Epilogue& e, int64_t row_bytes) {
  bool rest_in_16 = row_bytes > 8 && row_bytes <= 16 && e.out_stride >= 16;
  for (int t = 0; t < e.num_terms; ++t) rest_in_16 &= e.terms[t].stride >= 16;
  return rest_in_16;
}

// Such rows, two to a register, up to an odd last one; returns the first row that is left.
template <int kBits, int kTerms>
int64_t lookup_pairs(const Epilogue& e, LookupTable& lookup, int64_t row, int64_t row_end) {
  const auto load_16 = [](const uint8_t* bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)); };
  const __m256i valid = valid_bits(e.num_channels * kBits);
  for (; row + 2 <= row_end; row += 2) {
    const __m256i first = lookup.of_row(row);
    const __m256i table = _mm256_blend_epi32(first, lookup.of_row(row + 1), 0xf0);
    __m256i terms[kTerms];
    for (int t = 0; t < kTerms; ++t) {
      const uint8_t* codes = static_cast<const uint8_t*>(e.terms[t].data) + row * e.terms[t].stride;
      terms[t] = _mm256_set_m128i(load_16(codes + e.terms[t].stride), load_16(codes));
    }
    const __m256i found = _mm256_and_si256(look_up<kBits, kTerms>(terms, table), valid);
    uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride;
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm256_castsi256_si128(found));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + e.out_stride), _mm256_extracti128_si256(found, 1));
    for (int r = 0; r < 2 && e.out_stride > 16; ++r)
      std::memset(out + r * e.out_stride + 16, 0, static_cast<size_t>(e.out_stride - 16));
  }
  return row;
}

template <int kBits, int kTerms>
void lookup_rows(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  LookupTable lookup(e);
  const int64_t row_bits = e.num_channels * kBits, row_bytes = (row_bits + 7) / 8;
  const uint8_t last_bits = static_cast<uint8_t>(0xff >> (8 * row_bytes - row_bits));
  if (are_pairs(e, row_bytes)) row_begin = lookup_pairs<kBits, kTerms>(e, lookup, row_begin, row_end);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const __m256i table = lookup.of_row(row);
    uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride;
    for (int64_t byte = 0; byte < row_bytes; byte += 32) {
      const int64_t count = std::min<int64_t>(32, row_bytes - byte);
      __m256i terms[kTerms];
      for (int t = 0; t < kTerms; ++t)
        terms[t] = load_piece(static_cast<const uint8_t*>(e.terms[t].data) + row * e.terms[t].stride + byte, count);
      store_piece(out + byte, look_up<kBits, kTerms>(terms, table), count);
    }
    if (row_bytes > 0) out[row_bytes - 1] &= last_bits;
    if (row_bytes < e.out_stride) std::memset(out + row_bytes, 0, static_cast<size_t>(e.out_stride - row_bytes));
  }
}

template <int kBits>
void requantize_lookup(const RequantizeArgs& args, int64_t begin, int64_t end) {
  switch (args.epilogue.num_terms) {
    case 1: return lookup_rows<kBits, 1>(args, begin, end);
    case 2: return lookup_rows<kBits, kBits <= 2 ? 2 : 1>(args, begin, end);
    case 3: return lookup_rows<kBits, kBits == 1 ? 3 : 1>(args, begin, end);
    default: return lookup_rows<kBits, kBits == 1 ? 4 : 1>(args, begin, end);
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
