// The tables behind the nibbles and sextets of smoothbit/gemm.h, and how many of their entries fit narrow sums.
#pragma once

#include <cstdint>

namespace smoothbit {

// Entry 2^kField * n + m is the product of fields n of the source and m of the weight: kField bits, kField / kBits codes.
// Source nibbles are kept times 16: they are the place of their 16 entries.
template <int kBits, int kField>
struct GemmFieldProducts {
  static constexpr int kFields = 1 << kField;
  static constexpr int64_t kLargest = kField / kBits * (kBits == 2 ? 3 * 3 : 1);
  static constexpr int64_t kNarrowSteps = 255 / kLargest;  // in u8: of nibbles 14 or 63, of sextets 9 or 42
  static constexpr int64_t kWideSteps = 65535 / (kLargest * kNarrowSteps) * kNarrowSteps;  // in u16

  alignas(64) uint8_t product[kFields * kFields];
  constexpr GemmFieldProducts() : product{} {
    constexpr int kMask = (1 << kBits) - 1;
    for (int n = 0; n < kFields; ++n)
      for (int m = 0; m < kFields; ++m)
        for (int shift = 0; shift < kField; shift += kBits)
          product[kFields * n + m] =
              static_cast<uint8_t>(product[kFields * n + m] + (n >> shift & kMask) * (m >> shift & kMask));
  }
};

}  // namespace smoothbit
