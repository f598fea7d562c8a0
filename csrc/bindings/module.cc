// The private native module smoothbit.kernels._ext.
#include "bind.h"

NB_MODULE(_ext, module) {
  module.doc() = "Compiled kernels; use smoothbit.kernels, which checks arguments.";
  smoothbit::bind_isa(module);
  smoothbit::bind_epilogue(module);
  smoothbit::bind_call(module);  // base class of the calls below
  smoothbit::bind_spmm(module);
  smoothbit::bind_activate(module);
  smoothbit::bind_attend(module);
  smoothbit::bind_delta(module);
  smoothbit::bind_gemm(module);
  smoothbit::bind_requantize(module);
  smoothbit::bind_pack(module);
  smoothbit::bind_take(module);
}
