// The comparisons: each family of kernels on one case, every ISA of this machine against serial, bit for bit.
#pragma once

#include <cmath>
#include <string>

#include "compare.h"
#include "generate.h"
#include "smoothbit/take.h"
#include "tabulated.h"

namespace smoothbit {
namespace {

// Compares the output of `run` on each ISA with that of serial.
template <class Case, class Run>
void compare(const char* family, const Case& c, const std::string& what, Run run) {
  OutputBuffer want = c.make_output(), got = c.make_output();
  run(kernels_for(Isa::serial), c.bind(want));
  for (const Isa isa : vector_isas()) {
    got.reset();
    run(kernels_for(isa), c.bind(got));
    tally.add(family, isa, got == want && got.is_intact(), what);
  }
}

void test_spmm(Random& random, int bits, int length, int extra, int hub, bool is_weighted, int variant) {
  const int64_t num_rows = rows_of_variant(variant), num_sources = 11;
  const Graph graph = make_graph(random, num_rows, num_sources, hub);
  const int64_t stride = (length * bits + 7) / 8 + extra;
  const ReadBuffer<uint8_t> source = random_bytes(random, num_sources * stride);
  const ReadBuffer<int32_t> indices(graph.indices);
  const ReadBuffer<int16_t> weights = random_weights(random, static_cast<int64_t>(graph.indices.size()));
  EpilogueCase c(random, num_rows, length, variant);
  const std::string what = "u" + std::to_string(bits) + " F=" + std::to_string(length) + " extra=" +
                           std::to_string(extra) + " hub=" + std::to_string(hub) + " weighted=" +
                           std::to_string(is_weighted) + " variant=" + std::to_string(variant);
  compare("spmm", c, what, [&](const KernelTable& kernels, const Epilogue& epilogue) {
    SpmmArgs args;
    args.indptr = graph.indptr.data();
    args.indices = indices.data();
    args.weights = is_weighted ? weights.data() : nullptr;
    args.source = source.data();
    args.source_stride = stride;
    args.num_rows = num_rows;
    // A huge count makes the kernel prefetch, as it does for tables beyond the caches.
    args.num_sources = variant % 2 ? num_sources : int64_t{1} << 40;
    args.epilogue = epilogue;
    run_split(kernels.spmm[bits_index(bits)], args, num_rows);
  });
}

void test_spmax(Random& random, int bits, int length, int extra, int variant) {
  const int64_t num_rows = rows_of_variant(variant), num_sources = 11;
  const Graph graph = make_graph(random, num_rows, num_sources, 20);
  const int64_t stride = (length * bits + 7) / 8 + extra;
  const ReadBuffer<uint8_t> source = random_bytes(random, num_sources * stride);
  const ReadBuffer<int32_t> indices(graph.indices);
  EpilogueCase c(random, num_rows, length, variant);
  const std::string what = "u" + std::to_string(bits) + " F=" + std::to_string(length) + " extra=" +
                           std::to_string(extra) + " variant=" + std::to_string(variant);
  compare("spmax", c, what, [&](const KernelTable& kernels, const Epilogue& epilogue) {
    SpmmArgs args;
    args.indptr = graph.indptr.data();
    args.indices = indices.data();
    args.source = source.data();
    args.source_stride = stride;
    args.num_rows = num_rows;
    args.num_sources = num_sources;
    args.epilogue = epilogue;
    run_split(kernels.spmax[bits_index(bits)], args, num_rows);
  });
}

constexpr int32_t kFewRows = 16;  // so that most lengths get their table in a few passes

// Tables by every sum and every code of a term; words, clamped ones, and bytes count as families of their own.
void test_tables(Random& random, int bits, int variant) {
  const TabulatedCase c(random, bits, 32, 0, variant, TabulatedCase::kNumRows);
  OutputBuffer out = c.make_output();
  const SpmmArgs args = c.bind(out, variant);
  const Epilogue& e = args.epilogue;
  if (!ThresholdCache::fits(e, bits)) return;
  ThresholdCache cache(bits, 1);
  const int qmax = (1 << bits) - 1;
  for (int64_t row = 0; row < args.num_rows; ++row) {
    const int64_t length = args.indptr[row + 1] - args.indptr[row];
    if (length == 0 || length > ThresholdCache::max_word_length(bits)) continue;
    if (cache.find_ready(e, row, length)) continue;  // checked with the row that made it
    const ThresholdTable* table = cache.find(e, row, length);
    if (!table) continue;
    bool is_right = true;
    for (int codes = 0; codes < 1 << (bits * e.num_terms); ++codes) {
      for (int sum = 0; sum <= qmax * length; ++sum) {
        const int expected = code_of_row(e, row, sum, codes);
        int reached = 0;
        for (int t = 0; table->at && t < qmax; ++t)
          reached += sum - ThresholdTable::kBias > table->at[t * ThresholdTable::kLanes + codes];
        is_right &= (!table->at || reached == expected) && (!table->has_words || table->words.code(sum, codes) == expected) &&
                    (!table->has_bytes || table->bytes.code(sum, codes) == expected);
      }
    }
    const bool is_clamped = table->has_words && table->words.is_clamped(static_cast<int>(length) * qmax);
    const char* family = is_clamped         ? "clamped words"
                         : table->has_words ? "words"
                         : table->has_bytes ? "bytes"
                         : bits == 4        ? "no words"
                                            : "table";
    tally.add(family, Isa::serial, is_right,
              "u" + std::to_string(bits) + " length=" + std::to_string(length) + " variant=" + std::to_string(variant));
  }
}

// Epilogues as tables of thresholds: what is tabulated must be what is computed without a table.
void test_tabulated(Random& random, int bits, int length, int extra, int variant,
                    int64_t num_rows = TabulatedCase::kNumRows) {
  const TabulatedCase c(random, bits, length, extra, variant, num_rows);
  OutputBuffer want = c.make_output(), got = c.make_output();
  run_split(kernels_for(Isa::serial).spmm[bits_index(bits)], c.bind(want, variant), num_rows);
  const std::string what = "u" + std::to_string(bits) + " F=" + std::to_string(length) + " extra=" +
                           std::to_string(extra) + " variant=" + std::to_string(variant);
  for (const Isa isa : vector_isas()) {
    for (const RowSchedule& schedule : c.schedules()) {
      ThresholdCache cache(bits, kFewRows);
      for (int pass = 0; pass < 8; ++pass) {  // lengths get their tables one after the other
        got.reset();
        SpmmArgs args = c.bind(got, variant);
        args.epilogue.thresholds = &cache;
        args.schedule = schedule;
        run_split(kernels_for(isa).spmm[bits_index(bits)], args, num_rows);
        tally.add(schedule.offsets ? "scheduled" : "tabulated", isa, got == want && got.is_intact(), what);
      }
    }
  }
}

// The same epilogues without tables: codes, and float32 values.
void test_uniform(Random& random, int bits, int length, int extra, int variant,
                  int64_t num_rows = TabulatedCase::kNumRows) {
  TabulatedCase c(random, bits, length, extra, variant, num_rows);
  const auto compare_all = [&](const char* family, OutputBuffer want, OutputBuffer got, const auto& bind) {
    run_split(kernels_for(Isa::serial).spmm[bits_index(bits)], bind(want), num_rows);
    for (const Isa isa : vector_isas()) {
      for (const RowSchedule& schedule : c.schedules()) {
        got.reset();
        SpmmArgs args = bind(got);
        args.schedule = schedule;
        run_split(kernels_for(isa).spmm[bits_index(bits)], args, num_rows);
        tally.add(family, isa, got == want && got.is_intact(),
                  "u" + std::to_string(bits) + " F=" + std::to_string(length) + " extra=" + std::to_string(extra) +
                      " variant=" + std::to_string(variant) + (schedule.rows ? " sorted" : schedule.offsets ? " offsets" : ""));
      }
    }
  };
  compare_all("uniform", c.make_output(), c.make_output(), [&](OutputBuffer& out) { return c.bind(out, variant); });
  compare_all("values", c.make_float_output(), c.make_float_output(),
              [&](OutputBuffer& out) { return c.bind_float(out, variant); });
}

// requantize on what bind(out) gives, each ISA with serial.
template <class Bind>
void compare_requantize(const char* family, const TabulatedCase& c, const Bind& bind, const std::string& what) {
  OutputBuffer want = c.make_output(), got = c.make_output();
  const RequantizeArgs args = bind(want);
  run_split(kernels_for(Isa::serial).requantize, args, args.num_rows);
  for (const Isa isa : vector_isas()) {
    got.reset();
    run_split(kernels_for(isa).requantize, bind(got), args.num_rows);
    tally.add(family, isa, got == want && got.is_intact(), what);
  }
}

// Packed terms under one law, without a sum: looked up where nothing else is.
void test_lookup(Random& random, int bits, int length, int extra, int variant,
                 int64_t num_rows = TabulatedCase::kNumRows) {
  const TabulatedCase c(random, bits, length, extra, variant, num_rows);
  const auto bind = [&](OutputBuffer& out) {
    RequantizeArgs args;
    args.num_rows = num_rows;
    args.epilogue = c.bind(out, variant).epilogue;
    args.epilogue.col_scale = args.epilogue.col_term = args.epilogue.row_term = nullptr;
    args.epilogue.is_simple = is_simple_epilogue(args.epilogue);
    return args;
  };
  compare_requantize("lookup", c, bind,
                     "u" + std::to_string(bits) + " F=" + std::to_string(length) + " variant=" + std::to_string(variant));
}

// Float32 rows under one law, as the inputs of a network become codes.
void test_quantize(Random& random, int bits, int length, int extra, int variant,
                   int64_t num_rows = TabulatedCase::kNumRows) {
  const TabulatedCase c(random, bits, length, extra, variant, num_rows);
  std::vector<float> values;
  for (int64_t i = 0; i < num_rows * length; ++i) {
    const int kind = random.integer(0, 99);
    values.push_back(kind == 0 ? NAN : kind == 1 ? INFINITY : kind == 2 ? -0.0f : random.real(-20.0f, 20.0f));
  }
  const ReadBuffer<float> placed(values);
  const auto bind = [&](OutputBuffer& out) {
    RequantizeArgs args;
    args.num_rows = num_rows;
    Epilogue& e = args.epilogue = c.bind(out, variant).epilogue;
    Term& term = e.terms[0];
    term = Term();
    term.num_bits = 32;
    term.is_uniform = true;
    term.data = placed.data();
    term.stride = length;
    term.step = e.col_scale;
    if (variant & 2) term.row_scale = e.row_scale;
    e.num_terms = 1;
    e.col_scale = e.col_term = e.col_bias = e.row_term = e.row_scale = nullptr;
    e.is_simple = is_simple_epilogue(e);
    return args;
  };
  compare_requantize("quantize", c, bind,
                     "u" + std::to_string(bits) + " F=" + std::to_string(length) + " variant=" + std::to_string(variant));
}

// Messages and sums of delta-coded steps, each in the order of its ISA.
struct DeltaState {
  std::vector<int16_t> messages, sums;
  std::vector<int32_t> wide_sums;

  explicit DeltaState(size_t size) : messages(size), sums(size), wide_sums(size) {}
};

// Three steps: the first, one in the middle, and one with corrections; 2^e (2 code - qmax) adds up to 7 qmax.
void test_delta(Random& random, int bits, int length, int extra, int variant,
                int64_t num_rows = TabulatedCase::kNumRows) {
  const TabulatedCase c(random, bits, length, extra, variant, num_rows);
  const int64_t row_bytes = (length * bits + 7) / 8, stride = row_bytes + extra;
  const int64_t width = (row_bytes <= 16 ? 16 : (row_bytes + 31) / 32 * 32) * 8 / bits;
  const ReadBuffer<uint8_t> source = random_bytes(random, num_rows * stride);
  OutputBuffer want = c.make_output(), got = c.make_output();
  std::vector<int32_t> slots;
  slots.reserve(static_cast<size_t>(num_rows));
  const int64_t* indptr = c.bind(want, variant).indptr;
  for (int64_t row = 0; row < num_rows; ++row)
    slots.push_back((indptr[row + 1] - indptr[row]) * 7 * ((1 << bits) - 1) > 32767 ? static_cast<int32_t>(row) : -1);
  const auto bind = [&](OutputBuffer& out, DeltaState& state, int step) {
    const SpmmArgs rows = c.bind(out, variant);
    DeltaArgs args;
    args.indptr = rows.indptr;
    args.indices = rows.indices;
    args.source = source.data();
    args.source_stride = stride;
    args.num_rows = num_rows;
    args.messages = state.messages.data();
    args.sums = state.sums.data();
    args.wide_sums = state.wide_sums.data();
    args.slots = slots.data();
    args.width = width;
    args.exponent = 2 - step;
    args.center = (1 << bits) - 1;
    args.is_first = step == 0;
    args.known_scale = variant % 3 == 2 ? 0.0f : 0.05f;
    if (step == 2) args.change_scale = 0.5f, args.sum_change_scale = -0.25f;
    if (step == 2 && variant % 4 == 1) args.message_scale = 0.25f;
    args.epilogue = rows.epilogue;
    args.epilogue.row_term = args.epilogue.col_term = args.epilogue.col_bias = nullptr;
    args.epilogue.aggregate.num_bits = 0;
    args.epilogue.has_relu = false;
    args.epilogue.num_terms = std::min(args.epilogue.num_terms, 1);
    args.epilogue.is_simple = is_simple_epilogue(args.epilogue);
    return args;
  };
  const std::string what = "u" + std::to_string(bits) + " F=" + std::to_string(length) + " extra=" +
                           std::to_string(extra) + " variant=" + std::to_string(variant);
  for (const Isa isa : vector_isas()) {
    DeltaState serial(static_cast<size_t>(num_rows * width)), vector(static_cast<size_t>(num_rows * width));
    for (int step = 0; step < 3; ++step) {
      want.reset();
      got.reset();
      run_split(kernels_for(Isa::serial).delta[bits_index(bits)], bind(want, serial, step), num_rows);
      run_split(kernels_for(isa).delta[bits_index(bits)], bind(got, vector, step), num_rows);
      tally.add("delta", isa, got == want && got.is_intact(), what + " step=" + std::to_string(step));
    }
  }
}

struct GemmShape {
  int bits, weight_bits, depth, length;
  int64_t num_rows, extra;
  bool is_full;  // every code has its largest value, so that sums reach the bounds of their accumulators
};

// The rows of `c` are those of the product.
template <class Case>
void compare_gemm(Random& random, const char* family, const Case& c, const GemmShape& shape) {
  const auto [bits, weight_bits, depth, length, num_rows, extra, is_full] = shape;
  const int64_t stride = (depth * bits + 7) / 8 + extra, weight_stride = (length * weight_bits + 7) / 8 + extra;
  const ReadBuffer<uint8_t> source =
      is_full ? full_bytes(num_rows * stride) : random_bytes(random, num_rows * stride);
  const ReadBuffer<uint8_t> weight =
      is_full ? full_bytes(depth * weight_stride) : random_bytes(random, depth * weight_stride);
  GemmArgs args;
  args.source = source.data();
  args.source_stride = stride;
  args.source_bits = bits;
  args.weight = weight.data();
  args.weight_stride = weight_stride;
  args.weight_bits = weight_bits;
  args.num_rows = num_rows;
  args.depth = depth;
  // What makes the source: copies its rows, one from one.
  OutputBuffer made(num_rows * stride);
  RequantizeArgs maker;
  maker.epilogue.out = made.data();
  maker.epilogue.out_stride = stride;
  maker.epilogue.terms[0].data = source.data();
  const RequantizeKernel make = [](const RequantizeArgs& m, int64_t begin, int64_t end) {
    const int64_t first = begin * m.epilogue.out_stride, bytes = (end - begin) * m.epilogue.out_stride;
    std::memcpy(static_cast<uint8_t*>(m.epilogue.out) + first, static_cast<const uint8_t*>(m.epilogue.terms[0].data) + first,
                static_cast<size_t>(bytes));
  };
  const auto run = [&](const KernelTable& kernels, const Epilogue& epilogue, bool has_extensions, bool is_made = false) {
    args.has_vnni = has_extensions && cpu_has_vnni();
    args.has_vbmi = has_extensions && cpu_has_vbmi();
    args.source = source.data();
    args.maker = {};
    if (is_made && kernels.isa == Isa::avx512 && gemm_makes_source(args)) {
      made.reset();
      args.source = made.data();
      // A piece is one block, or all there is.
      args.maker = {make, &maker, source.data(), num_rows % 2 ? 1 << 16 : stride};
    }
    args.epilogue = epilogue;
    const int64_t scratch_bytes = (gemm_scratch_bytes(args) + 63) / 64 * 64;
    AlignedMemory panel(gemm_panel_bytes(args)), scratch(kNumParts * scratch_bytes), row_sums(args.num_rows * 4);
    gemm_fill_panel(args, static_cast<uint8_t*>(panel.data()));
    args.panel = static_cast<const uint8_t*>(panel.data());
    args.row_sums = static_cast<float*>(row_sums.data());
    run_split(args.num_rows, [&](int part, int64_t begin, int64_t end) {
      kernels.gemm(args, static_cast<uint8_t*>(scratch.data()) + part * scratch_bytes, begin, end);
    });
  };
  const std::string what = "u" + std::to_string(weight_bits) + "u" + std::to_string(bits) + " K=" +
                           std::to_string(depth) + " F=" + std::to_string(length) + (is_full ? " full" : "");
  compare(family, c, what, [&](const KernelTable& kernels, const Epilogue& epilogue) {
    run(kernels, epilogue, kernels.isa == Isa::avx512);
  });
  if (!isa_available(Isa::avx512)) return;
  if (bits == 2 && weight_bits == 2)
    compare(family, c, what + " made", [&](const KernelTable& kernels, const Epilogue& epilogue) {
      run(kernels, epilogue, kernels.isa == Isa::avx512, true);
    });
  if (!is_full) return;
  compare(family, c, what + " without VNNI and VBMI",
          [&](const KernelTable& kernels, const Epilogue& epilogue) { run(kernels, epilogue, false); });
}

void test_gemm(Random& random, int bits, int weight_bits, int depth, int length, bool is_full, int variant) {
  const int64_t num_rows = is_full ? 6 : variant % 5 == 0 ? 76 + variant % 2 : 7;
  EpilogueCase c(random, num_rows, length, variant);
  if (variant % 2) c.drop_row_term();  // the kernel computes it
  compare_gemm(random, "gemm", c, {bits, weight_bits, depth, length, num_rows, variant % 3, is_full});
}

// Products whose epilogue may be comparisons of their sums: few row sums, many rows of each.
void test_product_thresholds(Random& random, int bits, int depth, int length, bool is_full, int variant) {
  constexpr int64_t kNumRows = 400;
  const ProductCase c(random, kNumRows, length, depth * ((1 << bits) - 1), variant);
  compare_gemm(random, "product thresholds", c, {bits, bits, depth, length, kNumRows, variant % 3, is_full});
}

// Products whose channels share the law of their codes.
void test_product_law(Random& random, int bits, int weight_bits, int length, int variant) {
  constexpr int64_t kNumRows = 27;
  constexpr int kDepth = 40;
  const int output_bits = 1 << variant % 4;
  ProductCase c(random, kNumRows, length, kDepth * ((1 << bits) - 1), variant);
  c.use_plain_law(output_bits, variant);
  compare_gemm(random, "product law", c, {bits, weight_bits, kDepth, length, kNumRows, variant % 3, variant % 9 == 0});
}

void test_requantize(Random& random, int length, bool has_sums, int variant) {
  const int64_t num_rows = rows_of_variant(variant);
  const ReadBuffer<int32_t> sums = random_sums(random, num_rows * length);
  EpilogueCase c(random, num_rows, length, variant);
  compare("requantize", c, "F=" + std::to_string(length), [&](const KernelTable& kernels, Epilogue epilogue) {
    if (!has_sums) epilogue.col_scale = nullptr;
    RequantizeArgs args;
    args.sums = has_sums ? sums.data() : nullptr;
    args.num_rows = num_rows;
    args.epilogue = epilogue;
    run_split(kernels.requantize, args, num_rows);
  });
}

void test_pack(Random& random, int bits, int length, int extra) {
  const int64_t num_rows = 5, stride = (length * bits + 7) / 8 + extra;
  const ReadBuffer<uint8_t> codes = random_bytes(random, num_rows * length);
  const ReadBuffer<uint8_t> packed = random_bytes(random, num_rows * stride);
  PackArgs args;
  args.codes = codes.data();
  args.source = packed.data();
  args.stride = stride;
  args.num_rows = num_rows;
  args.num_channels = length;
  OutputBuffer want(num_rows * stride), got(num_rows * stride);
  OutputBuffer want_codes(num_rows * length), got_codes(num_rows * length);
  const auto run = [&](const KernelTable& kernels, OutputBuffer& out, OutputBuffer& out_codes) {
    args.packed = out.data();
    args.unpacked = out_codes.data();
    run_split(kernels.pack[bits_index(bits)], args, num_rows);
    run_split(kernels.unpack[bits_index(bits)], args, num_rows);
  };
  run(kernels_for(Isa::serial), want, want_codes);
  const std::string what = "u" + std::to_string(bits) + " F=" + std::to_string(length);
  for (const Isa isa : vector_isas()) {
    got.reset();
    got_codes.reset();
    run(kernels_for(isa), got, got_codes);
    tally.add("pack", isa, got == want && got.is_intact(), what);
    tally.add("unpack", isa, got_codes == want_codes && got_codes.is_intact(), what);
  }
}

// Few of the sources have many entries, around powers of two, or all have.
void test_sources_by_use(Random& random, bool is_skewed) {
  std::vector<SourceUse> uses(200);
  std::vector<int32_t> want;
  for (SourceUse& use : uses)
    use.entries = static_cast<uint32_t>(is_skewed && random.integer(0, 9) ? random.integer(0, 2) : random.integer(60, 70));
  for (uint32_t least = 128; least > 0; least /= 2)
    for (size_t source = 0; source < uses.size(); ++source)
      if (uses[source].entries >= least && uses[source].entries < 2 * least) want.push_back(static_cast<int32_t>(source));
  tally.add("source copy", Isa::serial, sources_by_use(uses) == want, "by use");
}

// What the entries of a schedule read in a copy: the rows of their sources. Sources are read by all rows (`is_skewed`: most
// entries are of few of them, so that bins read these more than once unless they are among the often read ones), or by those
// near them.
void test_source_copy(Random& random, int64_t row_bytes, bool is_skewed, bool is_near, int64_t often) {
  const int64_t num_rows = 1520, num_sources = 1500, block_rows = 10;
  std::vector<int64_t> indptr{0};
  std::vector<int32_t> indices;
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int i = random.integer(0, 40); i > 0; --i) {
      const int any = random.integer(0, num_sources - 1), few = 100 + random.integer(0, 9);
      indices.push_back(is_near ? static_cast<int>(row * (num_sources - 1) / num_rows) + random.integer(0, 1)
                                : is_skewed && i % 4 ? few : any);
    }
    indptr.push_back(static_cast<int64_t>(indices.size()));
  }
  const SourceCopy::Parts parts{often * row_bytes, 3 * block_rows * row_bytes};
  auto copy = SourceCopy::if_it_pays(indptr.data(), indices.data(), num_rows, num_sources, row_bytes, parts);
  const bool is_read_once = !is_near && (often > 0 || !is_skewed);
  const bool has_bins = row_bytes <= 32 && often < num_sources && is_read_once;
  const std::string what = "bytes=" + std::to_string(row_bytes) + (is_skewed ? " skewed" : "") + (is_near ? " near" : "");
  tally.add("source copy", Isa::serial, (copy != nullptr) == (has_bins || is_skewed), what);
  if (!copy) return;
  const ReadBuffer<uint8_t> source = random_bytes(random, num_sources * row_bytes);
  for (const bool is_sorted : {false, true}) {
    if (!copy) copy = SourceCopy::if_it_pays(indptr.data(), indices.data(), num_rows, num_sources, row_bytes, parts);
    const OwnedSchedule owned(indptr.data(), indices.data(), num_rows, row_bytes, is_sorted, std::move(copy), block_rows);
    const LineBuffer out(owned.copy()->num_bytes());
    run_split(owned.copy()->kernel(), owned.copy()->args(source.data(), out.data()), owned.copy()->num_lines());
    const RowSchedule schedule = owned.view(out.data());
    bool is_equal = has_bins || owned.copy()->num_lines() <= (num_sources * row_bytes + 63) / 64;
    for (int64_t place = 0; place < num_rows; ++place) {
      const int64_t row = schedule.rows ? schedule.rows[place] : place;
      for (int64_t i = 0; i < indptr[row + 1] - indptr[row]; ++i)
        is_equal &= std::memcmp(schedule.source + schedule.offsets[schedule.indptr[place] + i] * RowSchedule::kUnit,
                                source.data() + indices[indptr[row] + i] * row_bytes, row_bytes) == 0;
    }
    tally.add("source copy", Isa::serial, is_equal, what + (is_sorted ? " sorted" : ""));
  }
}

// One kernel for all ISAs, by length of the row: against a copy by bytes.
void test_take(Random& random, int64_t row_bytes) {
  const int64_t num_rows = 53, num_sources = 11;
  const ReadBuffer<uint8_t> source = random_bytes(random, num_sources * row_bytes);
  std::vector<int32_t> rows(static_cast<size_t>(num_rows));
  for (int32_t& row : rows) row = random.integer(0, static_cast<int>(num_sources) - 1);
  const ReadBuffer<int32_t> row_numbers(rows);
  OutputBuffer want(num_rows * row_bytes), got(num_rows * row_bytes);
  for (int64_t at = 0; at < num_rows * row_bytes; ++at)
    want.data()[at] = source.data()[rows[static_cast<size_t>(at / row_bytes)] * row_bytes + at % row_bytes];
  TakeArgs args;
  args.source = source.data();
  args.rows = row_numbers.data();
  args.out = got.data();
  args.row_bytes = row_bytes;
  args.num_rows = num_rows;
  run_split(take_kernel(row_bytes), args, num_rows);
  tally.add("take", Isa::serial, got == want && got.is_intact(), "bytes=" + std::to_string(row_bytes));
}

void test_spmm_f32(Random& random, int length, int variant) {
  const int64_t num_rows = 13, num_sources = 11;
  const Graph graph = make_graph(random, num_rows, num_sources, 30);
  const ReadBuffer<int32_t> indices(graph.indices);
  const ReadBuffer<float> values = random_floats(random, static_cast<int64_t>(graph.indices.size()));
  const ReadBuffer<float> source = random_floats(random, num_sources * length);
  const ReadBuffer<float> skip = random_floats(random, num_rows * length);
  const ReadBuffer<float> row_scale = random_floats(random, num_rows);
  SpmmF32Args args;
  args.indptr = graph.indptr.data();
  args.indices = indices.data();
  args.values = variant & 1 ? values.data() : nullptr;
  args.row_scale = variant & 2 ? row_scale.data() : nullptr;
  args.skip = variant & 4 ? skip.data() : nullptr;
  args.source = source.data();
  args.scale = 0.9f;
  args.skip_scale = 0.1f;
  args.num_rows = num_rows;
  args.num_sources = variant & 1 ? num_sources : int64_t{1} << 30;
  args.num_channels = length;
  OutputBuffer want(num_rows * length * 4), got(num_rows * length * 4);
  args.out = reinterpret_cast<float*>(want.data());
  run_split(kernels_for(Isa::serial).spmm_f32, args, num_rows);
  for (const Isa isa : vector_isas()) {
    got.reset();
    args.out = reinterpret_cast<float*>(got.data());
    run_split(kernels_for(isa).spmm_f32, args, num_rows);
    tally.add("spmm_f32", isa, got == want && got.is_intact(), "F=" + std::to_string(length));
  }
}

}  // namespace
}  // namespace smoothbit
