// Native parity: every kernel row of the lists that runs here, against the serial row, bit for bit.
//
//     smoothbit_parity [THREADS [EVERY]]     parts of the rows on so many threads; each EVERY-th length only
//
// No Python needed, so the same program cross-compiles (NEON under qemu) and builds on an emulation of
// AVX-512. Inputs end at an unreadable page: a read past the end of a buffer stops the program. Outputs
// carry guard bytes on both sides and padding that must come back as zero.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "families.h"
#include "layers.h"

namespace smoothbit {
namespace {

const int kLengths[] = {0,  1,  2,  3,  4,  5,   7,   8,   9,   10,  15,  16,  17,  20,  31, 32,
                        33, 40, 63, 64, 65, 97, 100, 127, 128, 129, 193, 255, 256, 257, 300, 513};
const int kWidths[] = {1, 2, 4, 8};

// Bytes after a row that make its stride the least of those of which the kernels take whole registers, or none.
int padding_to_register(int length, int bits) {
  return std::max(0, (bits == 4 && length > 16 ? 32 : 16) - (length * bits + 7) / 8);
}

// Every `every`-th length.
void run_all(int every) {
  Random random(20240817);
  int variant = 0;
  for (size_t i = 0; i < sizeof kLengths / sizeof kLengths[0]; i += static_cast<size_t>(every)) {
    const int length = kLengths[i];
    test_take(random, length);
    for (const int bits : kWidths) {
      for (const int extra : {0, 1, 2, 3, 5, 8, 13, 16, 29, 32, 64}) {
        test_spmm(random, bits, length, extra, 20, false, ++variant);
        test_spmm(random, bits, length, extra, 20, true, ++variant);
        test_pack(random, bits, length, extra);
      }
      for (const int hub : {16, 17, 18, 84, 85, 86, 171, 254, 255, 256, 257, 258, 520})
        test_spmm(random, bits, length, 0, hub, false, ++variant);
      for (const int weight_bits : kWidths)
        for (const int depth : {0, 1, 2, 7, 8, 9, 17, 64, 97})
          test_gemm(random, bits, weight_bits, depth, length, false, ++variant);
    }
    for (const int bits : kWidths)
      for (int i = 0; i < 3; ++i)
        for (const int weight_bits : {bits, 8}) test_product_law(random, bits, weight_bits, length, ++variant);
    for (const int bits : {1, 2})
      for (const int depth : {1, 7, 64, 97, 300}) test_product_thresholds(random, bits, depth, length, false, ++variant);
    for (int i = 0; i < kNumVariants; ++i) test_requantize(random, length, i % 3 != 0, i);
    for (const int bits : {1, 2, 4})
      for (const int extra : {0, 3, 16, 32, padding_to_register(length, bits)}) {
        test_tabulated(random, bits, length, extra, ++variant);
        test_lookup(random, bits, length, extra, ++variant);
      }
    for (const int bits : kWidths)
      for (const int extra : {0, 3, 16, 32, 48, padding_to_register(length, bits)})
        test_uniform(random, bits, length, extra, ++variant);
    for (const int bits : kWidths)
      for (const int extra : {0, 3, 16}) test_quantize(random, bits, length, extra, ++variant);
    for (const int bits : kWidths)
      for (const int extra : {0, 1, 3, 8, 16, 32}) test_delta(random, bits, length, extra, ++variant);
    for (int i = 0; i < 8; ++i) test_spmm_f32(random, length, i);
    for (const int bits : kWidths) {
      for (const int extra : {0, 3, 32}) test_spmax(random, bits, length, extra, ++variant);
      for (const int heads : {1, 3, 4, 8, 13})
        if (length > 0) test_attend(random, tally, bits, heads, length, ++variant);
    }
    test_activate(random, tally, length);
  }
}

// Calls without a schedule, whose rows make several pieces.
void test_pieces() {
  Random random(11);
  int variant = 0;
  for (const int bits : kWidths)
    for (const int length : {20, 40, 64, 130, 256})
      for (int i = 0; i < 4; ++i) {
        const int extra = padding_to_register(length, bits);
        if (bits < 8) test_tabulated(random, bits, length, extra, ++variant, TabulatedCase::kManyRows);
        test_uniform(random, bits, length, extra, ++variant, TabulatedCase::kManyRows);
      }
}

// Depths around the steps that fit u8, i16 and u16 sums, at all pairs of widths.
void test_gemm_bounds() {
  Random random(7);
  int variant = 0;
  for (const int bits : kWidths)
    for (const int weight_bits : kWidths)
      for (const int length : {1, 20, 33, 70})
        for (const int depth : {27, 28, 29, 55, 56, 57, 143, 144, 145, 251, 252, 253, 287, 288, 289, 291, 292, 500})
          test_gemm(random, bits, weight_bits, depth, length, true, ++variant);
}

// Laws of rows up to the longest that have a table. Of 4 bits, most short ones have words.
void test_all_tables() {
  Random random(9);
  for (int variant = 0; variant < 400; ++variant) test_tables(random, 1 << (variant % 3), variant / 3);
  tally.add("clamped words", Isa::serial, tally.passed["serial clamped words"] > 0, "none");
  tally.add("words", Isa::serial, tally.passed["serial words"] > tally.passed["serial no words"], "too few");
}

// Row sums of 255, whose thresholds are the last of all: nothing may be read behind them, whatever the padding of a row.
void test_last_thresholds() {
  Random random(10);
  for (const int length : {40, 64, 192})
    for (int variant = 1; variant < 11; ++variant) {
      test_product_thresholds(random, 2, 85, length, true, variant);
      test_product_thresholds(random, 1, 255, length, true, variant);
    }
}

void test_all_sources() {
  Random random(9);
  for (int i = 0; i < 20; ++i) test_sources_by_use(random, i % 2 == 0);
  for (const int64_t row_bytes : {8, 16, 32, 64})
    for (const int64_t often : {0, 20, 1500})
      for (const bool is_skewed : {false, true})
        for (const bool is_near : {false, true})
          if (!is_skewed || !is_near) test_source_copy(random, row_bytes, is_skewed, is_near, often);
}

// The last bits of u16 and i32 sums.
void test_largest_bounds() {
  Random random(8);
  int variant = 0;
  for (const int depth : {7279, 7280, 7281, 14561}) test_gemm(random, 2, 2, depth, 65, true, ++variant);
  for (const int depth : {65519, 65520, 65521, 131041}) test_gemm(random, 1, 1, depth, 65, true, ++variant);
  for (const int depth : {8, 2500, 33025}) test_gemm(random, 8, 8, depth, 17, true, ++variant);
  for (const int bits : kWidths)
    for (const int length : {20, 65}) test_spmm(random, bits, length, 0, 1'000'000, false, ++variant);
}

int report() {
  long passed = 0, failed = 0;
  for (const auto& [key, count] : tally.passed) {
    std::printf("%s: %ld passed\n", key.c_str(), count);
    passed += count;
  }
  for (const auto& [key, count] : tally.failed) failed += count;
  std::printf("%ld passed, %ld failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

// A count from 1 to 1024, or 0 where `argument` is not one.
int count_of(const char* argument) {
  char* end = nullptr;
  const long count = std::strtol(argument, &end, 10);
  return *end == '\0' && count >= 1 && count <= 1024 ? static_cast<int>(count) : 0;
}

}  // namespace
}  // namespace smoothbit

int main(int argc, char** argv) {
  const int threads = argc > 1 ? smoothbit::count_of(argv[1]) : 1;
  const int every = argc > 2 ? smoothbit::count_of(argv[2]) : 1;
  if (threads == 0 || every == 0) {
    std::fprintf(stderr, "Expected counts from 1 to 1024. Usage: smoothbit_parity [threads [every]]\n");
    return 2;
  }
  smoothbit::num_threads = threads;
  smoothbit::run_all(every);
  smoothbit::test_pieces();
  smoothbit::test_all_tables();
  smoothbit::test_all_sources();
  smoothbit::test_last_thresholds();
  if (every <= 2) smoothbit::test_gemm_bounds();
  if (every == 1) smoothbit::test_largest_bounds();
  return smoothbit::report();
}
