// attend, portable.
#include "../epilogue/serial.h"
#include "rows.h"
#include "weight_serial.h"

namespace smoothbit {
namespace {

inline float leaky_serial(float total, float slope) { return total > 0.0f ? total : total * slope; }

// The sum over the channels of a head in the eight parts that attention.py states.
inline float rate_head_serial(const AttendArgs& args, const float* key, const float* query, int64_t begin) {
  float parts[8] = {};
  for (int64_t c = 0; c < args.head_channels(); ++c) {
    const int64_t i = begin + c;
    const float product =
        args.score == Score::dot ? key[i] * query[i] : args.vector[i] * leaky_serial(key[i] + query[i], args.slope);
    parts[c % 8] = parts[c % 8] + product;
  }
  const float even = (parts[0] + parts[4]) + (parts[2] + parts[6]);
  const float odd = (parts[1] + parts[5]) + (parts[3] + parts[7]);
  return even + odd;
}

template <int kBits>
struct SerialAttention : PlainReductions {
  static void rate(const AttendArgs& args, int64_t row, int64_t from, int64_t to, float* scores) {
    const int64_t rated = args.rated();
    const float* query = args.queries + row * rated;
    for (int64_t entry = from; entry < to; ++entry) {
      const float* key = args.keys + args.indices[entry] * rated;
      for (int64_t h = 0; h < args.num_heads; ++h, ++scores) {
        if (args.score == Score::additive) {
          *scores = leaky_serial(key[h] + query[h], args.slope);
          continue;
        }
        *scores = rate_head_serial(args, key, query, h * args.head_channels());
        if (args.score == Score::dot) *scores = *scores * args.scale;
      }
    }
  }

  static void weigh(const float* scores, int64_t count, int64_t heads, const float* largest, int32_t* weights) {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t h = 0; h < heads; ++h) weights[i * heads + h] = weight_serial(scores[i * heads + h] - largest[h]);
  }

  static void gather(const AttendArgs& args, int64_t from, int64_t to, const int32_t* weights, int64_t begin,
                     int64_t count, int32_t* sums) {
    const int64_t per_head = args.head_channels();
    for (int64_t entry = from; entry < to; ++entry, weights += args.num_heads) {
      const uint8_t* codes = args.source + args.indices[entry] * args.source_stride;
      for (int64_t i = 0; i < count; ++i)
        sums[i] += weights[(begin + i) / per_head] * code_at_serial(codes, kBits, begin + i);
    }
  }
};

}  // namespace

void attend_u1_serial(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<SerialAttention<1>>(args, begin, end);
}
void attend_u2_serial(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<SerialAttention<2>>(args, begin, end);
}
void attend_u4_serial(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<SerialAttention<4>>(args, begin, end);
}
void attend_u8_serial(const AttendArgs& args, int64_t begin, int64_t end) {
  attend_rows<SerialAttention<8>>(args, begin, end);
}

}  // namespace smoothbit
