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
#include <algorithm>

#include "../epilogue/avx2.h"
#include "../spmm/planes_avx2.h"
#include "smoothbit/delta.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

constexpr int64_t kAhead = 48;  // entries between a prefetch and its use
constexpr int64_t kBlockBytes = 16;

template <int kBits>
constexpr int kPlanes = 8 / kBits;

SMOOTHBIT_INLINE __m256i join(__m128i low, __m128i high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
SMOOTHBIT_INLINE __m256 join(float low, float high) { return _mm256_set_m128(_mm_set1_ps(high), _mm_set1_ps(low)); }

// Half h of the widened lanes, without sign and with it.
template <int h>
SMOOTHBIT_INLINE __m256i widen_bytes(__m256i x) {
  const __m256i zero = _mm256_setzero_si256();
  return h ? _mm256_unpackhi_epi8(x, zero) : _mm256_unpacklo_epi8(x, zero);
}
template <int h>
SMOOTHBIT_INLINE __m256i widen_u16(__m256i x) {
  const __m256i zero = _mm256_setzero_si256();
  return h ? _mm256_unpackhi_epi16(x, zero) : _mm256_unpacklo_epi16(x, zero);
}
template <int h>
SMOOTHBIT_INLINE __m256i widen_i16(__m256i x) {
  return _mm256_srai_epi32(h ? _mm256_unpackhi_epi16(x, x) : _mm256_unpacklo_epi16(x, x), 16);
}

// Sums of at most kMaxRows registers of codes, handed out as 16-bit lanes 2k, 2k + 1 of plane k.
template <int kBits>
class BlockSums {
 public:
  static constexpr int64_t kMaxRows = 255 / ((1 << kBits) - 1);

  SMOOTHBIT_INLINE BlockSums() { sums_.start(); }
  SMOOTHBIT_INLINE void add(__m256i x) { sums_.add_row(x); }
  SMOOTHBIT_INLINE void lanes(__m256i* lanes_u16x16) const {
    __m256i planes[kPlanes<kBits>];
    sums_.split(planes);
    for (int k = 0; k < kPlanes<kBits>; ++k) {
      lanes_u16x16[2 * k] = widen_bytes<0>(planes[k]);
      lanes_u16x16[2 * k + 1] = widen_bytes<1>(planes[k]);
    }
  }

 private:
  RowSums<kBits> sums_;
};

template <>
class BlockSums<8> {
 public:
  static constexpr int64_t kMaxRows = 257;

  SMOOTHBIT_INLINE BlockSums() : low_(_mm256_setzero_si256()), high_(_mm256_setzero_si256()) {}
  SMOOTHBIT_INLINE void add(__m256i x) {
    low_ = _mm256_add_epi16(low_, widen_bytes<0>(x));
    high_ = _mm256_add_epi16(high_, widen_bytes<1>(x));
  }
  SMOOTHBIT_INLINE void lanes(__m256i* lanes_u16x16) const {
    lanes_u16x16[0] = low_;
    lanes_u16x16[1] = high_;
  }

 private:
  __m256i low_, high_;
};

// A block of a row.
struct Place {
  int64_t row;
  int64_t byte;
};

// Where the skip term comes from.
enum class Skip { none, codes, values };

// What does not change within a call. kIsShort: some rows end before the blocks do.
template <int kBits, bool kIsShort>
struct Step {
  static constexpr int P = kPlanes<kBits>;

  const DeltaArgs& args;
  const Epilogue& e;
  int64_t last_byte;      // where the last block with a channel begins
  __m128i last_valid;     // bits of that block that are codes
  int64_t prefetch_end;
  bool is_coded;          // the output has the width of the source and one plain law
  bool is_plain;          // nothing but what the usual step has
  Skip skip;

  static SMOOTHBIT_INLINE __m128i block(const uint8_t* bytes, int64_t readable) {
    if (!kIsShort || readable >= 16) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
    if (readable <= 0) return _mm_setzero_si128();
    const uint64_t high = readable > 8 ? load_bytes(bytes + 8, readable - 8 < 8 ? readable - 8 : 8) : 0;
    return _mm_set_epi64x(static_cast<int64_t>(high), static_cast<int64_t>(load_bytes(bytes, readable)));
  }
  SMOOTHBIT_INLINE __m128i codes(const void* data, int64_t stride, const Place& place) const {
    return block(static_cast<const uint8_t*>(data) + place.row * stride + place.byte, stride - place.byte);
  }
  SMOOTHBIT_INLINE __m128i entry(int64_t at, int64_t byte) const {
    if (at + kAhead < prefetch_end)
      _mm_prefetch(reinterpret_cast<const char*>(args.source + args.indices[at + kAhead] * args.source_stride + byte),
                   _MM_HINT_T0);
    return codes(args.source, args.source_stride, {args.indices[at], byte});
  }
  SMOOTHBIT_INLINE __m256i whole_entry(int64_t at, int64_t byte) const {
    const __m128i low = entry(at, byte);
    return join(low, codes(args.source, args.source_stride, {args.indices[at], byte + kBlockBytes}));
  }
  SMOOTHBIT_INLINE __m128i valid(int64_t byte) const {
    return byte < last_byte ? _mm_set1_epi8(-1) : byte == last_byte ? last_valid : _mm_setzero_si128();
  }
  void store(const Place& place, __m128i bytes) const {
    bytes = _mm_and_si128(bytes, valid(place.byte));
    uint8_t* out = static_cast<uint8_t*>(e.out) + place.row * e.out_stride + place.byte;
    const int64_t room = e.out_stride - place.byte;
    if (!kIsShort || room >= 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
    } else if (room > 0) {
      store_bytes(out, static_cast<uint64_t>(_mm_cvtsi128_si64(bytes)), room);
      if (room > 8) store_bytes(out + 8, static_cast<uint64_t>(_mm_extract_epi64(bytes, 1)), room - 8);
    }
  }
  SMOOTHBIT_INLINE int64_t lanes_before(const Place& place) const { return place.row * args.width + place.byte * P; }
  SMOOTHBIT_INLINE int32_t* wide(const Place& place) const {
    return args.wide_sums + args.slots[place.row] * args.width + place.byte * P;
  }
};

// Adds lanes of 16 bits to sums of 16 bits, or of 32.
template <int kBits, bool kIsWide>
SMOOTHBIT_INLINE void add_lanes(const BlockSums<kBits>& part, __m256i* sums, bool is_first) {
  constexpr int kLanes = 2 * kPlanes<kBits>;
  __m256i lanes[kLanes];
  part.lanes(lanes);
  for (int i = 0; i < kLanes; ++i) {
    if constexpr (kIsWide) {
      sums[2 * i] = is_first ? widen_u16<0>(lanes[i]) : _mm256_add_epi32(sums[2 * i], widen_u16<0>(lanes[i]));
      sums[2 * i + 1] =
          is_first ? widen_u16<1>(lanes[i]) : _mm256_add_epi32(sums[2 * i + 1], widen_u16<1>(lanes[i]));
    } else {
      sums[i] = is_first ? lanes[i] : _mm256_add_epi16(sums[i], lanes[i]);
    }
  }
}

// Sums over the neighbours of the rows in both halves.
template <bool kIsWide, int kBits, bool kIsShort>
SMOOTHBIT_INLINE void gather(const Step<kBits, kIsShort>& step, const Place& low, const Place& high, __m256i* sums) {
  const int64_t begins[2] = {step.args.indptr[low.row], step.args.indptr[high.row]};
  const int64_t counts[2] = {step.args.length(low.row), step.args.length(high.row)};
  const int64_t longest = std::max(counts[0], counts[1]);
  int64_t at = 0;
  do {
    BlockSums<kBits> part;
    const int64_t first = at, end = std::min(longest, at + BlockSums<kBits>::kMaxRows);
    if (low.byte != high.byte) {
      for (; at < end; ++at) part.add(step.whole_entry(begins[0] + at, low.byte));
    } else {
      const __m128i zero = _mm_setzero_si128();
      for (const int64_t both = std::min(end, std::min(counts[0], counts[1])); at < both; ++at)
        part.add(join(step.entry(begins[0] + at, 0), step.entry(begins[1] + at, 0)));
      if (counts[0] > counts[1])
        for (; at < end; ++at) part.add(join(step.entry(begins[0] + at, 0), zero));
      else
        for (; at < end; ++at) part.add(join(zero, step.entry(begins[1] + at, 0)));
    }
    add_lanes<kBits, kIsWide>(part, sums, first == 0);
  } while (at < longest);
}

// Floats of two blocks in the order of the planes: [half][plane][byte].
template <int kBits>
using Values = float[2][kPlanes<kBits>][kBlockBytes];

template <int kBits, bool kIsShort>
void load_values(const Step<kBits, kIsShort>& step, const Place* places, Values<kBits>& values) {
  constexpr int P = kPlanes<kBits>;
  for (int half = 0; half < 2; ++half) {
    const int64_t channel = places[half].byte * P;
    for (int64_t i = 0; i < kBlockBytes * P; ++i)
      values[half][i % P][i / P] =
          channel + i < step.e.num_channels ? term_serial(step.e.terms[0], places[half].row, channel + i) : 0.0f;
  }
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

// Two blocks from their sums to their output. kIsPlain leaves out what a step in the middle without corrections has not.
template <bool kIsWide, bool kIsPlain, int kBits, bool kIsShort>
class Finish {
 public:
  static constexpr int P = kPlanes<kBits>;

  SMOOTHBIT_INLINE Finish(const Step<kBits, kIsShort>& step, const Place& low, const Place& high)
      : step(step), e(step.e), places{low, high}, skip_codes_(_mm256_setzero_si256()), table_(_mm256_setzero_ps()) {
    const DeltaArgs& args = step.args;
    const int64_t shifted = int64_t{args.center} << args.exponent;
    const int64_t centers[2] = {shifted * args.length(low.row), shifted * args.length(high.row)};
    factor_ = 2 << args.exponent;
    center_ = static_cast<int>(shifted);
    low_center_ = static_cast<int>(centers[0]);
    high_center_ = static_cast<int>(centers[1]);
    row_scale_ = join(e.row_scale[low.row], e.row_scale[high.row]);
    if (!kIsPlain && step.skip == Skip::values) load_values(step, places, skip_values_);
    if (step.skip != Skip::codes) return;
    const Term& term = e.terms[0];
    skip_codes_ = join(step.codes(term.data, term.stride, low), step.codes(term.data, term.stride, high));
    if (term.row_scale) term_row_scale_ = join(term.row_scale[low.row], term.row_scale[high.row]);
    if constexpr (kBits <= 2) {
      const __m256 codes = kBits == 1 ? _mm256_setr_ps(0, 1, 0, 1, 0, 1, 0, 1) : _mm256_setr_ps(0, 1, 2, 3, 0, 1, 2, 3);
      table_ = term_value(codes);
    }
  }

  SMOOTHBIT_INLINE void run(const __m256i* sums) {
    const __m256i own = join(step.codes(step.args.source, step.args.source_stride, places[0]),
                             step.codes(step.args.source, step.args.source_stride, places[1]));
    __m256i bytes = _mm256_setzero_si256();
    plane<0>(own, sums, bytes);
    if (kIsPlain || step.is_coded) {
      step.store(places[0], _mm256_castsi256_si128(bytes));
      step.store(places[1], _mm256_extracti128_si256(bytes, 1));
      return;
    }
    for (int half = 0; half < 2; ++half)
      if (places[half].byte <= step.last_byte) store_values(step, places[half], values_[half]);
  }

 private:
  SMOOTHBIT_INLINE __m256 term_value(__m256 codes) const {
    const __m256 value = _mm256_add_ps(_mm256_mul_ps(codes, _mm256_set1_ps(e.terms[0].step[0])),
                                       _mm256_set1_ps(e.terms[0].offset[0]));
    return e.terms[0].row_scale ? _mm256_mul_ps(value, term_row_scale_) : value;
  }

  // Code of lanes whose bits above the code are of other channels.
  template <int k, int v, int w>
  SMOOTHBIT_INLINE __m256 skip_value(__m256i skip_u16x16) const {
    const __m256i lanes = widen_u16<w>(skip_u16x16);
    if constexpr (kBits <= 2) return _mm256_permutevar_ps(table_, lanes);
    else return term_value(_mm256_cvtepi32_ps(_mm256_and_si256(lanes, _mm256_set1_epi32((1 << kBits) - 1))));
  }

  template <int k, int v, int w>
  SMOOTHBIT_INLINE __m256 value(__m256i message, __m256i sum, __m256i change, __m256i sum_change, __m256i skip) {
    const DeltaArgs& args = step.args;
    const __m256 own = _mm256_cvtepi32_ps(message);
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(e.col_scale[0]));
    y = _mm256_mul_ps(y, row_scale_);
    if (!kIsPlain && args.message_scale != 0.0f)
      y = _mm256_add_ps(y, _mm256_mul_ps(own, _mm256_set1_ps(args.message_scale)));
    if (kIsPlain || step.skip == Skip::codes) {
      y = _mm256_add_ps(y, skip_value<k, v, w>(skip));
    } else if (step.skip == Skip::values) {
      const int byte = 8 * v + 4 * w;
      y = _mm256_add_ps(y, _mm256_set_m128(_mm_loadu_ps(&skip_values_[1][k][byte]),
                                           _mm_loadu_ps(&skip_values_[0][k][byte])));
    }
    if constexpr (!kIsPlain) {
      if (args.change_scale != 0.0f)
        y = _mm256_add_ps(y, _mm256_mul_ps(_mm256_cvtepi32_ps(change), _mm256_set1_ps(args.change_scale)));
      if (args.sum_change_scale != 0.0f) {
        const __m256 mean = _mm256_mul_ps(_mm256_cvtepi32_ps(sum_change), _mm256_set1_ps(args.sum_change_scale));
        y = _mm256_add_ps(y, _mm256_mul_ps(mean, row_scale_));
      }
      if (args.known_scale == 0.0f) return y;
    }
    return _mm256_sub_ps(y, _mm256_mul_ps(own, _mm256_set1_ps(args.known_scale)));
  }

  // The code less its zero point; see epilogue.h, is_simple_epilogue.
  SMOOTHBIT_INLINE __m256i centered_code(__m256 y) const {
    const Law& law = e.output;
    y = _mm256_add_ps(_mm256_mul_ps(y, _mm256_set1_ps(law.inv_scale[0])), _mm256_set1_ps(law.phase[0]));
    y = _mm256_max_ps(y, _mm256_set1_ps(-law.zero_point[0]));
    return _mm256_cvtps_epi32(_mm256_min_ps(y, _mm256_set1_ps(law.qmax - law.zero_point[0])));
  }

  // Adds `sum` of 32-bit lanes to the state of a wide row.
  template <int k, int v, int w>
  SMOOTHBIT_INLINE __m256i add_wide(__m256i sum_change) const {
    int32_t* low = step.wide(places[0]) + 16 * k + 8 * v + 4 * w;
    int32_t* high = step.wide(places[1]) + 16 * k + 8 * v + 4 * w;
    __m256i sum = sum_change;
    if (!step.args.is_first)
      sum = _mm256_add_epi32(sum, join(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low)),
                                       _mm_loadu_si128(reinterpret_cast<const __m128i*>(high))));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(low), _mm256_castsi256_si128(sum));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high), _mm256_extracti128_si256(sum, 1));
    return sum;
  }

  // Adds 16-bit lanes to messages or sums.
  template <int k, int v>
  SMOOTHBIT_INLINE __m256i add_narrow(int16_t* state, __m256i change) const {
    int16_t* low = state + step.lanes_before(places[0]) + 16 * k + 8 * v;
    int16_t* high = state + step.lanes_before(places[1]) + 16 * k + 8 * v;
    __m256i total = change;
    if (kIsPlain || !step.args.is_first)
      total = _mm256_add_epi16(total, join(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low)),
                                           _mm_loadu_si128(reinterpret_cast<const __m128i*>(high))));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(low), _mm256_castsi256_si128(total));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high), _mm256_extracti128_si256(total, 1));
    return total;
  }

  // Half v of plane k: 16 channels as codes less their zero point, 16 bits each.
  template <int k, int v>
  SMOOTHBIT_INLINE __m256i lanes(__m256i own_u8x32, __m256i skip_u8x32, const __m256i* sums) {
    const __m256i factor = _mm256_set1_epi16(static_cast<int16_t>(factor_));
    const __m256i change = _mm256_sub_epi16(_mm256_mullo_epi16(widen_bytes<v>(own_u8x32), factor),
                                            _mm256_set1_epi16(static_cast<int16_t>(center_)));
    const __m256i message = add_narrow<k, v>(step.args.messages, change);
    const __m256i skip = widen_bytes<v>(skip_u8x32);
    __m256i sum_change = change, sum = message;  // of wide rows: see quarter()
    if constexpr (!kIsWide) {
      const __m256i centers = join(_mm_set1_epi16(static_cast<int16_t>(low_center_)),
                                   _mm_set1_epi16(static_cast<int16_t>(high_center_)));
      sum_change = _mm256_sub_epi16(_mm256_mullo_epi16(sums[2 * k + v], factor), centers);
      sum = add_narrow<k, v>(step.args.sums, sum_change);
    }
    const __m256i low = quarter<k, v, 0>(message, sum, change, sum_change, skip, sums);
    const __m256i high = quarter<k, v, 1>(message, sum, change, sum_change, skip, sums);
    return _mm256_packs_epi32(low, high);
  }

  template <int k, int v, int w>
  SMOOTHBIT_INLINE __m256i quarter(__m256i message, __m256i sum, __m256i change, __m256i sum_change, __m256i skip,
                                   const __m256i* sums) {
    __m256i wide_sum, wide_change;
    if constexpr (kIsWide) {
      const __m256i centers = join(_mm_set1_epi32(low_center_), _mm_set1_epi32(high_center_));
      wide_change = _mm256_sub_epi32(_mm256_mullo_epi32(sums[4 * k + 2 * v + w], _mm256_set1_epi32(factor_)), centers);
      wide_sum = add_wide<k, v, w>(wide_change);
    } else {
      wide_change = widen_i16<w>(sum_change);
      wide_sum = widen_i16<w>(sum);
    }
    const __m256 y = value<k, v, w>(widen_i16<w>(message), wide_sum, widen_i16<w>(change), wide_change, skip);
    if (kIsPlain || step.is_coded) return centered_code(y);
    _mm_storeu_ps(&values_[0][k][8 * v + 4 * w], _mm256_castps256_ps128(y));
    _mm_storeu_ps(&values_[1][k][8 * v + 4 * w], _mm256_extractf128_ps(y, 1));
    return _mm256_setzero_si256();
  }

  template <int k>
  SMOOTHBIT_INLINE void plane(__m256i own, const __m256i* sums, __m256i& bytes) {
    if constexpr (k < P) {
      const __m256i codes = shift_right_avx2<k * kBits>(own, (1 << kBits) - 1);
      const __m256i skip = _mm256_srli_epi16(skip_codes_, k * kBits);
      __m256i low = lanes<k, 0>(codes, skip, sums), high = lanes<k, 1>(codes, skip, sums);
      if (kIsPlain || step.is_coded) {
        const __m256i zero_point = _mm256_set1_epi16(static_cast<int16_t>(e.output.zero_point[0]));
        low = _mm256_add_epi16(low, zero_point);
        high = _mm256_add_epi16(high, zero_point);
        bytes = _mm256_or_si256(bytes, _mm256_slli_epi16(_mm256_packus_epi16(low, high), k * kBits));
      }
      plane<k + 1>(own, sums, bytes);
    }
  }

  const Step<kBits, kIsShort>& step;
  const Epilogue& e;
  Place places[2];
  int factor_, center_, low_center_, high_center_;
  __m256i skip_codes_;
  __m256 table_, row_scale_, term_row_scale_;
  Values<kBits> values_, skip_values_;
};

template <bool kIsWide, int kBits, bool kIsShort>
__attribute__((noinline)) void run_blocks(const Step<kBits, kIsShort>& step, const Place& low, const Place& high) {
  __m256i sums[(kIsWide ? 4 : 2) * kPlanes<kBits>];
  gather<kIsWide>(step, low, high, sums);
  if constexpr (kBits <= 2) {
    if (step.is_plain) {
      Finish<kIsWide, true, kBits, kIsShort>(step, low, high).run(sums);
      return;
    }
  }
  Finish<kIsWide, false, kBits, kIsShort>(step, low, high).run(sums);
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
      for (int64_t byte = 0; byte <= step.last_byte; byte += 2 * kBlockBytes)
        run_pair(step, {row, byte}, {row, byte + kBlockBytes});
      clear_row_padding_serial(step.e, row);
    }
    return;
  }
  // Rows of one block in twos; a row without a partner of its kind is its own. What that does twice, it does alike.
  while (row < end) {
    const bool has_next = row + 1 < end && (step.args.slots[row] < 0) == (step.args.slots[row + 1] < 0);
    run_pair(step, {row, 0}, {row + has_next, 0});
    for (const int64_t next = row + 1 + has_next; row < next; ++row) clear_row_padding_serial(step.e, row);
  }
}

template <int kBits>
void delta_avx2(const DeltaArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  if (e.num_channels == 0) return;
  const int64_t row_bits = e.num_channels * kBits, row_bytes = (row_bits + 7) / 8;
  const int64_t last_byte = (row_bytes - 1) / kBlockBytes * kBlockBytes;
  alignas(16) uint8_t valid[kBlockBytes];
  for (int64_t i = 0; i < kBlockBytes; ++i)
    valid[i] = static_cast<uint8_t>((1 << std::max<int64_t>(0, std::min<int64_t>(8, row_bits - 8 * (last_byte + i)))) - 1);
  const bool is_coded = e.is_simple && e.output.num_bits == kBits;
  const bool has_codes = e.num_terms && e.terms[0].num_bits == kBits && e.terms[0].is_uniform;
  const Skip skip = !e.num_terms ? Skip::none : has_codes ? Skip::codes : Skip::values;
  const bool is_plain = is_coded && skip != Skip::values && !args.is_first && args.message_scale == 0.0f &&
                        args.change_scale == 0.0f && args.sum_change_scale == 0.0f && args.known_scale != 0.0f;
  // A table that fits the second-level cache gains nothing from prefetching.
  constexpr int64_t kCacheBytes = 1 << 19;
  const int64_t prefetch_end = args.num_rows * args.source_stride > kCacheBytes ? args.indptr[args.num_rows] : 0;
  const int64_t needed = row_bytes <= kBlockBytes ? kBlockBytes : (row_bytes + 31) / 32 * 32;
  const bool is_short = args.source_stride < needed || (is_coded && e.out_stride < needed) ||
                        (has_codes && e.terms[0].stride < needed);
  const auto run = [&](auto short_rows) {
    const Step<kBits, decltype(short_rows)::value> step{
        args, e, last_byte, _mm_load_si128(reinterpret_cast<const __m128i*>(valid)), prefetch_end, is_coded, is_plain,
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
