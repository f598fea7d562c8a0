// AVX2 epilogue of one row, in chunks of 32 channels, then groups of 8.
//
// Codes travel as i32x8 in natural channel order, so any width of sum, term and output combine.
// Per 8 channels at one packed term: 3 operations to unpack, 4 float, 8 to quantize, 2-3 to pack.
// Flags are tested once for each chunk; they do not change within a call, so the branches predict.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "../bytes.h"
#include "../target.h"
#include "serial.h"
#include "smoothbit/epilogue.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __m256i lanes_below_avx2(int valid) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(valid), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// Eight codes from a word that holds them from bit 0 up.
template <int kBits>
SMOOTHBIT_INLINE __m256i spread_word_avx2(uint64_t word) {
  if constexpr (kBits == 8) {
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(word)));
  } else {
    const __m256i shifts = _mm256_setr_epi32(0, kBits, 2 * kBits, 3 * kBits, 4 * kBits, 5 * kBits,
                                             6 * kBits, 7 * kBits);
    const __m256i copies = _mm256_set1_epi32(static_cast<int>(word));
    return _mm256_and_si256(_mm256_srlv_epi32(copies, shifts), _mm256_set1_epi32((1 << kBits) - 1));
  }
}

// 8 * V codes from exactly V * kBits bytes. At V = 4 the bytes are loaded once into both halves and a
// byte shuffle brings each lane the byte it needs: lane k of vector v reads byte (8v + k) * b / 8.
template <int kBits, int V>
SMOOTHBIT_INLINE void load_codes_avx2(const uint8_t* bytes, __m256i codes_i32x8[V]) {
  if constexpr (V == 1) {
    codes_i32x8[0] = spread_word_avx2<kBits>(load_bytes(bytes, kBits));
  } else if constexpr (kBits == 8) {
    for (int v = 0; v < V; ++v)
      codes_i32x8[v] = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes + 8 * v)));
  } else {
    static_assert(V == 4, "a chunk has 32 channels");
    __m256i copies;
    if constexpr (kBits == 1) {
      copies = _mm256_set1_epi32(static_cast<int>(load_bytes(bytes, 4)));
    } else if constexpr (kBits == 2) {
      copies = _mm256_set1_epi64x(static_cast<int64_t>(load_bytes(bytes, 8)));
    } else {
      copies = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
    }
    constexpr int b = kBits;
    const __m256i shifts = _mm256_setr_epi32(0, b & 7, 2 * b & 7, 3 * b & 7, 4 * b & 7, 5 * b & 7, 6 * b & 7,
                                             7 * b & 7);
    const __m256i first = _mm256_setr_epi32(0, b >> 3, 2 * b >> 3, 3 * b >> 3, 4 * b >> 3, 5 * b >> 3,
                                            6 * b >> 3, 7 * b >> 3);
    for (int v = 0; v < V; ++v) {
      // Shuffle index of a lane: its byte, then three bytes that shuffle in zero (top bit set).
      const __m256i index = _mm256_or_si256(_mm256_add_epi32(first, _mm256_set1_epi32(v * b)),
                                            _mm256_set1_epi32(static_cast<int>(0x80808000u)));
      const __m256i lane_bytes = _mm256_shuffle_epi8(copies, index);
      codes_i32x8[v] =
          _mm256_and_si256(_mm256_srlv_epi32(lane_bytes, shifts), _mm256_set1_epi32((1 << kBits) - 1));
    }
  }
}

// Packs eight codes of 2 or 4 bits into a word.
template <int kBits>
SMOOTHBIT_INLINE uint64_t gather_pairs_avx2(__m128i codes_u8x8) {
  // Neighbours: c[2i] + 2^b c[2i + 1], at most 255, as int16.
  const __m128i pairs = _mm_maddubs_epi16(codes_u8x8, _mm_set1_epi16((1 << (kBits + 8)) | 1));
  if constexpr (kBits == 4) {
    return static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_packus_epi16(pairs, pairs)));
  } else {
    const __m128i quads = _mm_madd_epi16(pairs, _mm_set1_epi32((16 << 16) | 1));
    const __m128i quads_u16 = _mm_packus_epi32(quads, quads);
    return static_cast<uint64_t>(_mm_cvtsi128_si32(_mm_packus_epi16(quads_u16, quads_u16)) & 0xffff);
  }
}

// Packs eight codes into a word, from bit 0 up.
template <int kBits>
SMOOTHBIT_INLINE uint64_t gather_word_avx2(__m256i codes_i32x8) {
  const __m128i codes_u16x8 =
      _mm_packus_epi32(_mm256_castsi256_si128(codes_i32x8), _mm256_extracti128_si256(codes_i32x8, 1));
  const __m128i codes_u8x8 = _mm_packus_epi16(codes_u16x8, codes_u16x8);
  if constexpr (kBits == 8) {
    return static_cast<uint64_t>(_mm_cvtsi128_si64(codes_u8x8));
  } else if constexpr (kBits == 1) {
    return static_cast<uint64_t>(_mm_movemask_epi8(_mm_slli_epi16(codes_u8x8, 7)) & 0xff);
  } else {
    return gather_pairs_avx2<kBits>(codes_u8x8);
  }
}

// Packs 32 codes into exactly 4 * kBits bytes.
template <int kBits>
SMOOTHBIT_INLINE void store_bytes_avx2(uint8_t* out, __m256i codes_u8x32) {
  if constexpr (kBits == 8) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), codes_u8x32);
  } else if constexpr (kBits == 1) {
    const int bits = _mm256_movemask_epi8(_mm256_slli_epi16(codes_u8x32, 7));
    std::memcpy(out, &bits, 4);
  } else {
    const __m256i pairs = _mm256_maddubs_epi16(codes_u8x32, _mm256_set1_epi16((1 << (kBits + 8)) | 1));
    if constexpr (kBits == 4) {
      const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    } else {
      const __m256i quads = _mm256_madd_epi16(pairs, _mm256_set1_epi32((16 << 16) | 1));
      const __m128i quads_u16 =
          _mm_packus_epi32(_mm256_castsi256_si128(quads), _mm256_extracti128_si256(quads, 1));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(quads_u16, quads_u16));
    }
  }
}

template <int kBits>
SMOOTHBIT_INLINE void store_chunk_avx2(uint8_t* out, const __m256i codes_i32x8[4]) {
  const __m256i low = _mm256_packus_epi32(codes_i32x8[0], codes_i32x8[1]);
  const __m256i high = _mm256_packus_epi32(codes_i32x8[2], codes_i32x8[3]);
  // Packing works within 128-bit halves; the permutation restores the order of groups of four.
  store_bytes_avx2<kBits>(out, _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high),
                                                           _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

// Eight values of a result.
SMOOTHBIT_INLINE void store_floats_avx2(const Epilogue& e, float* out, __m256 values) {
  if (e.is_streamed) _mm256_stream_ps(out, values);
  else _mm256_storeu_ps(out, values);
}

SMOOTHBIT_INLINE __m256i load_sums_avx2(const int32_t* sums) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums));
}
SMOOTHBIT_INLINE __m256i load_sums_avx2(const uint16_t* sums) {
  return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sums)));
}
SMOOTHBIT_INLINE __m256i load_sums_avx2(const uint8_t* sums) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(sums)));
}

// Maximum and minimum with the constant as second operand: NaN becomes the constant 0.
SMOOTHBIT_INLINE __m256 clip_avx2(__m256 values, float high) {
  return _mm256_min_ps(_mm256_max_ps(values, _mm256_setzero_ps()), _mm256_set1_ps(high));
}

SMOOTHBIT_INLINE __m256 round_avx2(__m256 values) {
  return _mm256_round_ps(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

template <int V>
SMOOTHBIT_INLINE void quantize_avx2(__m256 y[V], const Law& law, int64_t channel) {
  for (int v = 0; v < V; ++v) {
    const int64_t c = channel + 8 * v;
    const __m256 fine =
        _mm256_add_ps(_mm256_mul_ps(y[v], _mm256_loadu_ps(law.inv_scale + c)), _mm256_loadu_ps(law.phase + c));
    y[v] = clip_avx2(_mm256_add_ps(round_avx2(fine), _mm256_loadu_ps(law.zero_point + c)), law.fine_qmax);
  }
  if (!law.truncates) return;
  for (int v = 0; v < V; ++v) {
    const __m256 shifted = _mm256_add_ps(y[v], _mm256_set1_ps(law.shift));
    y[v] = clip_avx2(round_avx2(_mm256_mul_ps(shifted, _mm256_set1_ps(law.inv_divisor))), law.qmax);
  }
}

// Output codes as integers. Without zero point and truncation the clip can go before the rounding, since
// its ends are integers, and the conversion rounds half to even by itself: 4 operations instead of 7.
template <int V>
SMOOTHBIT_INLINE void quantize_to_codes_avx2(__m256 y[V], const Law& law, int64_t channel, __m256i codes[V]) {
  if (law.truncates || !law.zero_point_is_zero) {
    quantize_avx2<V>(y, law, channel);
    for (int v = 0; v < V; ++v) codes[v] = _mm256_cvttps_epi32(y[v]);
    return;
  }
  for (int v = 0; v < V; ++v) y[v] = _mm256_mul_ps(y[v], _mm256_loadu_ps(law.inv_scale + channel + 8 * v));
  if (!law.phase_is_zero)
    for (int v = 0; v < V; ++v) y[v] = _mm256_add_ps(y[v], _mm256_loadu_ps(law.phase + channel + 8 * v));
  for (int v = 0; v < V; ++v) codes[v] = _mm256_cvtps_epi32(clip_avx2(y[v], law.fine_qmax));
}

// The four values of a two-bit term whose step and offset are the same for every channel, in each half.
SMOOTHBIT_INLINE __m256 term_table_avx2(const Term& term) {
  const __m256 codes = _mm256_setr_ps(0, 1, 2, 3, 0, 1, 2, 3);
  return _mm256_add_ps(_mm256_mul_ps(codes, _mm256_set1_ps(term.step[0])), _mm256_set1_ps(term.offset[0]));
}

template <int kBits, int V>
SMOOTHBIT_INLINE void packed_term_avx2(const Term& term, const uint8_t* bytes, int64_t channel, int valid,
                                       __m256 values[V]) {
  __m256i codes[V];
  if (valid < 8) codes[0] = spread_word_avx2<kBits>(load_bytes(bytes, (valid * kBits + 7) / 8));
  else load_codes_avx2<kBits, V>(bytes, codes);
  if (kBits == 2 && term.is_uniform) {
    // A lookup instead of conversion, product and sum: the same float operations, done once for each code.
    const __m256 table = term_table_avx2(term);
    for (int v = 0; v < V; ++v) values[v] = _mm256_permutevar_ps(table, codes[v]);
    return;
  }
  for (int v = 0; v < V; ++v) {
    const int64_t c = channel + 8 * v;
    values[v] = _mm256_mul_ps(_mm256_cvtepi32_ps(codes[v]), _mm256_loadu_ps(term.step + c));
    values[v] = _mm256_add_ps(values[v], _mm256_loadu_ps(term.offset + c));
  }
}

// Where the lanes of a chunk come from and go to: 8 * V neighbouring channels of one row. The other place
// is the tile of several short rows (tile_avx2.h); both have the same members.
template <int V>
struct RowPlaceAvx2 {
  int64_t row;
  int64_t channel;  // first one, a multiple of 8; index into the channel arrays too
  int valid;        // < 8 only at V == 1: lanes that exist
  float row_term;

  SMOOTHBIT_INLINE __m256 row_terms(const Epilogue&) const { return _mm256_set1_ps(row_term); }
  SMOOTHBIT_INLINE __m256 row_factors(const float* factors) const { return _mm256_set1_ps(factors[row]); }
  // Lane factors of vector v from what the two functions above return.
  SMOOTHBIT_INLINE __m256 spread(__m256 factors, int) const { return factors; }

  SMOOTHBIT_INLINE const uint8_t* packed(const Term& term) const {
    return static_cast<const uint8_t*>(term.data) + row * term.stride + channel * term.num_bits / 8;
  }
  SMOOTHBIT_INLINE void load_floats(const Term& term, __m256 values[V]) const {
    const float* data = static_cast<const float*>(term.data) + row * term.stride + channel;
    for (int v = 0; v < V; ++v)
      values[v] = valid < 8 ? _mm256_maskload_ps(data, lanes_below_avx2(valid)) : _mm256_loadu_ps(data + 8 * v);
  }
  SMOOTHBIT_INLINE void store_floats(const Epilogue& e, const __m256 values[V]) const {
    float* out = e.out_floats(row) + channel;
    for (int v = 0; v < V; ++v) {
      if (valid < 8) _mm256_maskstore_ps(out, lanes_below_avx2(valid), values[v]);
      else store_floats_avx2(e, out + 8 * v, values[v]);
    }
  }
  template <int kBits>
  SMOOTHBIT_INLINE void store_codes(const Epilogue& e, __m256i codes[V]) const {
    uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride + channel * kBits / 8;
    if constexpr (V == 4) {
      store_chunk_avx2<kBits>(out, codes);
    } else {
      if (valid < 8) codes[0] = _mm256_and_si256(codes[0], lanes_below_avx2(valid));
      store_bytes(out, gather_word_avx2<kBits>(codes[0]), (valid * kBits + 7) / 8);
    }
  }
};

template <int V, class Place>
SMOOTHBIT_INLINE void add_term_avx2(const Term& term, const Place& place, __m256 y[V]) {
  __m256 values[V];
  const int64_t channel = place.channel;
  if (term.num_bits == 32) {
    place.load_floats(term, values);
    for (int v = 0; v < V; ++v) values[v] = _mm256_mul_ps(values[v], _mm256_loadu_ps(term.step + channel + 8 * v));
  } else {
    const uint8_t* bytes = place.packed(term);
    switch (term.num_bits) {
      case 1: packed_term_avx2<1, V>(term, bytes, channel, place.valid, values); break;
      case 2: packed_term_avx2<2, V>(term, bytes, channel, place.valid, values); break;
      case 4: packed_term_avx2<4, V>(term, bytes, channel, place.valid, values); break;
      default: packed_term_avx2<8, V>(term, bytes, channel, place.valid, values); break;
    }
  }
  if (term.row_scale) {
    const __m256 factors = place.row_factors(term.row_scale);
    for (int v = 0; v < V; ++v) values[v] = _mm256_mul_ps(values[v], place.spread(factors, v));
  }
  for (int v = 0; v < V; ++v) y[v] = _mm256_add_ps(y[v], values[v]);
}

// Finishes 8 * V lanes.
template <int V, class Place, class Sum>
SMOOTHBIT_INLINE void finish_chunk_avx2(const Epilogue& e, const Place& place, const Sum* sums) {
  const int64_t channel = place.channel;
  __m256 y[V];
  for (int v = 0; v < V; ++v)
    y[v] = e.col_scale ? _mm256_mul_ps(_mm256_cvtepi32_ps(load_sums_avx2(sums + 8 * v)),
                                       _mm256_loadu_ps(e.col_scale + channel + 8 * v))
                       : _mm256_setzero_ps();
  if (e.col_term) {
    const __m256 factors = place.row_terms(e);
    for (int v = 0; v < V; ++v)
      y[v] = _mm256_add_ps(
          y[v], _mm256_mul_ps(place.spread(factors, v), _mm256_loadu_ps(e.col_term + channel + 8 * v)));
  }
  if (e.row_scale) {
    const __m256 factors = place.row_factors(e.row_scale);
    for (int v = 0; v < V; ++v) y[v] = _mm256_mul_ps(y[v], place.spread(factors, v));
  }
  if (e.col_bias)
    for (int v = 0; v < V; ++v) y[v] = _mm256_add_ps(y[v], _mm256_loadu_ps(e.col_bias + channel + 8 * v));
  if (e.aggregate.num_bits) {
    quantize_avx2<V>(y, e.aggregate, channel);
    for (int v = 0; v < V; ++v) {
      const int64_t c = channel + 8 * v;
      y[v] = _mm256_mul_ps(y[v], _mm256_loadu_ps(e.aggregate_step + c));
      y[v] = _mm256_add_ps(y[v], _mm256_loadu_ps(e.aggregate_offset + c));
    }
  }
  for (int t = 0; t < e.num_terms; ++t) add_term_avx2<V>(e.terms[t], place, y);
  if (e.has_relu)
    for (int v = 0; v < V; ++v) y[v] = _mm256_max_ps(y[v], _mm256_setzero_ps());
  if (e.output_row_scale) {
    const __m256 factors = place.row_factors(e.output_row_scale);
    for (int v = 0; v < V; ++v) y[v] = _mm256_mul_ps(y[v], place.spread(factors, v));
  }
  if (!e.output.num_bits) {
    place.store_floats(e, y);
    return;
  }
  __m256i codes[V];
  quantize_to_codes_avx2<V>(y, e.output, channel, codes);
  switch (e.output.num_bits) {
    case 1: place.template store_codes<1>(e, codes); break;
    case 2: place.template store_codes<2>(e, codes); break;
    case 4: place.template store_codes<4>(e, codes); break;
    default: place.template store_codes<8>(e, codes); break;
  }
}

}  // namespace
}  // namespace smoothbit

#include "simple_avx2.h"

namespace smoothbit {
namespace {

template <class Sum>
__attribute__((noinline)) void finish_chunks_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count,
                                                  const Sum* sums, float row_term) {
  int64_t i = 0;
  for (; i + 32 <= count; i += 32)
    finish_chunk_avx2<4>(e, RowPlaceAvx2<4>{row, begin + i, 8, row_term}, sums_at(sums, i));
  for (; i < count; i += 8) {
    const int valid = static_cast<int>(count - i < 8 ? count - i : 8);
    finish_chunk_avx2<1>(e, RowPlaceAvx2<1>{row, begin + i, valid, row_term}, sums_at(sums, i));
  }
}

// Finishes channels [begin, begin + count) of a row; sums[0] belongs to channel `begin`, a multiple of 8,
// and `sums` can be read up to the next multiple of 8.
template <class Sum>
SMOOTHBIT_INLINE void finish_row_avx2(const Epilogue& e, int64_t row, int64_t begin, int64_t count, const Sum* sums,
                                      float row_term) {
  const int64_t done = e.is_simple ? finish_simple_avx2(e, row, begin, count, sums, row_term) : 0;
  if (done < count) finish_chunks_avx2(e, row, begin + done, count - done, sums_at(sums, done), row_term);
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_TARGET
