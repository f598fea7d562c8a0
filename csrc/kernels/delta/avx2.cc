// Delta-coded step, AVX2.
//
// Differences are gathered in byte planes (spmm/planes_avx2.h) and everything after stays in their order, so nothing is
// turned into channel order but float32 output. A register holds two blocks of 16 bytes of codes, one in each half: the
// neighbouring blocks of a row of more than 16 bytes, or the only block of two rows. At 2 bits:
//
//     byte j of a block      | c[4j+3] c[4j+2] c[4j+1] c[4j] |
//     plane k, byte j        channel 4j + k
//     state of a block       plane 0: bytes 0..7, 8..15 as int16 (int32)   plane 1: ..   plane 2: ..   plane 3: ..
//
// Interleaving with zeros widens bytes to 16 and 32 bits within each half, and packing undoes it in the same order: no
// lane ever crosses a half. A step of INT2 on a row of 128 channels takes about 31 operations for 8 channels, of which
// 12 update the state.
#if defined(__x86_64__)
#include "blocks_avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

// Floats of two blocks in the order of the planes: [half][plane][byte].
template <int kBits>
using Values = float[2][kPlanes<kBits>][kBlockBytes];

template <int kBits, bool kIsShort>
void load_values(const Step<kBits, kIsShort>& step, const Place& place, float (*values)[kBlockBytes]) {
  constexpr int P = kPlanes<kBits>;
  const int64_t channel = place.byte * P;
  for (int64_t i = 0; i < kBlockBytes * P; ++i)
    values[i % P][i / P] =
        channel + i < step.e.num_channels ? term_serial(step.e.terms[0], place.row, channel + i) : 0.0f;
}

template <int kBits, bool kIsShort>
void store_values(const Step<kBits, kIsShort>& step, const Place& place, const float (*values)[kBlockBytes]) {
  constexpr int P = kPlanes<kBits>;
  const float* scale = step.e.output_row_scale;
  const int64_t channel = place.byte * P;
  const int64_t count = std::min<int64_t>(kBlockBytes * P, step.e.num_channels - channel);
  store_row_serial(step.e, place.row, channel, count, [&](int64_t i) {
    const float y = values[i % P][i / P];
    return scale ? y * scale[place.row] : y;
  });
}

// Two blocks from their sums to their output. Kinds other than `any` have no branches: a factor of 0 may change the
// sign of a zero, but no code.
// Constants and addresses are members, so that no store makes the compiler read them again.
template <bool kIsWide, Kind kKind, int kBits, bool kIsShort>
class Finish {
 public:
  static constexpr int P = kPlanes<kBits>;
  static constexpr bool kIsUsual = kKind != Kind::any;

  // `values` is room for floats of the output, and `skip_values` holds those of the term where it is not codes.
  SMOOTHBIT_INLINE Finish(const Step<kBits, kIsShort>& step, const Place& low, const Place& high, Values<kBits>& values,
                          const Values<kBits>& skip_values)
      : step_(step), values_(values), skip_values_(skip_values), is_first_(step.args.is_first) {
    const DeltaArgs& args = step.args;
    const Epilogue& e = step.e;
    own_ = join(step.codes(args.source, args.source_stride, low), step.codes(args.source, args.source_stride, high));
    messages_[0] = args.messages + step.lanes_before(low);
    messages_[1] = args.messages + step.lanes_before(high);
    if constexpr (kIsWide) {
      wide_[0] = step.wide(low);
      wide_[1] = step.wide(high);
    } else {
      narrow_[0] = args.sums + step.lanes_before(low);
      narrow_[1] = args.sums + step.lanes_before(high);
    }
    const int64_t center = int64_t{args.center} << args.exponent;
    const int low_center = static_cast<int>(center * args.length(low.row));
    const int high_center = static_cast<int>(center * args.length(high.row));
    factor_ = _mm256_set1_epi16(static_cast<int16_t>(2 << args.exponent));
    center_ = _mm256_set1_epi16(static_cast<int16_t>(center));
    if constexpr (kIsWide) {
      wide_factor_ = _mm256_set1_epi32(2 << args.exponent);
      centers_ = join(_mm_set1_epi32(low_center), _mm_set1_epi32(high_center));
    } else {
      centers_ = join(_mm_set1_epi16(static_cast<int16_t>(low_center)),
                      _mm_set1_epi16(static_cast<int16_t>(high_center)));
    }
    col_scale_ = _mm256_set1_ps(e.col_scale[0]);
    row_scale_ = join(e.row_scale[low.row], e.row_scale[high.row]);
    known_scale_ = _mm256_set1_ps(args.known_scale);
    change_scale_ = _mm256_set1_ps(args.change_scale);
    sum_change_scale_ = _mm256_set1_ps(args.sum_change_scale);
    start_law(e.output);
    start_skip(low, high);
  }

  // The codes of both blocks; nothing where the output is not of codes like the source, but floats in `values`.
  SMOOTHBIT_INLINE __m256i run(const __m256i* sums) {
    __m256i bytes = _mm256_setzero_si256();
    for (int k = 0; k < P; ++k) {
      const __m128i shift = _mm_cvtsi32_si128(k * kBits);
      const __m256i codes = _mm256_and_si256(_mm256_srl_epi16(own_, shift), bytes_avx2((1 << kBits) - 1));
      const __m256i skip = _mm256_srl_epi16(skip_codes_, shift);
      const __m256i low = lanes<0>(k, codes, skip, sums), high = lanes<1>(k, codes, skip, sums);
      bytes = _mm256_or_si256(bytes, _mm256_sll_epi16(_mm256_packus_epi16(low, high), shift));
    }
    return bytes;
  }

 private:
  SMOOTHBIT_INLINE void start_law(const Law& law) {
    if (!kIsUsual && !step_.is_coded) return;
    inv_scale_ = _mm256_set1_ps(law.inv_scale[0]);
    phase_ = _mm256_set1_ps(law.phase[0]);
    least_ = _mm256_set1_ps(-law.zero_point[0]);
    most_ = _mm256_set1_ps(law.qmax - law.zero_point[0]);
    zero_point_ = _mm256_set1_epi16(static_cast<int16_t>(law.zero_point[0]));
  }
  SMOOTHBIT_INLINE void start_skip(const Place& low, const Place& high) {
    skip_codes_ = _mm256_setzero_si256();
    table_ = step_of_term_ = offset_ = _mm256_setzero_ps();
    has_term_row_scale_ = false;
    if (step_.skip != Skip::codes) return;
    const Term& term = step_.e.terms[0];
    skip_codes_ = join(step_.codes(term.data, term.stride, low), step_.codes(term.data, term.stride, high));
    step_of_term_ = _mm256_set1_ps(term.step[0]);
    offset_ = _mm256_set1_ps(term.offset[0]);
    has_term_row_scale_ = term.row_scale != nullptr;
    if (has_term_row_scale_) term_row_scale_ = join(term.row_scale[low.row], term.row_scale[high.row]);
    if constexpr (kBits == 1) table_ = term_value(_mm256_setr_ps(0, 1, 0, 1, 0, 1, 0, 1));
    if constexpr (kBits == 2) table_ = term_value(_mm256_setr_ps(0, 1, 2, 3, 0, 1, 2, 3));
  }

  SMOOTHBIT_INLINE __m256 term_value(__m256 codes) const {
    const __m256 value = _mm256_add_ps(_mm256_mul_ps(codes, step_of_term_), offset_);
    return has_term_row_scale_ ? _mm256_mul_ps(value, term_row_scale_) : value;
  }
  // The bits above a code are of other channels.
  SMOOTHBIT_INLINE __m256 skip_value(__m256i lanes) const {
    if constexpr (kBits <= 2) return _mm256_permutevar_ps(table_, lanes);
    else return term_value(_mm256_cvtepi32_ps(_mm256_and_si256(lanes, _mm256_set1_epi32((1 << kBits) - 1))));
  }

  template <int v, int w>
  SMOOTHBIT_INLINE __m256 value(int k, __m256i message, __m256i sum, __m256i change, __m256i sum_change,
                                __m256i skip) const {
    const DeltaArgs& args = step_.args;
    const __m256 own = _mm256_cvtepi32_ps(message);
    __m256 y = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), col_scale_), row_scale_);
    if (!kIsUsual && args.message_scale != 0.0f)
      y = _mm256_add_ps(y, _mm256_mul_ps(own, _mm256_set1_ps(args.message_scale)));
    if (kIsUsual || step_.skip == Skip::codes) {
      y = _mm256_add_ps(y, skip_value(widen_u16<w>(skip)));
    } else if (step_.skip == Skip::values) {
      const int byte = 8 * v + 4 * w;
      y = _mm256_add_ps(y, _mm256_set_m128(_mm_loadu_ps(&skip_values_[1][k][byte]),
                                           _mm_loadu_ps(&skip_values_[0][k][byte])));
    }
    if (kKind == Kind::corrected || (!kIsUsual && args.change_scale != 0.0f))
      y = _mm256_add_ps(y, _mm256_mul_ps(_mm256_cvtepi32_ps(change), change_scale_));
    if (kKind == Kind::corrected || (!kIsUsual && args.sum_change_scale != 0.0f)) {
      const __m256 mean = _mm256_mul_ps(_mm256_cvtepi32_ps(sum_change), sum_change_scale_);
      y = _mm256_add_ps(y, _mm256_mul_ps(mean, row_scale_));
    }
    if (!kIsUsual && args.known_scale == 0.0f) return y;
    return _mm256_sub_ps(y, _mm256_mul_ps(own, known_scale_));
  }

  // The code less its zero point; see epilogue.h, is_simple_epilogue.
  SMOOTHBIT_INLINE __m256i centered_code(__m256 y) const {
    y = _mm256_add_ps(_mm256_mul_ps(y, inv_scale_), phase_);
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(y, least_), most_));
  }

  // Adds a change to the state at `at` of both blocks, whose lanes are Lane.
  template <class Lane>
  SMOOTHBIT_INLINE __m256i add_state(Lane* const state[2], int at, __m256i change) const {
    __m128i* low = reinterpret_cast<__m128i*>(state[0] + at);
    __m128i* high = reinterpret_cast<__m128i*>(state[1] + at);
    __m256i total = change;
    if (kIsUsual || !is_first_) {
      const __m256i known = join(_mm_loadu_si128(low), _mm_loadu_si128(high));
      total = sizeof(Lane) == 2 ? _mm256_add_epi16(known, change) : _mm256_add_epi32(known, change);
    }
    _mm_storeu_si128(low, _mm256_castsi256_si128(total));
    _mm_storeu_si128(high, _mm256_extracti128_si256(total, 1));
    return total;
  }

  // Half v of plane k: the codes of 16 channels, 16 bits each.
  template <int v>
  SMOOTHBIT_INLINE __m256i lanes(int k, __m256i codes, __m256i skip_codes, const __m256i* sums) {
    const __m256i change = _mm256_sub_epi16(_mm256_mullo_epi16(widen_bytes<v>(codes), factor_), center_);
    const __m256i message = add_state(messages_, 16 * k + 8 * v, change);
    const __m256i skip = widen_bytes<v>(skip_codes);
    __m256i sum_change = change, sum = message;  // of wide rows: see quarter()
    if constexpr (!kIsWide) {
      sum_change = _mm256_sub_epi16(_mm256_mullo_epi16(sums[2 * k + v], factor_), centers_);
      sum = add_state(narrow_, 16 * k + 8 * v, sum_change);
    }
    const __m256i low = quarter<v, 0>(k, message, sum, change, sum_change, skip, sums);
    const __m256i high = quarter<v, 1>(k, message, sum, change, sum_change, skip, sums);
    if (!kIsUsual && !step_.is_coded) return _mm256_setzero_si256();
    return _mm256_add_epi16(_mm256_packs_epi32(low, high), zero_point_);
  }

  template <int v, int w>
  SMOOTHBIT_INLINE __m256i quarter(int k, __m256i message, __m256i sum, __m256i change, __m256i sum_change,
                                   __m256i skip, const __m256i* sums) {
    const int at = 16 * k + 8 * v + 4 * w;
    __m256i wide_sum, wide_change;
    if constexpr (kIsWide) {
      wide_change = _mm256_sub_epi32(_mm256_mullo_epi32(sums[4 * k + 2 * v + w], wide_factor_), centers_);
      wide_sum = add_state(wide_, at, wide_change);
    } else {
      wide_change = widen_i16<w>(sum_change);
      wide_sum = widen_i16<w>(sum);
    }
    const __m256 y = value<v, w>(k, widen_i16<w>(message), wide_sum, widen_i16<w>(change), wide_change, skip);
    if (kIsUsual || step_.is_coded) return centered_code(y);
    _mm_storeu_ps(&values_[0][k][8 * v + 4 * w], _mm256_castps256_ps128(y));
    _mm_storeu_ps(&values_[1][k][8 * v + 4 * w], _mm256_extractf128_ps(y, 1));
    return _mm256_setzero_si256();
  }

  const Step<kBits, kIsShort>& step_;
  Values<kBits>& values_;
  const Values<kBits>& skip_values_;
  const bool is_first_;
  bool has_term_row_scale_ = false;
  int16_t* messages_[2];
  int16_t* narrow_[2];
  int32_t* wide_[2];
  __m256i own_, skip_codes_, factor_, wide_factor_, center_, centers_, zero_point_;
  __m256 col_scale_, row_scale_, known_scale_, change_scale_, sum_change_scale_, inv_scale_, phase_, least_, most_;
  __m256 table_, step_of_term_, offset_, term_row_scale_;
};

template <bool kIsWide, int kBits, bool kIsShort>
__attribute__((noinline)) void run_blocks(const Step<kBits, kIsShort>& step, const Place& low, const Place& high) {
  __m256i sums[(kIsWide ? 4 : 2) * kPlanes<kBits>];
  gather<kIsWide>(step, low, high, sums);
  Values<kBits> values, skip_values;
  const auto store_codes = [&](__m256i codes) {
    step.store(low, _mm256_castsi256_si128(codes));
    step.store(high, _mm256_extracti128_si256(codes, 1));
  };
  if constexpr (kBits != 4 && !kIsShort) {
    if (step.kind == Kind::plain) {
      store_codes(Finish<kIsWide, Kind::plain, kBits, kIsShort>(step, low, high, values, skip_values).run(sums));
      return;
    }
    if (step.kind == Kind::corrected) {
      store_codes(Finish<kIsWide, Kind::corrected, kBits, kIsShort>(step, low, high, values, skip_values).run(sums));
      return;
    }
  }
  if (step.skip == Skip::values) {
    load_values(step, low, skip_values[0]);
    load_values(step, high, skip_values[1]);
  }
  const __m256i codes = Finish<kIsWide, Kind::any, kBits, kIsShort>(step, low, high, values, skip_values).run(sums);
  if (step.is_coded) {
    store_codes(codes);
    return;
  }
  store_values(step, low, values[0]);
  if (high.byte <= step.last_byte) store_values(step, high, values[1]);
}

template <int kBits, bool kIsShort>
void run_pair(const Step<kBits, kIsShort>& step, const Place& low, const Place& high) {
  if (step.args.slots[low.row] >= 0) run_blocks<true>(step, low, high);
  else run_blocks<false>(step, low, high);
}

template <int kBits, bool kIsShort>
void run_rows(const Step<kBits, kIsShort>& step, int64_t row, int64_t end) {
  if (step.last_byte > 0) {
    for (; row < end; ++row) {
      step.prefetch_state(row + kRowsAhead);
      for (int64_t byte = 0; byte <= step.last_byte; byte += 2 * kBlockBytes)
        run_pair(step, {row, byte}, {row, byte + kBlockBytes});
      clear_row_padding_serial(step.e, row);
    }
    return;
  }
  // Rows of one block in twos; a row without a partner of its kind is its own. What that does twice, it does alike.
  while (row < end) {
    const bool has_next = row + 1 < end && (step.args.slots[row] < 0) == (step.args.slots[row + 1] < 0);
    step.prefetch_state(row + kRowsAhead);
    step.prefetch_state(row + kRowsAhead + has_next);
    run_pair(step, {row, 0}, {row + has_next, 0});
    for (const int64_t next = row + 1 + has_next; row < next; ++row) clear_row_padding_serial(step.e, row);
  }
}

template <int kBits>
void delta_avx2(const DeltaArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  if (e.num_channels == 0) {
    for (int64_t row = row_begin; row < row_end; ++row) clear_row_padding_serial(e, row);
    return;
  }
  const int64_t row_bits = e.num_channels * kBits, row_bytes = (row_bits + 7) / 8;
  const int64_t last_byte = (row_bytes - 1) / kBlockBytes * kBlockBytes;
  alignas(16) uint8_t valid[kBlockBytes];
  for (int64_t i = 0; i < kBlockBytes; ++i) valid[i] = low_bits(row_bits - 8 * (last_byte + i));
  const bool is_coded = e.is_simple && e.output.num_bits == kBits;
  const bool has_codes = e.num_terms && e.terms[0].num_bits == kBits && e.terms[0].is_uniform;
  const Skip skip = !e.num_terms ? Skip::none : has_codes ? Skip::codes : Skip::values;
  const bool is_usual = is_coded && skip != Skip::values && !args.is_first && args.message_scale == 0.0f &&
                        args.known_scale != 0.0f;
  const bool is_corrected = args.change_scale != 0.0f || args.sum_change_scale != 0.0f;
  const Kind kind = !is_usual ? Kind::any : is_corrected ? Kind::corrected : Kind::plain;
  const int64_t prefetch_end = is_prefetched(args.num_rows, args.source_stride) ? args.indptr[args.num_rows] : 0;
  const int64_t needed = row_bytes <= kBlockBytes ? kBlockBytes : (row_bytes + 31) / 32 * 32;
  const bool is_short = args.source_stride < needed || (is_coded && e.out_stride < needed) ||
                        (has_codes && e.terms[0].stride < needed);
  const auto run = [&](auto short_rows) {
    const Step<kBits, decltype(short_rows)::value> step{
        args, e, last_byte, _mm_load_si128(reinterpret_cast<const __m128i*>(valid)), prefetch_end, is_coded, kind,
        skip};
    run_rows(step, row_begin, row_end);
  };
  if (is_short) run(std::true_type());
  else run(std::false_type());
}

}  // namespace

void delta_u1_avx2(const DeltaArgs& args, int64_t begin, int64_t end) { delta_avx2<1>(args, begin, end); }
void delta_u2_avx2(const DeltaArgs& args, int64_t begin, int64_t end) { delta_avx2<2>(args, begin, end); }
void delta_u4_avx2(const DeltaArgs& args, int64_t begin, int64_t end) { delta_avx2<4>(args, begin, end); }
void delta_u8_avx2(const DeltaArgs& args, int64_t begin, int64_t end) { delta_avx2<8>(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
