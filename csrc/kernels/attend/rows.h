// What attention does with a row, whatever the ISA: scores of its entries, weights, sums, the mean.
//
// Scores and weights of up to kBuffer / H entries are on the stack. A longer row computes them again for each part of
// its entries, once more for the largest score of each head.
//
// Kernel has static functions:
//     rate(args, row, from, to, scores)             e [to - from, H]
//     raise(scores, count, H, largest)              largest [H] = max(largest, each e)
//     weigh(scores, count, H, largest, weights)     p [count, H]
//     total(weights, count, H, totals)              totals [H] += each p
//     gather(args, from, to, weights, begin, count, sums)   adds p * code of channels [begin, begin + count)
//
// Included inside the target of its user, so that it is compiled for that ISA; the user includes what is below first.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>

#include "smoothbit/attend.h"
#include "smoothbit/epilogue.h"

namespace smoothbit {
namespace {

constexpr int64_t kBuffer = 4096;
constexpr int64_t kBufferPad = 8;

// v of channels [begin, begin + count), and where heads are averaged the running sum over heads.
inline void finish_attention(const AttendArgs& args, int64_t row, int64_t begin, int64_t count, const int32_t* sums,
                             const float* inverse) {
  const int64_t per_head = args.head_channels();
  float* out = args.out + row * (args.is_concatenated ? args.num_channels : per_head);
  for (int64_t i = 0; i < count;) {
    const int64_t head = (begin + i) / per_head, stop = std::min(count, (head + 1) * per_head - begin);
    float* place = args.is_concatenated ? out : out - head * per_head;
    for (; i < stop; ++i) {
      float value = static_cast<float>(sums[i]) * inverse[head];
      value = value * args.step[begin + i];
      if (args.offset) value = value + args.offset[begin + i];
      place[begin + i] = args.is_concatenated || head == 0 ? value : place[begin + i] + value;
    }
  }
}

// For kernels without registers of their own for it.
struct PlainReductions {
  static void raise(const float* scores, int64_t count, int64_t heads, float* largest) {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t h = 0; h < heads; ++h)
        largest[h] = scores[i * heads + h] > largest[h] ? scores[i * heads + h] : largest[h];
  }

  static void total(const int32_t* weights, int64_t count, int64_t heads, int32_t* totals) {
    for (int64_t i = 0; i < count; ++i)
      for (int64_t h = 0; h < heads; ++h) totals[h] += weights[i * heads + h];
  }
};

template <class Kernel>
void attend_rows(const AttendArgs& args, int64_t row_begin, int64_t row_end) {
  alignas(32) float scores[kBuffer + kBufferPad];
  alignas(32) int32_t weights[kBuffer + kBufferPad];
  alignas(32) int32_t sums[kChannelBlock];
  float largest[kMaxHeads], inverse[kMaxHeads];
  int32_t totals[kMaxHeads];
  const int64_t heads = args.num_heads, part = kBuffer / heads;
  const int64_t width = args.is_concatenated ? args.num_channels : args.head_channels();
  const float share = static_cast<float>(1.0 / static_cast<double>(heads));
  for (int64_t row = row_begin; row < row_end; ++row) {
    const int64_t begin = args.indptr[row], end = args.indptr[row + 1];
    float* out = args.out + row * width;
    if (begin == end) {
      std::memset(out, 0, static_cast<size_t>(width) * sizeof(float));
      continue;
    }
    std::fill(largest, largest + heads, -std::numeric_limits<float>::infinity());
    std::fill(totals, totals + heads, 0);
    for (int64_t from = begin; from < end; from += part) {
      const int64_t to = std::min(from + part, end);
      Kernel::rate(args, row, from, to, scores);
      Kernel::raise(scores, to - from, heads, largest);
    }
    const bool is_kept = end - begin <= part;
    for (int64_t channel = 0; channel < args.num_channels; channel += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, args.num_channels - channel);
      std::memset(sums, 0, sizeof sums);
      for (int64_t from = begin; from < end; from += part) {
        const int64_t to = std::min(from + part, end);
        if (!is_kept) Kernel::rate(args, row, from, to, scores);
        if (!is_kept || channel == 0) Kernel::weigh(scores, to - from, heads, largest, weights);
        if (channel == 0) Kernel::total(weights, to - from, heads, totals);
        Kernel::gather(args, from, to, weights, channel, count, sums);
      }
      if (channel == 0)
        for (int64_t h = 0; h < heads; ++h) inverse[h] = totals[h] > 0 ? 1.0f / static_cast<float>(totals[h]) : 0.0f;
      finish_attention(args, row, channel, count, sums, inverse);
    }
    if (!args.is_concatenated)
      for (int64_t c = 0; c < width; ++c) out[c] = out[c] * share;
  }
}

}  // namespace
}  // namespace smoothbit
