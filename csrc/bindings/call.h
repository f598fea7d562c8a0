// A kernel call with everything bound: made once, run as often as wanted.
#pragma once

#include "arrays.h"

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
};

}  // namespace smoothbit
