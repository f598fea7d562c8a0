// The integer weight of one edge, by the operations of numerics/elementary.py.
#pragma once

#include <cmath>
#include <cstdint>

namespace smoothbit {
namespace {

constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;
constexpr double kMinExponent = -708.0;
constexpr int kExpTerms = 14;
// 1 / k!
constexpr double kExp[kExpTerms] = {1.0,          1.0,           1.0 / 2,        1.0 / 6,         1.0 / 24,
                                    1.0 / 120,    1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};

// e^x for x <= 0.
inline double exp_serial(double x) {
  x = x > kMinExponent ? x : kMinExponent;
  const double exponent = std::nearbyint(x * kLog2E);
  const double rest = (x - exponent * kLn2High) - exponent * kLn2Low;
  double total = kExp[kExpTerms - 1];
  for (int k = kExpTerms - 2; k >= 0; --k) total = total * rest + kExp[k];
  return std::ldexp(total, static_cast<int>(exponent));
}

// rint(255 e^difference); 0 for NaN, which infinite scores make.
inline int32_t weight_serial(float difference) {
  if (!(difference <= 0.0f)) return 0;
  const float power = static_cast<float>(exp_serial(static_cast<double>(difference)));
  return static_cast<int32_t>(std::nearbyint(255.0f * power));
}

}  // namespace
}  // namespace smoothbit
