// Cases of the kernels that layers of any network need: attention and activation functions.
#pragma once

#include <string>

#include "compare.h"
#include "generate.h"

namespace smoothbit {

// Heads of `per_head` channels; the hub has more entries than a buffer holds.
inline void test_attend(Random& random, Tally& tally, int bits, int heads, int per_head, int variant) {
  const int64_t num_rows = 13, num_sources = 11, num_channels = heads * per_head;
  const Graph graph = make_graph(random, num_rows, num_sources, variant % 5 == 0 ? 4100 / heads : 20);
  const ReadBuffer<int32_t> indices(graph.indices);
  AttendArgs args;
  args.score = static_cast<Score>(variant % 3);
  args.num_heads = heads;
  args.num_channels = num_channels;
  args.num_rows = num_rows;
  args.source_stride = (num_channels * bits + 7) / 8 + variant % 4;
  const ReadBuffer<uint8_t> source = random_bytes(random, num_sources * args.source_stride);
  const ReadBuffer<float> queries = random_floats(random, num_rows * args.rated());
  const ReadBuffer<float> keys = random_floats(random, num_sources * args.rated());
  const ReadBuffer<float> vector = random_floats(random, num_channels), step = random_floats(random, num_channels);
  const ReadBuffer<float> offset = random_floats(random, num_channels);
  args.indptr = graph.indptr.data();
  args.indices = indices.data();
  args.source = source.data();
  args.queries = queries.data();
  args.keys = keys.data();
  args.slope = 0.2f;
  args.scale = 0.5f;
  args.vector = args.score == Score::dynamic ? vector.data() : nullptr;
  args.step = step.data();
  args.offset = variant % 2 ? offset.data() : nullptr;
  args.is_concatenated = variant % 7 < 4;
  const int64_t width = args.is_concatenated ? num_channels : per_head;
  OutputBuffer want(num_rows * width * 4), got(num_rows * width * 4);
  args.out = reinterpret_cast<float*>(want.data());
  run_split(kernels_for(Isa::serial).attend[bits_index(bits)], args, num_rows);
  for (const Isa isa : vector_isas()) {
    got.reset();
    args.out = reinterpret_cast<float*>(got.data());
    run_split(kernels_for(isa).attend[bits_index(bits)], args, num_rows);
    tally.add("attend", isa, got == want && got.is_intact(),
              "u" + std::to_string(bits) + " H=" + std::to_string(heads) + " C=" + std::to_string(per_head) +
                  " variant=" + std::to_string(variant));
  }
}

inline void test_activate(Random& random, Tally& tally, int length) {
  const int64_t num_rows = 7;
  const ReadBuffer<float> values = random_floats(random, num_rows * length), slopes = random_floats(random, length);
  ActivateArgs args;
  args.values = values.data();
  args.num_rows = num_rows;
  args.num_channels = length;
  args.slope = 0.7;
  args.slopes = slopes.data();
  OutputBuffer want(num_rows * length * 4), got(num_rows * length * 4);
  for (int function = 0; function < kNumFunctions; ++function) {
    args.function = static_cast<Function>(function);
    want.reset();
    args.out = reinterpret_cast<float*>(want.data());
    run_split(kernels_for(Isa::serial).activate, args, num_rows);
    for (const Isa isa : vector_isas()) {
      got.reset();
      args.out = reinterpret_cast<float*>(got.data());
      run_split(kernels_for(isa).activate, args, num_rows);
      tally.add("activate", isa, got == want && got.is_intact(),
                "function=" + std::to_string(function) + " F=" + std::to_string(length));
    }
  }
}

}  // namespace smoothbit
