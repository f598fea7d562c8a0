// Epilogue: what happens to an exact int32 sum before it is stored again as packed codes.
//
// The law, its order of operations and the meaning of each field are those of
// src/smoothbit/kernels/epilogue.py; every float32 operation is rounded once (-ffp-contract=off), so
// all ISAs give the same bits.
//
// Element order of a packed row (docs/format.md): element i sits in byte i*b/8, from bit (i*b)%8 up.
// At 2 bits:
//
//     bit    7 6 | 5 4 | 3 2 | 1 0
//     elem   i+3 | i+2 | i+1 |  i
//
// Eight neighbouring channels therefore fill exactly b bytes, whatever b: kernels work in groups of
// eight channels in natural order, so sums, terms and outputs of different widths mix freely.
//
// Bounds: |sum| <= 2^31 - 1 is the caller's duty (checked when a model is loaded); int32 -> float32
// rounds half to even, as NumPy does.
#pragma once

#include <cstdint>

namespace smoothbit {

constexpr int kMaxTerms = 4;

// Per-channel arrays of an Epilogue can be read up to the next multiple of this many floats.
constexpr int64_t kChannelPad = 64;

// Kernels that keep sums in memory handle this many channels at a time: 1 KiB of int32.
constexpr int64_t kChannelBlock = 256;

// r = clip(rint(y * inv_scale + phase) + zero_point, 0, fine_qmax); with truncation
// codes = clip(rint((r + shift) * inv_divisor), 0, qmax). num_bits == 0: no quantization.
struct Law {
  int num_bits = 0;
  bool truncates = false;
  bool phase_is_zero = false;       // true only when every element is 0, so that
  bool zero_point_is_zero = false;  // a kernel may leave the addition out
  float fine_qmax = 0;
  float qmax = 0;
  float shift = 0;
  float inv_divisor = 1;
  const float* inv_scale = nullptr;   // [F]
  const float* phase = nullptr;       // [F]
  const float* zero_point = nullptr;  // [F]
};

struct Term {
  const void* data = nullptr;        // packed codes [N, stride], or float32 [N, stride] for 32 bits
  int64_t stride = 0;                // bytes of a packed row, floats of a float row
  int num_bits = 0;                  // 1, 2, 4, 8, or 32
  const float* step = nullptr;       // [F]
  const float* offset = nullptr;     // [F]; null for float values
  const float* row_scale = nullptr;  // [N] or null
  bool is_uniform = false;           // true only when step and offset are the same for every channel
};

class ThresholdCache;  // csrc/kernels/epilogue/thresholds.h

struct Epilogue {
  int64_t num_channels = 0;
  bool is_uniform = false;  // true only when every channel array holds one value throughout
  bool is_simple = false;   // true only when is_simple_epilogue() is, so that kernels may keep it in registers
  ThresholdCache* thresholds = nullptr;  // where kernels keep what they tabulate of this epilogue, or null
  const float* col_scale = nullptr;  // [F]; null: y starts from 0
  const float* row_term = nullptr;   // [N] or null; gemm computes it when only col_term is given
  const float* col_term = nullptr;   // [F] or null
  const float* row_scale = nullptr;  // [N] or null
  const float* col_bias = nullptr;   // [F] or null
  Law aggregate;
  const float* aggregate_step = nullptr;    // [F]
  const float* aggregate_offset = nullptr;  // [F]
  Term terms[kMaxTerms];
  int num_terms = 0;
  bool has_relu = false;
  const float* output_row_scale = nullptr;  // [N] or null
  Law output;                               // num_bits == 0: store float32
  void* out = nullptr;                      // packed [N, out_stride bytes] or float32 [N, F]
  int64_t out_stride = 0;                   // bytes, or F
  const int32_t* out_rows = nullptr;        // [N] or null; float32 only: where each row is stored, a permutation
  bool is_streamed = false;                 // float32 rows of whole registers of 32 bytes are stored past the caches

  // Float32 row `row` of the result.
  float* out_floats(int64_t row) const {
    return static_cast<float*>(out) + (out_rows ? out_rows[row] : row) * out_stride;
  }
};

// Whether codes are rounded once, from a whole zero point on.
inline bool is_plain_law(const Law& law) {
  const float zero_point = law.num_bits ? law.zero_point[0] : -1.0f;
  return !law.truncates && zero_point >= 0.0f && zero_point <= 255.0f &&
         zero_point == static_cast<float>(static_cast<int>(zero_point));
}

// Whether all channels share one plain law: a scaled sum, at most one packed term, codes of a whole zero point or float32.
// For whole zero points, clip(rint(x) + z, 0, q) = rint(clip(x, -z, q - z)) + z, which takes fewer operations.
inline bool is_simple_epilogue(const Epilogue& e) {
  if (!e.is_uniform || !e.col_scale || e.num_channels == 0 || e.aggregate.num_bits || e.num_terms > 1) return false;
  const int term_bits = e.num_terms ? e.terms[0].num_bits : e.output.num_bits;
  if (!e.output.num_bits) return term_bits <= 8;
  return !e.output_row_scale && term_bits == e.output.num_bits && is_plain_law(e.output);
}

}  // namespace smoothbit
