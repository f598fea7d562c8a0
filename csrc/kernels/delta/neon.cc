// Delta-coded step, NEON: rows are added up as in spmm, then eight channels at a time grow the state and are finished.
// Channels of the state are in natural order.
#if defined(__aarch64__)
#include <algorithm>

#include "../spmm/gather_neon.h"
#include "smoothbit/delta.h"

namespace smoothbit {
namespace {

SMOOTHBIT_INLINE Octet float_octet_neon(int32x4x2_t values) {
  return {vcvtq_f32_s32(values.val[0]), vcvtq_f32_s32(values.val[1])};
}
SMOOTHBIT_INLINE int32x4x2_t add_octets_neon(int32x4x2_t a, int32x4x2_t b) {
  return {vaddq_s32(a.val[0], b.val[0]), vaddq_s32(a.val[1], b.val[1])};
}

SMOOTHBIT_INLINE int32x4x2_t load_state_neon(const int16_t* state) {
  const int16x8_t octet = vld1q_s16(state);
  return {vmovl_s16(vget_low_s16(octet)), vmovl_s16(vget_high_s16(octet))};
}
SMOOTHBIT_INLINE void store_state_neon(int16_t* state, int32x4x2_t values) {
  vst1q_s16(state, vcombine_s16(vmovn_s32(values.val[0]), vmovn_s32(values.val[1])));
}
SMOOTHBIT_INLINE int32x4x2_t load_state_neon(const int32_t* state) { return {vld1q_s32(state), vld1q_s32(state + 4)}; }
SMOOTHBIT_INLINE void store_state_neon(int32_t* state, int32x4x2_t values) {
  vst1q_s32(state, values.val[0]);
  vst1q_s32(state + 4, values.val[1]);
}

// 2^exponent * (2 * sum - center * count), modulo 2^32.
SMOOTHBIT_INLINE int32x4x2_t difference_neon(const DeltaArgs& args, int32x4x2_t sums, int64_t count) {
  const int32x4_t center = vdupq_n_s32(static_cast<int32_t>(static_cast<uint32_t>(args.center * count)));
  const int32x4_t places = vdupq_n_s32(args.exponent);
  for (int32x4_t& half : sums.val) half = vshlq_s32(vsubq_s32(vaddq_s32(half, half), center), places);
  return sums;
}

// What was known grows by `change`, in place.
template <class State>
SMOOTHBIT_INLINE int32x4x2_t grow_neon(const DeltaArgs& args, State* state, int32x4x2_t change) {
  const int32x4x2_t grown = args.is_first ? change : add_octets_neon(load_state_neon(state), change);
  store_state_neon(state, grown);
  return grown;
}

struct ChangesNeon {
  int32x4x2_t message, sum, change, sum_change;
};

SMOOTHBIT_INLINE Octet value_neon(const DeltaArgs& args, int64_t row, int64_t channel, int64_t count,
                                  const ChangesNeon& s) {
  const Epilogue& e = args.epilogue;
  const Octet row_scale = splat_neon(e.row_scale[row]);
  Octet y = mul_neon(mul_neon(float_octet_neon(s.sum), load_octet_neon(e.col_scale + channel)), row_scale);
  const auto add = [&](int32x4x2_t values, float scale) {
    y = add_neon(y, mul_neon(float_octet_neon(values), splat_neon(scale)));
  };
  if (args.message_scale != 0.0f) add(s.message, args.message_scale);
  if (e.num_terms) y = add_neon(y, term_neon(e.terms[0], row, channel, count));
  if (args.change_scale != 0.0f) add(s.change, args.change_scale);
  if (args.sum_change_scale != 0.0f) {
    const Octet mean = mul_neon(float_octet_neon(s.sum_change), splat_neon(args.sum_change_scale));
    y = add_neon(y, mul_neon(mean, row_scale));
  }
  // y - a is y + (-a), to the last bit.
  if (args.known_scale != 0.0f) add(s.message, -args.known_scale);
  return e.output_row_scale ? mul_neon(y, splat_neon(e.output_row_scale[row])) : y;
}

template <int kBits, class Sum>
SMOOTHBIT_INLINE void finish_delta_neon(const DeltaArgs& args, int64_t row, int64_t begin, int64_t count,
                                        const Sum* sums) {
  const uint8_t* own = args.source + row * args.source_stride;
  int16_t* messages = args.messages + row * args.width;
  int16_t* narrow = args.sums + row * args.width;
  int32_t* wide = args.slots[row] < 0 ? nullptr : args.wide_sums + args.slots[row] * args.width;
  for (int64_t i = 0; i < count; i += 8) {
    const int64_t channel = begin + i, valid = std::min<int64_t>(8, count - i);
    const CodeOctet codes =
        spread_word_neon<kBits>(load_bytes(own + channel * kBits / 8, (valid * kBits + 7) / 8));
    ChangesNeon s;
    s.change = difference_neon(args, {vreinterpretq_s32_u32(codes.low), vreinterpretq_s32_u32(codes.high)}, 1);
    s.sum_change = difference_neon(args, widen_octet_neon(sums + i), args.length(row));
    s.message = grow_neon(args, messages + channel, s.change);
    s.sum = wide ? grow_neon(args, wide + channel, s.sum_change) : grow_neon(args, narrow + channel, s.sum_change);
    store_octet_neon(args.epilogue, row, channel, valid, value_neon(args, row, channel, valid, s));
  }
}

template <int kBits>
void delta_neon(const DeltaArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t num_channels = args.epilogue.num_channels;
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t begin = 0; begin < num_channels; begin += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, num_channels - begin);
      const RowsNeon rows{args.source + begin * kBits / 8, args.source_stride, args.indices,
                          args.indptr[args.num_rows]};
      sum_rows_neon<kBits>(rows, count, args.indptr[row], args.indptr[row + 1],
                           [&](const auto* sums) { finish_delta_neon<kBits>(args, row, begin, count, sums); });
    }
    clear_row_padding_serial(args.epilogue, row);
  }
}

}  // namespace

void delta_u1_neon(const DeltaArgs& args, int64_t begin, int64_t end) { delta_neon<1>(args, begin, end); }
void delta_u2_neon(const DeltaArgs& args, int64_t begin, int64_t end) { delta_neon<2>(args, begin, end); }
void delta_u4_neon(const DeltaArgs& args, int64_t begin, int64_t end) { delta_neon<4>(args, begin, end); }
void delta_u8_neon(const DeltaArgs& args, int64_t begin, int64_t end) { delta_neon<8>(args, begin, end); }

}  // namespace smoothbit
#endif
