// Elementwise functions of float32 values, by the operations of src/smoothbit/numerics/elementary.py: float64, rounded
// once at the end.
//
// Shapes:   values and out [N, F], dense; slopes [F] or null. Reads and writes nothing else.
// Threads:  rows are independent.
#pragma once

#include <cstdint>

namespace smoothbit {

// In the order of FUNCTIONS in src/smoothbit/kernels/elementwise.py.
enum class Function : int { leaky_relu, prelu, elu, selu, gelu, silu, sigmoid, tanh, softplus };
constexpr int kNumFunctions = 9;

struct ActivateArgs {
  const float* values = nullptr;
  float* out = nullptr;
  int64_t num_rows = 0;
  int64_t num_channels = 0;
  Function function = Function::leaky_relu;
  double slope = 0;               // of leaky_relu (used as float32), alpha of elu
  const float* slopes = nullptr;  // of prelu
};

using ActivateKernel = void (*)(const ActivateArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
