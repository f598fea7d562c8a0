// attend, NEON: weights by the float32 polynomial and its doubt as in the AVX2 file, four at a time; sums of eight
// channels at a time.
#if defined(__aarch64__)
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "../epilogue/neon.h"
#include "rows.h"
#include "smoothbit/attend.h"
#include "weight_serial.h"

namespace smoothbit {
namespace {

constexpr float kDoubt = 1e-3f;
constexpr int64_t kAhead = 8;  // entries between a prefetch and its use

SMOOTHBIT_INLINE float32x4_t leaky_neon(float32x4_t total, float slope) {
  return vbslq_f32(vcgtq_f32(total, vdupq_n_f32(0.0f)), total, vmulq_n_f32(total, slope));
}

// The first `count` <= 4 floats, then zeros; reads nothing more.
SMOOTHBIT_INLINE float32x4_t load_floats_neon(const float* values, int64_t count) {
  if (count >= 4) return vld1q_f32(values);
  float part[4] = {};
  for (int64_t i = 0; i < count; ++i) part[i] = values[i];
  return vld1q_f32(part);
}

template <Score kScore>
SMOOTHBIT_INLINE float32x4_t product_neon(const AttendArgs& args, const float* key, const float* query, int64_t channel,
                                          int64_t count) {
  if (count <= 0) return vdupq_n_f32(0.0f);
  const float32x4_t keys = load_floats_neon(key + channel, count), queries = load_floats_neon(query + channel, count);
  if constexpr (kScore == Score::dot) return vmulq_f32(keys, queries);
  return vmulq_f32(load_floats_neon(args.vector + channel, count), leaky_neon(vaddq_f32(keys, queries), args.slope));
}

// The eight parts of attention.py: 0 to 3 and 4 to 7, then ((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)).
template <Score kScore>
SMOOTHBIT_INLINE float rate_head_neon(const AttendArgs& args, const float* key, const float* query, int64_t begin) {
  float32x4_t low = vdupq_n_f32(0.0f), high = low;
  for (int64_t c = 0; c < args.head_channels(); c += 8) {
    const int64_t left = args.head_channels() - c;
    low = vaddq_f32(low, product_neon<kScore>(args, key, query, begin + c, left));
    high = vaddq_f32(high, product_neon<kScore>(args, key, query, begin + c + 4, left - 4));
  }
  const float32x4_t half = vaddq_f32(low, high);
  const float32x2_t quarter = vadd_f32(vget_low_f32(half), vget_high_f32(half));
  return vget_lane_f32(quarter, 0) + vget_lane_f32(quarter, 1);
}

// rint(255 e^d) of four differences.
SMOOTHBIT_INLINE int32x4_t weights_neon(float32x4_t difference) {
  const float32x4_t x = vmaxnmq_f32(difference, vdupq_n_f32(-16.0f));  // -16 for NaN
  const float32x4_t exponent = vrndnq_f32(vmulq_n_f32(x, 1.44269504f));
  float32x4_t rest = vsubq_f32(x, vmulq_n_f32(exponent, 0.693359375f));  // exact product
  rest = vaddq_f32(rest, vmulq_n_f32(exponent, 2.12194440e-4f));
  float32x4_t power = vdupq_n_f32(static_cast<float>(kExp[7]));
  for (int k = 6; k >= 0; --k)
    power = vaddq_f32(vmulq_f32(power, rest), vdupq_n_f32(static_cast<float>(kExp[k])));
  const int32x4_t scale = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(exponent), vdupq_n_s32(127)), 23);
  const float32x4_t scaled = vmulq_n_f32(vmulq_f32(power, vreinterpretq_f32_s32(scale)), 255.0f);
  const float32x4_t whole = vrndnq_f32(scaled);
  const uint32x4_t doubtful = vcgtq_f32(vabsq_f32(vsubq_f32(scaled, whole)), vdupq_n_f32(0.5f - kDoubt));
  const int32x4_t weights = vcvtnq_s32_f32(whole);
  if (vmaxvq_u32(doubtful) == 0) return weights;
  float differences[4];
  uint32_t is_doubtful[4];
  int32_t exact[4];
  vst1q_f32(differences, difference);
  vst1q_u32(is_doubtful, doubtful);
  vst1q_s32(exact, weights);
  for (int lane = 0; lane < 4; ++lane)
    if (is_doubtful[lane]) exact[lane] = weight_serial(differences[lane]);
  return vld1q_s32(exact);
}

template <int kBits>
struct NeonAttention : PlainReductions {
  static void rate(const AttendArgs& args, int64_t row, int64_t from, int64_t to, float* scores) {
    switch (args.score) {
      case Score::additive: return rate_additive(args, row, from, to, scores);
      case Score::dynamic: return rate_products<Score::dynamic>(args, row, from, to, scores);
      case Score::dot: return rate_products<Score::dot>(args, row, from, to, scores);
    }
  }

  static void weigh(const float* scores, int64_t count, int64_t heads, const float* largest, int32_t* weights) {
    const int64_t total = count * heads;
    if (heads <= 4 && 4 % heads == 0) {
      float pattern[4];
      for (int64_t lane = 0; lane < 4; ++lane) pattern[lane] = largest[lane % heads];
      const float32x4_t top = vld1q_f32(pattern);
      for (int64_t i = 0; i < total; i += 4)  // what is written after the end belongs to the pad
        vst1q_s32(weights + i, weights_neon(vsubq_f32(load_floats_neon(scores + i, total - i), top)));
      return;
    }
    for (int64_t i = 0; i < total; i += heads)
      for (int64_t h = 0; h < heads; h += 4) {
        const float32x4_t top = load_floats_neon(largest + h, heads - h);
        const int32x4_t quad = weights_neon(vsubq_f32(load_floats_neon(scores + i + h, heads - h), top));
        vst1q_s32(weights + i + h, quad);  // the next entry writes over what is too much
      }
  }

  static void gather(const AttendArgs& args, int64_t from, int64_t to, const int32_t* weights, int64_t begin,
                     int64_t count, int32_t* sums) {
    for (int64_t i = 0; i < count; i += 8)
      gather_octet(args, from, to, weights, begin + i, std::min<int64_t>(count - i, 8), sums + i);
  }

 private:
  static void rate_additive(const AttendArgs& args, int64_t row, int64_t from, int64_t to, float* scores) {
    const int64_t heads = args.num_heads;
    const float* query = args.queries + row * heads;
    for (int64_t entry = from; entry < to; ++entry, scores += heads) {
      const float* key = args.keys + args.indices[entry] * heads;
      for (int64_t h = 0; h < heads; ++h) {
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
        *scores = rate_head_neon<kScore>(args, key, query, h * args.head_channels());
        if (kScore == Score::dot) *scores = *scores * args.scale;
      }
    }
  }

  static void gather_octet(const AttendArgs& args, int64_t from, int64_t to, const int32_t* weights, int64_t channel,
                           int64_t valid, int32_t* sums) {
    int64_t heads[8];
    for (int64_t k = 0; k < 8; ++k) heads[k] = std::min(channel + k, args.num_channels - 1) / args.head_channels();
    if (heads[0] == heads[7]) {
      add_codes(args, from, to, channel, valid, sums, [&](int64_t i) {
        const int32x4_t weight = vdupq_n_s32(weights[i * args.num_heads + heads[0]]);
        return int32x4x2_t{weight, weight};
      });
    } else {
      add_codes(args, from, to, channel, valid, sums, [&](int64_t i) {
        int32_t chosen[8];
        for (int k = 0; k < 8; ++k) chosen[k] = weights[i * args.num_heads + heads[k]];
        return int32x4x2_t{vld1q_s32(chosen), vld1q_s32(chosen + 4)};
      });
    }
  }

  template <class Weight>
  static SMOOTHBIT_INLINE void add_codes(const AttendArgs& args, int64_t from, int64_t to, int64_t channel,
                                         int64_t valid, int32_t* sums, const Weight& weight) {
    int32x4_t low = vld1q_s32(sums), high = vld1q_s32(sums + 4);
    const uint8_t* base = args.source + channel * kBits / 8;
    const int64_t last = args.indptr[args.num_rows], bytes = (valid * kBits + 7) / 8;
    for (int64_t entry = from; entry < to; ++entry) {
      if (entry + kAhead < last) __builtin_prefetch(base + args.indices[entry + kAhead] * args.source_stride);
      const CodeOctet codes =
          spread_word_neon<kBits>(load_bytes(base + args.indices[entry] * args.source_stride, bytes));
      const int32x4x2_t factors = weight(entry - from);
      low = vmlaq_s32(low, vreinterpretq_s32_u32(codes.low), factors.val[0]);
      high = vmlaq_s32(high, vreinterpretq_s32_u32(codes.high), factors.val[1]);
    }
    vst1q_s32(sums, low);
    vst1q_s32(sums + 4, high);
  }
};

}  // namespace

void attend_u1_neon(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<NeonAttention<1>>(args, begin, end);
}
void attend_u2_neon(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<NeonAttention<2>>(args, begin, end);
}
void attend_u4_neon(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<NeonAttention<4>>(args, begin, end);
}
void attend_u8_neon(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<NeonAttention<8>>(args, begin, end);
}

}  // namespace smoothbit
#endif
