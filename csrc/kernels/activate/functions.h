// The functions of numerics/elementary.py on one float64, without branches, so that a compiler may take several at once.
//
// Included inside the target of its user, who includes <cmath>, <cstring> and smoothbit/activate.h first. Multiplying by
// a power of two made from its bits is exact, as `ldexp` is: results of exp are normal numbers.
#pragma once

namespace smoothbit {
namespace {

constexpr double kExpTerms[] = {1.0,           1.0,            1.0 / 2,         1.0 / 6,           1.0 / 24,
                                1.0 / 120,     1.0 / 720,      1.0 / 5040,      1.0 / 40320,       1.0 / 362880,
                                1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
constexpr double kExpm1Terms[] = {1.0,           1.0 / 2,        1.0 / 6,         1.0 / 24,     1.0 / 120,
                                  1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880, 1.0 / 3628800,
                                  1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
constexpr double kAtanhTerms[] = {1.0,      1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11, 1.0 / 13,
                                  1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23, 1.0 / 25, 1.0 / 27};
constexpr double kErfcTerms[] = {
    1.2375126308368283, -0.14024059858819277, 0.003585415648872839, 0.08227673860867003,
    -0.10880393454625799, 0.0923043196579977, -0.058693352738751266, 0.028362285498230447,
    -0.009746819802110554, 0.0017556055905842754, 0.0002944262688099582, -0.0002901358658524396,
    5.0390410252590834e-05, 2.2403810136216547e-05, -1.0112568762593626e-05, -1.0351640427505053e-06,
    9.400398087843174e-07,
};

template <int kCount>
SMOOTHBIT_INLINE double polynomial(const double (&terms)[kCount], double x) {
  double total = terms[kCount - 1];
  for (int k = kCount - 2; k >= 0; --k) total = total * x + terms[k];
  return total;
}

SMOOTHBIT_INLINE double power_of_two(double exponent) {
  const double shifted = exponent + 6755399441055744.0;  // 1.5 * 2^52: the integer is in the low bits
  uint64_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 1023) << 52;
  double power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}

SMOOTHBIT_INLINE double exp_f64(double x) {
  x = x < -708.0 ? -708.0 : x;
  x = x > 709.0 ? 709.0 : x;
  const double exponent = std::nearbyint(x * 1.4426950408889634);
  const double rest = (x - exponent * 6.93147180369123816490e-01) - exponent * 1.90821492927058770002e-10;
  return polynomial(kExpTerms, rest) * power_of_two(exponent);
}

SMOOTHBIT_INLINE double expm1_f64(double x) {
  double small = x < -0.34 ? -0.34 : x;
  small = small > 0.34 ? 0.34 : small;
  const double series = small * polynomial(kExpm1Terms, small);
  const double difference = exp_f64(x) - 1.0;
  return std::fabs(x) < 0.34 ? series : difference;
}

SMOOTHBIT_INLINE double sigmoid_f64(double x) {
  const double power = exp_f64(-std::fabs(x));
  return (x >= 0 ? 1.0 : power) / (1.0 + power);
}

SMOOTHBIT_INLINE double tanh_f64(double x) {
  const double change = expm1_f64(-2.0 * std::fabs(x));
  return std::copysign(-change / (2.0 + change), x);
}

SMOOTHBIT_INLINE double softplus_f64(double x) {
  const double power = exp_f64(-std::fabs(x));
  const double ratio = power / (2.0 + power);
  return (x > 0.0 ? x : 0.0) + 2.0 * ratio * polynomial(kAtanhTerms, ratio * ratio);
}

SMOOTHBIT_INLINE double erfc_f64(double x) {
  const double z = std::fabs(x);
  const double scaled = polynomial(kErfcTerms, (z - 3.75) / (z + 3.75)) / (1.0 + 2.0 * z);
  const double tail = exp_f64(-(z * z)) * scaled;
  return x >= 0 ? tail : 2.0 - tail;
}

template <Function kFunction>
SMOOTHBIT_INLINE double function_f64(double x, double slope) {
  if constexpr (kFunction == Function::elu) {
    const double below = slope * expm1_f64(x);
    return x > 0 ? x : below;
  } else if constexpr (kFunction == Function::selu) {
    const double below = 1.6732632423543772 * expm1_f64(x);
    return 1.0507009873554805 * (x > 0 ? x : below);
  } else if constexpr (kFunction == Function::gelu) {
    return 0.5 * x * erfc_f64(x * -0.7071067811865476);
  } else if constexpr (kFunction == Function::silu) {
    return x * sigmoid_f64(x);
  } else if constexpr (kFunction == Function::sigmoid) {
    return sigmoid_f64(x);
  } else if constexpr (kFunction == Function::tanh) {
    return tanh_f64(x);
  } else {
    return softplus_f64(x);
  }
}

template <Function kFunction>
void activate_smooth(const float* values, float* out, int64_t count, double slope) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = static_cast<float>(function_f64<kFunction>(static_cast<double>(values[i]), slope));
}

inline void activate_rows(const ActivateArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t begin = row_begin * args.num_channels, count = (row_end - row_begin) * args.num_channels;
  const float* values = args.values + begin;
  float* out = args.out + begin;
  const float slope = static_cast<float>(args.slope);
  switch (args.function) {
    case Function::leaky_relu:
      for (int64_t i = 0; i < count; ++i) out[i] = values[i] > 0.0f ? values[i] : values[i] * slope;
      return;
    case Function::prelu:
      for (int64_t row = row_begin; row < row_end; ++row, values += args.num_channels, out += args.num_channels)
        for (int64_t c = 0; c < args.num_channels; ++c)
          out[c] = values[c] > 0.0f ? values[c] : values[c] * args.slopes[c];
      return;
    case Function::elu: return activate_smooth<Function::elu>(values, out, count, args.slope);
    case Function::selu: return activate_smooth<Function::selu>(values, out, count, args.slope);
    case Function::gelu: return activate_smooth<Function::gelu>(values, out, count, args.slope);
    case Function::silu: return activate_smooth<Function::silu>(values, out, count, args.slope);
    case Function::sigmoid: return activate_smooth<Function::sigmoid>(values, out, count, args.slope);
    case Function::tanh: return activate_smooth<Function::tanh>(values, out, count, args.slope);
    case Function::softplus: return activate_smooth<Function::softplus>(values, out, count, args.slope);
  }
}

}  // namespace
}  // namespace smoothbit
