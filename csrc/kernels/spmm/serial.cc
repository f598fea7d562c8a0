// spmm, portable: one code at a time, one int32 accumulator for each channel of a block.
#include <algorithm>
#include <cstring>

#include "../epilogue/serial.h"
#include "add_row_serial.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

template <int kBits>
void spmm_serial(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  int32_t sums[kChannelBlock];
  const Epilogue& e = args.epilogue;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    for (int64_t begin = 0; begin < e.num_channels; begin += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, e.num_channels - begin);
      std::memset(sums, 0, sizeof sums);
      for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry)
        add_row<kBits>(args.source + args.indices[entry] * args.source_stride, begin, count,
                       args.weights ? args.weights[entry] : 1, sums);
      finish_row_serial(e, row, begin, count, sums, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace

void spmm_u1_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_serial<1>(args, begin, end); }
void spmm_u2_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_serial<2>(args, begin, end); }
void spmm_u4_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_serial<4>(args, begin, end); }
void spmm_u8_serial(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_serial<8>(args, begin, end); }

}  // namespace smoothbit
