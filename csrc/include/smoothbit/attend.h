// Attention over gathered packed rows: the mean of messages, weighted by the quantized softmax of edge scores.
//
// The operations and their order are those of src/smoothbit/kernels/attention.py.
//
// Shapes:   indptr [N + 1] int64, indices [E] int32 in [0, M), source [M, source_stride] bytes holding F codes,
//           queries [N, W] and keys [M, W] float32, W = H (additive) or F; vector, step, offset [F].
// Reads:    never past the stride of a row.
// Writes:   rows [row_begin, row_end) of out, [N, F] or [N, F / H] float32.
// Overflow: weights are at most 255, so sums are exact while row length * 255 * (2^b - 1) <= 2^31 - 1.
// Threads:  rows are independent.
#pragma once

#include <cstdint>

namespace smoothbit {

enum class Score : int { additive = 0, dynamic = 1, dot = 2 };

// Kernels keep scores of a row on the stack.
constexpr int64_t kMaxHeads = 1024;

struct AttendArgs {
  const int64_t* indptr = nullptr;
  const int32_t* indices = nullptr;
  const uint8_t* source = nullptr;
  int64_t source_stride = 0;
  int64_t num_rows = 0;
  int64_t num_channels = 0;  // F, a multiple of num_heads
  int64_t num_heads = 0;     // at most kMaxHeads
  const float* queries = nullptr;
  const float* keys = nullptr;
  Score score = Score::additive;
  float slope = 0;
  float scale = 1;
  const float* vector = nullptr;  // of dynamic scores
  const float* step = nullptr;
  const float* offset = nullptr;  // null when all are 0
  bool is_concatenated = true;
  float* out = nullptr;

  int64_t head_channels() const { return num_channels / num_heads; }
  int64_t rated() const { return score == Score::additive ? num_heads : num_channels; }
};

using AttendKernel = void (*)(const AttendArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
