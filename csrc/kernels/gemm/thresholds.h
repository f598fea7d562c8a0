// Products whose codes have one or two bits: the epilogue as comparisons of int16 sums (x86-64, from AVX2 on).
//
// Without terms and row factors the code of an output depends on its channel, the integer sum S and the row's sum
// of source codes r, and it never falls as S grows:
//
//     code = [S >= T1(r, c)] + [S >= T2(r, c)] + [S >= T3(r, c)]
//
// Rows share few values of r, so the thresholds are kept by r, in slots. One is filled the third time that its r is
// met, by two steps of which only the second depends on r:
//
//     Yk(c)      the least float y that the law of channel c gives code k, found among all floats by halving
//     Tk(r, c)   the least S for which the float operations of the epilogue, in its order, give y >= Yk(c):
//                a guess by division, moved until it is that
//
// Both are exact, because rounding, and every operation in between, is monotone. Rows without a slot, and all
// rows of an epilogue that does not fit, take the float path.
#pragma once

#include <cstdint>

#include "unpack.h"

namespace smoothbit {

class ProductThresholds {
 public:
  // Whether the epilogue of this product can be tabulated, and rows are many enough to fill a slot for.
  static bool fits(const GemmArgs& args, int64_t num_rows);

  // Tables in blocks of `block` channels, the even ones of a block before its odd ones, as the caller keeps its sums.
  // `memory` holds gemm_threshold_bytes and is aligned to a register; what is in it is kept in a repeated run.
  ProductThresholds(const GemmArgs& args, int64_t block, void* memory);

  // Tk(r, c) - 1 of rows whose codes add up to `row_sum`, k after k, `width` apart; or null: take finish_float.
  const int16_t* find(int32_t row_sum) {
    const uint32_t index = static_cast<uint32_t>(row_sum) % kGemmSlots;
    Slot& slot = slots_[index];
    if (slot.met == 0) slot.row_sum = row_sum;
    if (slot.row_sum != row_sum) return nullptr;
    int16_t* table = tables_ + index * num_thresholds_ * width_;
    if (slot.met >= 0 && ++slot.met == kEnough) slot.met = fill(static_cast<float>(row_sum), table) ? kReady : kRefused;
    return slot.met == kReady ? table : nullptr;
  }

  // Finishes a row of int16 sums.
  void finish_float(int64_t row, const int32_t* sums, int32_t row_sum) const;

  int64_t width() const { return width_; }

 private:
  static constexpr int32_t kEnough = 3;  // rows of one sum before its slot is filled
  static constexpr int32_t kReady = -1, kRefused = -2;

  struct Slot {
    int32_t row_sum;
    int32_t met;  // rows without thresholds so far; kReady; kRefused
  };
  static_assert(sizeof(Slot) == kGemmSlotBytes, "gemm_threshold_bytes counts them");

  // False when a guess is far off: the float path does the rows of that sum.
  bool fill(float row_sum, int16_t* table) const;

  const Epilogue& e_;
  int64_t block_, width_;  // channels of a block, of a table row
  int num_thresholds_;     // q
  int32_t largest_;        // sum
  Slot* slots_;            // [kGemmSlots], by row sum modulo their number
  float* least_;           // [q, width]: Yk(c)
  int32_t* sums_;          // [width], workspace
  int16_t* tables_;        // [kGemmSlots, q, width]
};

}  // namespace smoothbit
