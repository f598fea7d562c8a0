// A kernel call with everything bound: made once, run as often as wanted.
#pragma once

#include "arrays.h"
#include "smoothbit/gemm.h"

namespace smoothbit {

// Holds references to its arrays. Channel arrays are read when the call is made, all others when it runs; what nobody can
// write to may be looked at once.
class Call {
 public:
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  virtual ~Call() = default;

  // Called without the GIL.
  virtual void run() const = 0;

  // Whether run_after(before) may take less time than both calls, as this one reads the rows that `before` makes.
  virtual bool is_fed_by(const Call&) const { return false; }
  // Does what `before` does, and what this call does with it.
  virtual void run_after(const Call& before) const {
    before.run();
    run();
  }
  // What makes the source of a product, each row from a row, if this call does that and no more.
  virtual GemmMaker maker_of(const GemmArgs& /*product*/) const { return {}; }
};

}  // namespace smoothbit
