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

  __m256i of_row(int64_t row) {
    Slot& slot = slots_[slot_of(row)];
    if (slot.row < 0 || !have_same_factors(slot.row, row)) fill(slot, row);
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(slot.codes)));
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

  bool have_same_factors(int64_t row, int64_t other) const {
    bool same = true;
    for (const float* factors : {original_.row_scale, original_.output_row_scale})
      same &= !factors || factors[row] == factors[other];
    for (int t = 0; t < original_.num_terms; ++t) {
      const float* factors = original_.terms[t].row_scale;
      same &= !factors || factors[row] == factors[other];
    }
    return same;
  }

  __attribute__((noinline)) void fill(Slot& slot, int64_t row) {
    e_.out = slot.codes;
    finish_row_avx2(e_, row, 0, kCases, static_cast<const int32_t*>(nullptr), 0.0f);
    slot.row = row;
  }

  const Epilogue& original_;
  alignas(32) float arrays_[kArrays][kCases];
  uint8_t cases_[kMaxTerms][kCases] = {};
  Epilogue e_;
  Slot slots_[kNumSlots];
};

// Term codes of plane k as shuffle indices.
template <int kBits>
SMOOTHBIT_INLINE __m256i case_index(const __m256i* terms, int num_terms, int k) {
  const __m256i mask = _mm256_set1_epi8((1 << kBits) - 1);
  __m256i index = _mm256_and_si256(_mm256_srli_epi16(terms[0], k * kBits), mask);
  for (int t = 1; t < num_terms; ++t) {
    const __m256i codes = _mm256_and_si256(_mm256_srli_epi16(terms[t], k * kBits), mask);
    index = _mm256_or_si256(index, _mm256_slli_epi16(codes, t * kBits));
  }
  return index;
}

template <int kBits>
SMOOTHBIT_INLINE __m256i look_up(const __m256i* terms, int num_terms, __m256i table) {
  __m256i packed = _mm256_shuffle_epi8(table, case_index<kBits>(terms, num_terms, 0));
  for (int k = 1; k < 8 / kBits; ++k)
    packed = _mm256_or_si256(packed, _mm256_slli_epi16(_mm256_shuffle_epi8(table, case_index<kBits>(terms, num_terms, k)),
                                                       k * kBits));
  return packed;
}

// Bytes [byte, byte + count) of a row; count < 32 goes through a buffer.
SMOOTHBIT_INLINE __m256i load_piece(const uint8_t* bytes, int64_t count) {
  if (count >= 32) return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
  alignas(32) uint8_t buffer[32] = {};
  for (int64_t i = 0; i < count; i += 8) store_bytes(buffer + i, load_bytes(bytes + i, std::min<int64_t>(8, count - i)), 8);
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(buffer));
}

template <int kBits>
void requantize_lookup(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  LookupTable lookup(e);
  const int64_t row_bits = e.num_channels * kBits, row_bytes = (row_bits + 7) / 8;
  const uint8_t last_bits = static_cast<uint8_t>(0xff >> (8 * row_bytes - row_bits));
  for (int64_t row = row_begin; row < row_end; ++row) {
    const __m256i table = lookup.of_row(row);
    uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride;
    for (int64_t byte = 0; byte < row_bytes; byte += 32) {
      const int64_t count = std::min<int64_t>(32, row_bytes - byte);
      __m256i terms[kMaxTerms];
      for (int t = 0; t < e.num_terms; ++t)
        terms[t] = load_piece(static_cast<const uint8_t*>(e.terms[t].data) + row * e.terms[t].stride + byte, count);
      const __m256i packed = look_up<kBits>(terms, e.num_terms, table);
      if (count == 32) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + byte), packed);
      } else {
        alignas(32) uint8_t buffer[32];
        _mm256_store_si256(reinterpret_cast<__m256i*>(buffer), packed);
        for (int64_t i = 0; i < count; i += 8)
          store_bytes(out + byte + i, load_bytes(buffer + i, 8), std::min<int64_t>(8, count - i));
      }
    }
    if (row_bytes > 0) out[row_bytes - 1] &= last_bits;
    if (row_bytes < e.out_stride) std::memset(out + row_bytes, 0, static_cast<size_t>(e.out_stride - row_bytes));
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
