// AVX-512 (F, BW, VL, DQ) epilogue of one row, in chunks of 64 channels, then masked groups of 16.
//
// As in the AVX2 form codes travel as i32 in natural channel order; masks take the place of copies at the
// ends of rows. A masked-off lane of a load is not read and of a store is not written.
#pragma once

#include <cstdint>

#include "../bytes.h"
#include "avx512_intrinsics.h"
#include "serial.h"
#include "smoothbit/epilogue.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

SMOOTHBIT_INLINE __mmask16 lanes_below_avx512(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : (1u << count) - 1);
}

// `count` <= 16 codes from exactly the bytes that hold them.
template <int kBits>
SMOOTHBIT_INLINE __m512i load_codes_avx512(const uint8_t* bytes, int64_t count) {
  if constexpr (kBits == 8) {
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lanes_below_avx512(count), bytes));
  } else {
    constexpr int b = kBits;
    const uint64_t word = load_bytes(bytes, (count * kBits + 7) / 8);
    __m512i copies = _mm512_set1_epi32(static_cast<int>(word));
    // 16 codes of 4 bits take 64 bits: lanes 8 to 15 use the upper half of the word.
    if constexpr (kBits == 4) copies = _mm512_mask_set1_epi32(copies, 0xff00, static_cast<int>(word >> 32));
    const __m512i shifts =
        _mm512_set_epi32(15 * b & 31, 14 * b & 31, 13 * b & 31, 12 * b & 31, 11 * b & 31, 10 * b & 31, 9 * b & 31,
                         8 * b & 31, 7 * b, 6 * b, 5 * b, 4 * b, 3 * b, 2 * b, b, 0);
    return _mm512_and_si512(_mm512_srlv_epi32(copies, shifts), _mm512_set1_epi32((1 << kBits) - 1));
  }
}

// Stores `count` <= 16 codes to exactly the bytes that hold them; lanes from `count` on must be zero.
template <int kBits>
SMOOTHBIT_INLINE void store_codes_avx512(uint8_t* out, __m512i codes_i32x16, int64_t count) {
  const __m128i codes_u8x16 = _mm512_cvtepi32_epi8(codes_i32x16);
  if constexpr (kBits == 8) {
    _mm_mask_storeu_epi8(out, lanes_below_avx512(count), codes_u8x16);
  } else if constexpr (kBits == 1) {
    const uint64_t word = static_cast<uint32_t>(_mm_movemask_epi8(_mm_slli_epi16(codes_u8x16, 7)));
    store_bytes(out, word, (count + 7) / 8);
  } else {
    // Neighbours: c[2i] + 2^b c[2i + 1], at most 255, as int16.
    const __m128i pairs = _mm_maddubs_epi16(codes_u8x16, _mm_set1_epi16((1 << (kBits + 8)) | 1));
    __m128i bytes;
    if constexpr (kBits == 4) {
      bytes = _mm_packus_epi16(pairs, pairs);
    } else {
      const __m128i quads = _mm_madd_epi16(pairs, _mm_set1_epi32((16 << 16) | 1));
      const __m128i quads_u16 = _mm_packus_epi32(quads, quads);
      bytes = _mm_packus_epi16(quads_u16, quads_u16);
    }
    store_bytes(out, static_cast<uint64_t>(_mm_cvtsi128_si64(bytes)), (count * kBits + 7) / 8);
  }
}

SMOOTHBIT_INLINE __m512i load_sums_avx512(const int32_t* sums) { return _mm512_loadu_si512(sums); }
SMOOTHBIT_INLINE __m512i load_sums_avx512(const uint16_t* sums) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums)));
}
SMOOTHBIT_INLINE __m512i load_sums_avx512(const uint8_t* sums) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sums)));
}

// The constant is the second operand: NaN becomes 0.
SMOOTHBIT_INLINE __m512 clip_avx512(__m512 values, float high) {
  return _mm512_min_ps(_mm512_max_ps(values, _mm512_setzero_ps()), _mm512_set1_ps(high));
}

SMOOTHBIT_INLINE __m512 round_avx512(__m512 values) {
  return _mm512_roundscale_ps(values, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

template <int V>
SMOOTHBIT_INLINE void quantize_avx512(__m512 y[V], const Law& law, int64_t channel) {
  for (int v = 0; v < V; ++v) {
    const int64_t c = channel + 16 * v;
    const __m512 fine =
        _mm512_add_ps(_mm512_mul_ps(y[v], _mm512_loadu_ps(law.inv_scale + c)), _mm512_loadu_ps(law.phase + c));
    y[v] = clip_avx512(_mm512_add_ps(round_avx512(fine), _mm512_loadu_ps(law.zero_point + c)), law.fine_qmax);
  }
  if (!law.truncates) return;
  for (int v = 0; v < V; ++v) {
    const __m512 shifted = _mm512_add_ps(y[v], _mm512_set1_ps(law.shift));
    y[v] = clip_avx512(round_avx512(_mm512_mul_ps(shifted, _mm512_set1_ps(law.inv_divisor))), law.qmax);
  }
}

template <int kBits, int V>
SMOOTHBIT_INLINE void packed_term_avx512(const Term& term, const uint8_t* bytes, int64_t channel, int64_t count,
                                         __m512 values[V]) {
  for (int v = 0; v < V; ++v) {
    const int64_t c = channel + 16 * v;
    const __m512i codes = load_codes_avx512<kBits>(bytes + 2 * kBits * v, V == 1 ? count : 16);
    values[v] = _mm512_mul_ps(_mm512_cvtepi32_ps(codes), _mm512_loadu_ps(term.step + c));
    values[v] = _mm512_add_ps(values[v], _mm512_loadu_ps(term.offset + c));
  }
}

template <int V>
SMOOTHBIT_INLINE void add_term_avx512(const Term& term, int64_t row, int64_t channel, int64_t count, __m512 y[V]) {
  __m512 values[V];
  if (term.num_bits == 32) {
    const float* data = static_cast<const float*>(term.data) + row * term.stride + channel;
    for (int v = 0; v < V; ++v) {
      const __m512 loaded = V == 1 ? _mm512_maskz_loadu_ps(lanes_below_avx512(count), data)
                                   : _mm512_loadu_ps(data + 16 * v);
      values[v] = _mm512_mul_ps(loaded, _mm512_loadu_ps(term.step + channel + 16 * v));
    }
  } else {
    const uint8_t* bytes =
        static_cast<const uint8_t*>(term.data) + row * term.stride + channel * term.num_bits / 8;
    switch (term.num_bits) {
      case 1: packed_term_avx512<1, V>(term, bytes, channel, count, values); break;
      case 2: packed_term_avx512<2, V>(term, bytes, channel, count, values); break;
      case 4: packed_term_avx512<4, V>(term, bytes, channel, count, values); break;
      default: packed_term_avx512<8, V>(term, bytes, channel, count, values); break;
    }
  }
  if (term.row_scale) {
    const __m512 scale = _mm512_set1_ps(term.row_scale[row]);
    for (int v = 0; v < V; ++v) values[v] = _mm512_mul_ps(values[v], scale);
  }
  for (int v = 0; v < V; ++v) y[v] = _mm512_add_ps(y[v], values[v]);
}

template <int kBits, int V>
SMOOTHBIT_INLINE void store_rounded_avx512(uint8_t* out_row, int64_t channel, int64_t count, const __m512 y[V]) {
  uint8_t* out = out_row + channel * kBits / 8;
  for (int v = 0; v < V; ++v) {
    __m512i codes = _mm512_cvttps_epi32(y[v]);
    if (V == 1) codes = _mm512_maskz_mov_epi32(lanes_below_avx512(count), codes);
    store_codes_avx512<kBits>(out + 2 * kBits * v, codes, V == 1 ? count : 16);
  }
}

// Finishes 16 * V channels from `channel`, a multiple of 8; at V = 1 the first `count` of them.
template <int V, class Sum>
SMOOTHBIT_INLINE void finish_chunk_avx512(const Epilogue& e, int64_t row, int64_t channel, int64_t count,
                                          const Sum* sums, float row_term) {
  __m512 y[V];
  for (int v = 0; v < V; ++v)
    y[v] = e.col_scale ? _mm512_mul_ps(_mm512_cvtepi32_ps(load_sums_avx512(sums + 16 * v)),
                                       _mm512_loadu_ps(e.col_scale + channel + 16 * v))
                       : _mm512_setzero_ps();
  if (e.col_term) {
    const __m512 factor = _mm512_set1_ps(row_term);
    for (int v = 0; v < V; ++v)
      y[v] = _mm512_add_ps(y[v], _mm512_mul_ps(factor, _mm512_loadu_ps(e.col_term + channel + 16 * v)));
  }
  if (e.row_scale) {
    const __m512 factor = _mm512_set1_ps(e.row_scale[row]);
    for (int v = 0; v < V; ++v) y[v] = _mm512_mul_ps(y[v], factor);
  }
  if (e.col_bias)
    for (int v = 0; v < V; ++v) y[v] = _mm512_add_ps(y[v], _mm512_loadu_ps(e.col_bias + channel + 16 * v));
  if (e.aggregate.num_bits) {
    quantize_avx512<V>(y, e.aggregate, channel);
    for (int v = 0; v < V; ++v) {
      const int64_t c = channel + 16 * v;
      y[v] = _mm512_mul_ps(y[v], _mm512_loadu_ps(e.aggregate_step + c));
      y[v] = _mm512_add_ps(y[v], _mm512_loadu_ps(e.aggregate_offset + c));
    }
  }
  for (int t = 0; t < e.num_terms; ++t) add_term_avx512<V>(e.terms[t], row, channel, count, y);
  if (e.has_relu)
    for (int v = 0; v < V; ++v) y[v] = _mm512_max_ps(y[v], _mm512_setzero_ps());
  if (e.output_row_scale) {
    const __m512 factor = _mm512_set1_ps(e.output_row_scale[row]);
    for (int v = 0; v < V; ++v) y[v] = _mm512_mul_ps(y[v], factor);
  }
  if (!e.output.num_bits) {
    float* out = e.out_floats(row) + channel;
    for (int v = 0; v < V; ++v)
      _mm512_mask_storeu_ps(out + 16 * v, V == 1 ? lanes_below_avx512(count) : lanes_below_avx512(16), y[v]);
    return;
  }
  quantize_avx512<V>(y, e.output, channel);
  uint8_t* out_row = static_cast<uint8_t*>(e.out) + row * e.out_stride;
  switch (e.output.num_bits) {
    case 1: store_rounded_avx512<1, V>(out_row, channel, count, y); break;
    case 2: store_rounded_avx512<2, V>(out_row, channel, count, y); break;
    case 4: store_rounded_avx512<4, V>(out_row, channel, count, y); break;
    default: store_rounded_avx512<8, V>(out_row, channel, count, y); break;
  }
}

// Finishes channels [begin, begin + count) of a row; sums[0] belongs to channel `begin`, a multiple of 8,
// and `sums` can be read up to the next multiple of 16.
template <class Sum>
inline __attribute__((noinline)) void finish_row_avx512(const Epilogue& e, int64_t row, int64_t begin,
                                                        int64_t count, const Sum* sums, float row_term) {
  int64_t i = 0;
  for (; i + 64 <= count; i += 64) finish_chunk_avx512<4>(e, row, begin + i, 16, sums_at(sums, i), row_term);
  for (; i < count; i += 16) {
    const int64_t rest = count - i < 16 ? count - i : 16;
    finish_chunk_avx512<1>(e, row, begin + i, rest, sums_at(sums, i), row_term);
  }
}

}  // namespace
}  // namespace smoothbit
SMOOTHBIT_END_AVX512
