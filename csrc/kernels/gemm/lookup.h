// The table behind the lookup layout of smoothbit/gemm.h, and how many of its entries fit narrow sums.
#pragma once

#include <cstdint>

namespace smoothbit {

// Entry 16 * n + m is the product of source nibble n and weight nibble m, each holding 4 / kBits codes. Source
// nibbles are kept times 16: they are the place of their 16 entries.
template <int kBits>
struct GemmNibbleProducts {
  static constexpr int64_t kLargest = kBits == 2 ? 2 * 3 * 3 : 4;
  static constexpr int64_t kNarrowSteps = 255 / kLargest;  // in u8: 14 or 63
  static constexpr int64_t kWideSteps = 65535 / (kLargest * kNarrowSteps) * kNarrowSteps;  // in u16

  alignas(64) uint8_t product[256];
  constexpr GemmNibbleProducts() : product{} {
    constexpr int kMask = (1 << kBits) - 1;
    for (int n = 0; n < 16; ++n)
      for (int m = 0; m < 16; ++m)
        for (int shift = 0; shift < 4; shift += kBits)
          product[16 * n + m] =
              static_cast<uint8_t>(product[16 * n + m] + (n >> shift & kMask) * (m >> shift & kMask));
  }
};

}  // namespace smoothbit
