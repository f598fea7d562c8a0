// requantize, AVX-512.
#if defined(__x86_64__)
#include "smoothbit/requantize.h"

#include "../epilogue/avx512.h"
#include "../epilogue/simple_avx512.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

template <int kBits, bool kIsUnit>
void quantize_rows(const RequantizeArgs& args, const SimpleLawAvx512<kBits>& law, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const Term& term = e.terms[0];
  const __m512i zero_point = _mm512_set1_epi16(static_cast<int16_t>(e.output.zero_point[0]));
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* values = static_cast<const float*>(term.data) + row * term.stride;
    const __m512 scale = _mm512_set1_ps(term.row_scale ? term.row_scale[row] : 1.0f);
    uint8_t* out = static_cast<uint8_t*>(e.out) + row * e.out_stride;
    int64_t c = 0;
    for (; c + 64 <= e.num_channels; c += 64, out += 8 * kBits) {
      __m512i codes[4];
      for (int v = 0; v < 4; ++v)
        codes[v] = law.template code_of_values<kIsUnit>(_mm512_loadu_ps(values + c + 16 * v), scale);
      store_packed_avx512<kBits>(out, pack_bytes_avx512<kBits>(join_codes_avx512(codes, zero_point)));
    }
    if (c < e.num_channels) finish_row_avx512(e, row, c, e.num_channels - c, args.sums, 0.0f);
    clear_row_padding_serial(e, row);
  }
}

template <int kBits>
void quantize_floats(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const SimpleLawAvx512<kBits> law(args.epilogue);
  if (law.has_unit_term()) quantize_rows<kBits, true>(args, law, row_begin, row_end);
  else quantize_rows<kBits, false>(args, law, row_begin, row_end);
}

}  // namespace

void requantize_i32_avx2(const RequantizeArgs& args, int64_t row_begin, int64_t row_end);

void requantize_i32_avx512(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  const bool may_look_up = !args.sums && e.is_uniform && e.num_terms > 0 && e.terms[0].num_bits <= 4;
  // Several rows in 256-bit registers, instead of one that leaves most of a 512-bit one empty (the reason is
  // the AVX2 measurement; not measured on a machine with AVX-512).
  constexpr int64_t kNarrowChannels = 16;
  if (e.num_channels <= kNarrowChannels || may_look_up) {
    requantize_i32_avx2(args, row_begin, row_end);
    return;
  }
  if (e.num_channels >= 64 && quantizes_floats(args)) {
    switch (e.output.num_bits) {
      case 1: return quantize_floats<1>(args, row_begin, row_end);
      case 2: return quantize_floats<2>(args, row_begin, row_end);
      case 4: return quantize_floats<4>(args, row_begin, row_end);
      default: return quantize_floats<8>(args, row_begin, row_end);
    }
  }
  const int64_t whole = e.num_channels / 16 * 16;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    const int32_t* sums = args.sums ? args.sums + row * e.num_channels : nullptr;
    finish_row_avx512(e, row, 0, whole, sums, row_term);
    if (whole < e.num_channels) {
      // The last group is copied, because its vector load would read past the end of the sums.
      int32_t last[16] = {};
      const int64_t rest = e.num_channels - whole;
      if (sums) std::memcpy(last, sums + whole, static_cast<size_t>(rest) * sizeof(int32_t));
      finish_row_avx512(e, row, whole, rest, last, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
