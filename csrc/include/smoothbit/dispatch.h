// The kernels of one ISA, resolved once from the lists in csrc/kernels/*.list.
#pragma once

#include <vector>

#include "smoothbit/activate.h"
#include "smoothbit/attend.h"
#include "smoothbit/delta.h"
#include "smoothbit/gemm.h"
#include "smoothbit/isa.h"
#include "smoothbit/pack.h"
#include "smoothbit/requantize.h"
#include "smoothbit/spmm.h"

namespace smoothbit {

// Index of a width in a table: 1, 2, 4, 8 -> 0, 1, 2, 3.
inline int bits_index(int num_bits) { return num_bits == 8 ? 3 : num_bits >> 1; }

struct KernelTable {
  Isa isa = Isa::serial;
  SpmmKernel spmm[4] = {};
  SpmmKernel spmax[4] = {};
  AttendKernel attend[4] = {};
  ActivateKernel activate = nullptr;
  SpmmF32Kernel spmm_f32 = nullptr;
  DeltaKernel delta[4] = {};
  GemmKernel gemm = nullptr;
  RequantizeKernel requantize = nullptr;
  PackKernel pack[4] = {};
  PackKernel unpack[4] = {};
};

struct KernelRow {
  const char* family;
  Isa isa;
  const char* tags;
  const char* symbol;
  int lanes;
};

// Every row of the lists that is compiled into this build, list by list, best first.
const std::vector<KernelRow>& kernel_rows();

// Best kernels that need no more than `isa`.
const KernelTable& kernels_for(Isa isa);

}  // namespace smoothbit
