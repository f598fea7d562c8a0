// requantize, AVX2.
#if defined(__x86_64__)
#include "smoothbit/requantize.h"

#include "../epilogue/tile_avx2.h"
#include "lookup_avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

// Rows of at most 32 channels.
void requantize_tiles(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const TileAvx2 tile(args.epilogue);
  const int64_t num_channels = args.epilogue.num_channels;
  alignas(32) int32_t slots[kBatchLanes] = {};
  if (!args.sums) {
    finish_tiles_avx2(tile, row_begin, row_end, slots);
    return;
  }
  if (num_channels == tile.lanes) {  // rows are slots already, but for the load of a last tile that is not whole
    const int64_t whole = (row_end - row_begin) / tile.num_rows * tile.num_rows;
    finish_tiles_avx2(tile, row_begin, row_begin + whole, args.sums + row_begin * num_channels);
    row_begin += whole;
  }
  const int64_t batch = kBatchTiles * tile.num_rows;
  for (int64_t row = row_begin; row < row_end; row += batch) {
    const int64_t end = std::min(row + batch, row_end);
    load_slots_avx2(args.sums + row * num_channels, end - row, num_channels, tile.lanes, slots);
    finish_tiles_avx2(tile, row, end, slots);
  }
}

// Rows of whole chunks and a rest; see quantizes_floats.
template <int kBits>
void quantize_floats(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const Term& term = e.terms[0];
  const PlainLawAvx2 law(e.output);
  const __m256 step = _mm256_set1_ps(term.step[0]);
  const bool has_factors = term.step[0] != 1.0f || term.row_scale;
  const auto each = [](const auto& operation) { each_avx2<4>(operation); };
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* values = static_cast<const float*>(term.data) + row * term.stride;
    uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride;
    const __m256 scale = _mm256_set1_ps(term.row_scale ? term.row_scale[row] : 1.0f);
    int64_t c = 0;
    for (; c + 32 <= e.num_channels; c += 32, out += 4 * kBits) {
      __m256 y[4];
      __m256i codes[4];
      each([&](int v) { y[v] = _mm256_loadu_ps(values + c + 8 * v); });
      if (has_factors) each([&](int v) { y[v] = _mm256_mul_ps(_mm256_mul_ps(y[v], step), scale); });
      if (e.has_relu) each([&](int v) { y[v] = _mm256_max_ps(y[v], _mm256_setzero_ps()); });
      law.codes(FloatsAvx2<4>{y[0], y[1], y[2], y[3]}, codes);
      store_chunk_avx2<kBits>(out, codes);
    }
    if (c < e.num_channels) finish_row_avx2(e, row, c, e.num_channels - c, args.sums, 0.0f);
    clear_row_padding_serial(e, row);
  }
}

}  // namespace

void requantize_i32_avx2(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  if (LookupTable::fits(args)) {
    switch (e.output.num_bits) {
      case 1: return requantize_lookup<1>(args, row_begin, row_end);
      case 2: return requantize_lookup<2>(args, row_begin, row_end);
      default: return requantize_lookup<4>(args, row_begin, row_end);
    }
  }
  if (has_tile_avx2(e.num_channels)) {
    requantize_tiles(args, row_begin, row_end);
    return;
  }
  if (e.num_channels >= 32 && quantizes_floats(args)) {
    switch (e.output.num_bits) {
      case 1: return quantize_floats<1>(args, row_begin, row_end);
      case 2: return quantize_floats<2>(args, row_begin, row_end);
      case 4: return quantize_floats<4>(args, row_begin, row_end);
      default: return quantize_floats<8>(args, row_begin, row_end);
    }
  }
  const int64_t whole = e.num_channels / 8 * 8;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    const int32_t* sums = args.sums ? args.sums + row * e.num_channels : nullptr;
    finish_row_avx2(e, row, 0, whole, sums, row_term);
    if (whole < e.num_channels) {
      // The last group is copied, because its vector load would read past the end of the sums.
      int32_t last[8] = {};
      const int64_t rest = e.num_channels - whole;
      if (sums) std::memcpy(last, sums + whole, static_cast<size_t>(rest) * sizeof(int32_t));
      finish_row_avx2(e, row, whole, rest, last, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
