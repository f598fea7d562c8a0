// One row of codes added to int32 sums, one code at a time.
#pragma once

#include <cstdint>

namespace smoothbit {
namespace {

// Template on the width so that mask and shift are constants, as they are in the vector kernels.
template <int kBits>
void add_row(const uint8_t* row, int64_t begin, int64_t count, int32_t weight, int32_t* sums) {
  constexpr int kPerByte = 8 / kBits;
  constexpr int kMask = (1 << kBits) - 1;
  const uint8_t* bytes = row + begin / kPerByte;
  for (int64_t i = 0; i < count; ++i)
    sums[i] += weight * ((bytes[i / kPerByte] >> (i % kPerByte * kBits)) & kMask);
}

}  // namespace
}  // namespace smoothbit
