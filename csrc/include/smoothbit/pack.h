// Packing of codes, one byte each, to b bits, and back. Layout: epilogue.h.
//
// Codes above 2^b - 1 are the caller's error; pack reads only their lowest b bits. The padding of a
// packed row, up to its stride, is written as zero. No reads or writes past a stride.
#pragma once

#include <cstdint>

namespace smoothbit {

struct PackArgs {
  const uint8_t* codes = nullptr;  // pack: input [N, F] dense
  uint8_t* unpacked = nullptr;     // unpack: output [N, F] dense
  const uint8_t* source = nullptr;  // unpack: input [N, stride]
  uint8_t* packed = nullptr;        // pack: output [N, stride]
  int64_t stride = 0;
  int64_t num_rows = 0;
  int64_t num_channels = 0;
};

using PackKernel = void (*)(const PackArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace smoothbit
