// attend, AVX2.
//
// Weights: rint(255 e^d) needs 8 bits, so a float32 polynomial decides it unless 255 e^d lies within kDoubt of a
// half-integer; then (one value in 500) the float64 sequence of weight_serial.h does. Bounds, for -16 <= d <= 0:
// reduction 2^-22, series of degree 7 under 2^-27, Horner and scaling 8 * 2^-24, all relative to at most 255:
// together below 2e-4; the reference itself is within 4e-5 of 255 e^d. Below -16 both are 0.
//
// Sums: 32 channels at a time. A 16-bit multiply-add whose upper half is zero is an exact product of code and weight.
// Eight neighbouring channels of one head take a broadcast weight, others a gathered vector of weights.
#if defined(__x86_64__)
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../epilogue/avx2.h"
#include "../prefetch.h"
#include "smoothbit/attend.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
#include "rows.h"
#include "weight_serial.h"

namespace smoothbit {
namespace {

constexpr float kDoubt = 1e-3f;
constexpr int64_t kAhead = 8;  // entries between a prefetch and its use

SMOOTHBIT_INLINE __m256 leaky_avx2(__m256 total, __m256 slope) {
  const __m256 is_positive = _mm256_cmp_ps(total, _mm256_setzero_ps(), _CMP_GT_OQ);
  return _mm256_blendv_ps(_mm256_mul_ps(total, slope), total, is_positive);
}

// ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7))
SMOOTHBIT_INLINE float sum_parts_avx2(__m256 parts) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(parts), _mm256_extractf128_ps(parts, 1));
  const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_shuffle_ps(quarter, quarter, 1)));
}

// The first `count` < 8 floats, then zeros; reads nothing more.
SMOOTHBIT_INLINE __m256 load_floats_avx2(const float* values, __m256i mask) { return _mm256_maskload_ps(values, mask); }

template <Score kScore>
SMOOTHBIT_INLINE __m256 product_avx2(__m256 key, __m256 query, __m256 vector, __m256 slope) {
  if constexpr (kScore == Score::dot) return _mm256_mul_ps(key, query);
  return _mm256_mul_ps(vector, leaky_avx2(_mm256_add_ps(key, query), slope));
}

template <Score kScore>
SMOOTHBIT_INLINE float rate_head_avx2(const AttendArgs& args, const float* key, const float* query, int64_t begin) {
  const float* vector = kScore == Score::dot ? key : args.vector;  // not read by dot
  const __m256 slope = _mm256_set1_ps(args.slope);
  const int64_t end = begin + args.head_channels();
  __m256 parts = _mm256_setzero_ps();
  int64_t i = begin;
  for (; i + 8 <= end; i += 8)
    parts = _mm256_add_ps(parts, product_avx2<kScore>(_mm256_loadu_ps(key + i), _mm256_loadu_ps(query + i),
                                                      _mm256_loadu_ps(vector + i), slope));
  if (i < end) {
    const __m256i mask = lanes_below_avx2(static_cast<int>(end - i));
    parts = _mm256_add_ps(parts, product_avx2<kScore>(load_floats_avx2(key + i, mask), load_floats_avx2(query + i, mask),
                                                      load_floats_avx2(vector + i, mask), slope));
  }
  return sum_parts_avx2(parts);
}

// rint(255 e^d) of eight differences.
SMOOTHBIT_INLINE __m256i weights_avx2(__m256 difference) {
  const __m256 x = _mm256_max_ps(difference, _mm256_set1_ps(-16.0f));  // -16 for NaN
  const __m256 exponent = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                                          _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 rest = _mm256_sub_ps(x, _mm256_mul_ps(exponent, _mm256_set1_ps(0.693359375f)));  // exact product
  rest = _mm256_add_ps(rest, _mm256_mul_ps(exponent, _mm256_set1_ps(2.12194440e-4f)));
  __m256 power = _mm256_set1_ps(static_cast<float>(kExp[7]));
  for (int k = 6; k >= 0; --k)
    power = _mm256_add_ps(_mm256_mul_ps(power, rest), _mm256_set1_ps(static_cast<float>(kExp[k])));
  const __m256i scale =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127)), 23);
  const __m256 scaled = _mm256_mul_ps(_mm256_mul_ps(power, _mm256_castsi256_ps(scale)), _mm256_set1_ps(255.0f));
  const __m256 whole = _mm256_round_ps(scaled, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256 distance =
      _mm256_andnot_ps(_mm256_set1_ps(-0.0f), _mm256_sub_ps(scaled, whole));
  int doubtful = _mm256_movemask_ps(_mm256_cmp_ps(distance, _mm256_set1_ps(0.5f - kDoubt), _CMP_GT_OQ));
  __m256i weights = _mm256_cvtps_epi32(whole);
  if (doubtful) {
    alignas(32) float differences[8];
    alignas(32) int32_t exact[8];
    _mm256_store_ps(differences, difference);
    _mm256_store_si256(reinterpret_cast<__m256i*>(exact), weights);
    for (int lane = 0; doubtful; ++lane, doubtful >>= 1)
      if (doubtful & 1) exact[lane] = weight_serial(differences[lane]);
    weights = _mm256_load_si256(reinterpret_cast<const __m256i*>(exact));
  }
  return weights;
}

template <int kBits>
struct Avx2Attention {
  static void rate(const AttendArgs& args, int64_t row, int64_t from, int64_t to, float* scores) {
    switch (args.score) {
      case Score::additive: return rate_additive(args, row, from, to, scores);
      case Score::dynamic: return rate_products<Score::dynamic>(args, row, from, to, scores);
      case Score::dot: return rate_products<Score::dot>(args, row, from, to, scores);
    }
  }

  // Where eight values belong to whole entries, lane l of all is of head l % H.
  static void raise(const float* scores, int64_t count, int64_t heads, float* largest) {
    const int64_t total = count * heads;
    int64_t i = 0;
    if (is_periodic(heads)) {
      alignas(32) float lanes[8];
      __m256 top = _mm256_set1_ps(-std::numeric_limits<float>::infinity());
      for (; i + 8 <= total; i += 8) top = _mm256_max_ps(_mm256_loadu_ps(scores + i), top);
      _mm256_store_ps(lanes, top);
      for (int64_t k = 0; k < 8; ++k) largest[k % heads] = std::max(largest[k % heads], lanes[k]);
    }
    for (; i < total; i += heads)
      for (int64_t h = 0; h < heads; ++h) largest[h] = scores[i + h] > largest[h] ? scores[i + h] : largest[h];
  }

  static void total(const int32_t* weights, int64_t count, int64_t heads, int32_t* totals) {
    const int64_t total = count * heads;
    int64_t i = 0;
    if (is_periodic(heads)) {
      alignas(32) int32_t lanes[8];
      __m256i sum = _mm256_setzero_si256();
      for (; i + 8 <= total; i += 8)
        sum = _mm256_add_epi32(sum, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + i)));
      _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sum);
      for (int64_t k = 0; k < 8; ++k) totals[k % heads] += lanes[k];
    }
    for (; i < total; i += heads)
      for (int64_t h = 0; h < heads; ++h) totals[h] += weights[i + h];
  }

  static void weigh(const float* scores, int64_t count, int64_t heads, const float* largest, int32_t* weights) {
    const int64_t total = count * heads;
    if (is_periodic(heads)) {
      alignas(32) float pattern[8];
      for (int lane = 0; lane < 8; ++lane) pattern[lane] = largest[lane % heads];
      const __m256 top = _mm256_load_ps(pattern);
      int64_t i = 0;
      for (; i + 8 <= total; i += 8)
        store(weights + i, weights_avx2(_mm256_sub_ps(_mm256_loadu_ps(scores + i), top)));
      if (i < total) {  // what is written after the end belongs to the pad
        const __m256 rest = load_floats_avx2(scores + i, lanes_below_avx2(static_cast<int>(total - i)));
        store(weights + i, weights_avx2(_mm256_sub_ps(rest, top)));
      }
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      const float* from = scores + i * heads;
      int32_t* to = weights + i * heads;
      int64_t h = 0;
      for (; h + 8 <= heads; h += 8)
        store(to + h, weights_avx2(_mm256_sub_ps(_mm256_loadu_ps(from + h), _mm256_loadu_ps(largest + h))));
      if (h < heads) {
        const __m256i mask = lanes_below_avx2(static_cast<int>(heads - h));
        const __m256 rest = _mm256_sub_ps(load_floats_avx2(from + h, mask), load_floats_avx2(largest + h, mask));
        _mm256_maskstore_epi32(to + h, mask, weights_avx2(rest));
      }
    }
  }

  static void gather(const AttendArgs& args, int64_t from, int64_t to, const int32_t* weights, int64_t begin,
                     int64_t count, int32_t* sums) {
    int64_t i = 0;
    for (; i + 32 <= count; i += 32) gather_group<4>(args, from, to, weights, begin + i, 8, sums + i);
    for (; i < count; i += 8)
      gather_group<1>(args, from, to, weights, begin + i, static_cast<int>(std::min<int64_t>(count - i, 8)), sums + i);
  }

 private:
  static bool is_periodic(int64_t heads) { return heads <= 8 && 8 % heads == 0; }

  static SMOOTHBIT_INLINE void store(int32_t* to, __m256i values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), values);
  }

  static void rate_additive(const AttendArgs& args, int64_t row, int64_t from, int64_t to, float* scores) {
    const int64_t heads = args.num_heads;
    const float* query = args.queries + row * heads;
    const __m256 slope = _mm256_set1_ps(args.slope);
    for (int64_t entry = from; entry < to; ++entry, scores += heads) {
      const float* key = args.keys + args.indices[entry] * heads;
      int64_t h = 0;
      for (; h + 8 <= heads; h += 8)
        _mm256_storeu_ps(scores + h,
                         leaky_avx2(_mm256_add_ps(_mm256_loadu_ps(key + h), _mm256_loadu_ps(query + h)), slope));
      for (; h < heads; ++h) {
        const float total = key[h] + query[h];
        scores[h] = total > 0.0f ? total : total * args.slope;
      }
    }
  }

  template <Score kScore>
  static void rate_products(const AttendArgs& args, int64_t row, int64_t from, int64_t to, float* scores) {
    const float* query = args.queries + row * args.num_channels;
    for (int64_t entry = from; entry < to; ++entry) {
      const float* key = args.keys + args.indices[entry] * args.num_channels;
      for (int64_t h = 0; h < args.num_heads; ++h, ++scores) {
        *scores = rate_head_avx2<kScore>(args, key, query, h * args.head_channels());
        if (kScore == Score::dot) *scores = *scores * args.scale;
      }
    }
  }

  // Channels [channel, channel + 8 V) of all entries; `valid` of them where V is 1.
  template <int V>
  static SMOOTHBIT_INLINE void gather_group(const AttendArgs& args, int64_t from, int64_t to, const int32_t* weights,
                                            int64_t channel, int valid, int32_t* sums) {
    const int64_t per_head = args.head_channels(), last_head = args.num_heads - 1;
    alignas(32) int32_t heads[8 * V];  // of each channel
    int64_t next = channel / per_head, place = channel % per_head;
    for (int k = 0; k < 8 * V; ++k) {
      heads[k] = static_cast<int32_t>(std::min(next, last_head));
      if (++place == per_head) ++next, place = 0;
    }
    bool is_single = true;
    __m256i heads_i32x8[V];
    int64_t head[V];
    for (int v = 0; v < V; ++v) {
      head[v] = heads[8 * v];
      is_single = is_single && heads[8 * v] == heads[8 * v + 7];
      heads_i32x8[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(heads + 8 * v));
    }
    if (is_single) {
      add_codes<V>(args, from, to, channel, valid, sums, [&](int64_t i, int v) {
        return _mm256_set1_epi32(weights[i * args.num_heads + head[v]]);
      });
    } else {
      add_codes<V>(args, from, to, channel, valid, sums, [&](int64_t i, int v) {
        return _mm256_i32gather_epi32(weights + i * args.num_heads, heads_i32x8[v], 4);
      });
    }
  }

  template <int V, class Weight>
  static SMOOTHBIT_INLINE void add_codes(const AttendArgs& args, int64_t from, int64_t to, int64_t channel, int valid,
                                         int32_t* sums, const Weight& weight) {
    __m256i acc_i32x8[V];
    for (int v = 0; v < V; ++v) acc_i32x8[v] = _mm256_load_si256(reinterpret_cast<const __m256i*>(sums + 8 * v));
    const uint8_t* base = args.source + channel * kBits / 8;
    const int64_t last = args.indptr[args.num_rows];
    for (int64_t entry = from; entry < to; ++entry) {
      const uint8_t* bytes = base + args.indices[entry] * args.source_stride;
      if (entry + kAhead < last)
        prefetch_row(base + args.indices[entry + kAhead] * args.source_stride);
      __m256i codes_i32x8[V];
      if (V == 1) codes_i32x8[0] = spread_word_avx2<kBits>(load_bytes(bytes, (valid * kBits + 7) / 8));
      else load_codes_avx2<kBits, V>(bytes, codes_i32x8);
      for (int v = 0; v < V; ++v)
        acc_i32x8[v] = _mm256_add_epi32(acc_i32x8[v], _mm256_madd_epi16(codes_i32x8[v], weight(entry - from, v)));
    }
    for (int v = 0; v < V; ++v) _mm256_store_si256(reinterpret_cast<__m256i*>(sums + 8 * v), acc_i32x8[v]);
  }
};

}  // namespace

void attend_u1_avx2(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<Avx2Attention<1>>(args, begin, end);
}
void attend_u2_avx2(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<Avx2Attention<2>>(args, begin, end);
}
void attend_u4_avx2(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<Avx2Attention<4>>(args, begin, end);
}
void attend_u8_avx2(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<Avx2Attention<8>>(args, begin, end);
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
