// Delta-coded step, portable: channels of the state in natural order.
#include <algorithm>
#include <cstring>

#include "../epilogue/serial.h"
#include "../spmm/add_row_serial.h"
#include "smoothbit/delta.h"

namespace smoothbit {
namespace {

// 2^exponent * (2 * sum - center * count), modulo 2^32.
int32_t difference(const DeltaArgs& args, int32_t sum, int64_t count) {
  const uint32_t centered = 2u * static_cast<uint32_t>(sum) - static_cast<uint32_t>(args.center * count);
  return static_cast<int32_t>(centered << args.exponent);
}

float finish(const DeltaArgs& args, int64_t row, int64_t channel, int32_t message, int32_t sum, int32_t change,
             int32_t sum_change) {
  const Epilogue& e = args.epilogue;
  float y = static_cast<float>(sum) * e.col_scale[channel];
  y = y * e.row_scale[row];
  if (args.message_scale != 0.0f) y = y + static_cast<float>(message) * args.message_scale;
  if (e.num_terms) y = y + term_serial(e.terms[0], row, channel);
  if (args.change_scale != 0.0f) y = y + static_cast<float>(change) * args.change_scale;
  if (args.sum_change_scale != 0.0f) {
    const float mean = static_cast<float>(sum_change) * args.sum_change_scale;
    y = y + mean * e.row_scale[row];
  }
  if (args.known_scale != 0.0f) y = y - static_cast<float>(message) * args.known_scale;
  return e.output_row_scale ? y * e.output_row_scale[row] : y;
}

template <int kBits>
void delta_serial(const DeltaArgs& args, int64_t row_begin, int64_t row_end) {
  int32_t sums[kChannelBlock];
  const Epilogue& e = args.epilogue;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* own = args.source + row * args.source_stride;
    for (int64_t begin = 0; begin < e.num_channels; begin += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, e.num_channels - begin);
      std::memset(sums, 0, sizeof sums);
      for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry)
        add_row<kBits>(args.source + args.indices[entry] * args.source_stride, begin, count, 1, sums);
      int16_t* messages = args.messages + row * args.width + begin;
      int16_t* narrow = args.sums + row * args.width + begin;
      int32_t* wide = args.slots[row] < 0 ? nullptr : args.wide_sums + args.slots[row] * args.width + begin;
      store_row_serial(e, row, begin, count, [&](int64_t i) {
        const int32_t change = difference(args, code_at_serial(own, kBits, begin + i), 1);
        const int32_t sum_change = difference(args, sums[i], args.length(row));
        const int32_t known = args.is_first ? 0 : messages[i];
        const int32_t known_sum = args.is_first ? 0 : wide ? wide[i] : narrow[i];
        const int32_t message = known + change, sum = known_sum + sum_change;
        messages[i] = static_cast<int16_t>(message);
        if (wide) wide[i] = sum;
        else narrow[i] = static_cast<int16_t>(sum);
        return finish(args, row, begin + i, message, sum, change, sum_change);
      });
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace

void delta_u1_serial(const DeltaArgs& args, int64_t begin, int64_t end) { delta_serial<1>(args, begin, end); }
void delta_u2_serial(const DeltaArgs& args, int64_t begin, int64_t end) { delta_serial<2>(args, begin, end); }
void delta_u4_serial(const DeltaArgs& args, int64_t begin, int64_t end) { delta_serial<4>(args, begin, end); }
void delta_u8_serial(const DeltaArgs& args, int64_t begin, int64_t end) { delta_serial<8>(args, begin, end); }

}  // namespace smoothbit
