// libFuzzer target: fuzzed shapes, codes and epilogues through every family of kernels, vector against serial.
//
// Built by `make fuzz-native` with the address and undefined-behaviour sanitizers. The first bytes of an input
// choose family, width, shape and the parts of the epilogue, the rest are the numbers.
#include <cstdio>
#include <cstdlib>

#include "tests/families.h"
#include "tests/layers.h"

namespace smoothbit {
namespace {

// Mostly one or two vectors long, so that thousands of cases run in a second.
int any_length(Random& random) { return random.integer(0, random.integer(0, 7) ? 70 : 600); }

// Kernels of layers other than propagation, and rows that are moved.
void run_layer(Random& random, int bits, int length, int extra, int variant) {
  switch (random.integer(0, 3)) {
    case 0: return test_take(random, length);
    case 1: return test_spmax(random, bits, length, extra, variant);
    case 2: return test_activate(random, tally, length);
    default: {
      // Every fifth variant has a row of 4,100 entries, which is slow.
      const int places = random.integer(0, 31) ? 1 + variant % 4 : 0;
      return test_attend(random, tally, bits, random.integer(1, 13), 1 + length % 40, variant / 5 * 5 + places);
    }
  }
}

void run_family(Random& random) {
  const int family = random.integer(0, 11), bits = 1 << random.integer(0, 3), weight_bits = 1 << random.integer(0, 3);
  const int length = any_length(random), extra = random.integer(0, 70);
  const int variant = random.integer(0, 1 << 20);
  const bool flag = random.integer(0, 1);
  constexpr int64_t kNumRows = 40;
  switch (family) {
    case 0: return test_spmm(random, bits, length, extra, any_length(random), false, variant);
    case 1: return test_spmm(random, bits, length, extra, random.integer(0, 200), true, variant);
    case 2:
      if (variant % 4) return test_gemm(random, bits, weight_bits, any_length(random), length, flag, variant);
      return test_product_thresholds(random, std::min(bits, 2), any_length(random), length, variant / 4);
    case 3: return test_requantize(random, length, flag, variant);
    case 4: return test_pack(random, bits, length, extra);
    case 5: return test_delta(random, bits, length, extra, variant, kNumRows);
    case 6: return test_spmm_f32(random, length, variant);
    case 7: return run_layer(random, bits, length, extra, variant);
    case 8: return test_lookup(random, std::min(bits, 4), length, extra, variant, kNumRows);
    case 9: return test_uniform(random, bits, length, extra, variant, kNumRows);
    case 10: return test_quantize(random, bits, length, extra, variant, kNumRows);
    default: return test_tabulated(random, std::min(bits, 4), length, extra, variant, kNumRows);
  }
}

}  // namespace
}  // namespace smoothbit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  smoothbit::Random random(data, size);
  smoothbit::run_family(random);
  if (!smoothbit::tally.failed.empty()) std::abort();  // the case is printed
  return 0;
}
