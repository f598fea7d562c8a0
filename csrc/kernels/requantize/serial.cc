// requantize, portable.
#include "smoothbit/requantize.h"

#include "../epilogue/serial.h"

namespace smoothbit {

void requantize_i32_serial(const RequantizeArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const int32_t* sums = args.sums ? args.sums + row * e.num_channels : nullptr;
    finish_row_serial(e, row, 0, e.num_channels, sums, e.row_term ? e.row_term[row] : 0.0f);
    clear_row_padding_serial(e, row);
  }
}

}  // namespace smoothbit
