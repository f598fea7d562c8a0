// Loads and stores of 0 to 8 bytes that never touch a byte more: the ends of rows.
// The bits of the count say which of 4, 2 and 1 bytes are moved; counts are the same for every row of a
// call, so the branches predict. (A byte loop is vectorised by gcc into hundreds of instructions.)
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "target.h"

namespace smoothbit {
namespace {

template <class Part>
SMOOTHBIT_INLINE void load_part(const uint8_t* bytes, int64_t& at, uint64_t& word) {
  Part part;
  std::memcpy(&part, bytes + at, sizeof part);
  word |= static_cast<uint64_t>(part) << (8 * at);
  at += static_cast<int64_t>(sizeof part);
}

template <class Part>
SMOOTHBIT_INLINE void store_part(uint8_t* bytes, int64_t& at, uint64_t word) {
  const Part part = static_cast<Part>(word >> (8 * at));
  std::memcpy(bytes + at, &part, sizeof part);
  at += static_cast<int64_t>(sizeof part);
}

// `count` <= 8 bytes as a little-endian word; never reads a byte more.
SMOOTHBIT_INLINE uint64_t load_bytes(const uint8_t* bytes, int64_t count) {
  uint64_t word = 0;
  int64_t at = 0;
  if (count >= 8) {
    load_part<uint64_t>(bytes, at, word);
    return word;
  }
  if (count & 4) load_part<uint32_t>(bytes, at, word);
  if (count & 2) load_part<uint16_t>(bytes, at, word);
  if (count & 1) load_part<uint8_t>(bytes, at, word);
  return word;
}

SMOOTHBIT_INLINE void store_bytes(uint8_t* bytes, uint64_t word, int64_t count) {
  int64_t at = 0;
  if (count >= 8) {
    store_part<uint64_t>(bytes, at, word);
    return;
  }
  if (count & 4) store_part<uint32_t>(bytes, at, word);
  if (count & 2) store_part<uint16_t>(bytes, at, word);
  if (count & 1) store_part<uint8_t>(bytes, at, word);
}

// The lowest `num_bits` bits of a byte: none below 1, all from 8 on.
inline uint8_t low_bits(int64_t num_bits) {
  return static_cast<uint8_t>((1 << std::max<int64_t>(0, std::min<int64_t>(8, num_bits))) - 1);
}

}  // namespace
}  // namespace smoothbit
