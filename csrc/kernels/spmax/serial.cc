// spmax, portable: one code at a time.
#include <algorithm>
#include <cstring>

#include "../epilogue/serial.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

void spmax_serial(const SpmmArgs& args, int bits, int64_t row_begin, int64_t row_end) {
  int32_t largest[kChannelBlock];
  const Epilogue& e = args.epilogue;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    for (int64_t begin = 0; begin < e.num_channels; begin += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, e.num_channels - begin);
      std::memset(largest, 0, sizeof largest);
      for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
        const uint8_t* codes = args.source + args.indices[entry] * args.source_stride;
        for (int64_t i = 0; i < count; ++i)
          largest[i] = std::max(largest[i], code_at_serial(codes, bits, begin + i));
      }
      finish_row_serial(e, row, begin, count, largest, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace

void spmax_u1_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_serial(args, 1, begin, end); }
void spmax_u2_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_serial(args, 2, begin, end); }
void spmax_u4_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_serial(args, 4, begin, end); }
void spmax_u8_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_serial(args, 8, begin, end); }

}  // namespace smoothbit
