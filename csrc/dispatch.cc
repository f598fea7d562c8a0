// Reads the kernel lists: declares every symbol, lists the rows, and fills one table for each ISA.
#include "smoothbit/dispatch.h"

namespace smoothbit {

#define ROW(isa, tags, symbol, lanes) void symbol(const SpmmArgs&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/spmm.list"
#include "kernels/spmax.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const ActivateArgs&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/activate.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const AttendArgs&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/attend.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const SpmmF32Args&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/spmm_f32.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const DeltaArgs&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/delta.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const GemmArgs&, void*, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/gemm.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const RequantizeArgs&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/requantize.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) void symbol(const PackArgs&, int64_t, int64_t);
#include "kernels/rows_begin.h"
#include "kernels/pack.list"
#include "kernels/unpack.list"
#include "kernels/rows_end.h"

namespace {

// A row is usable when its ISA is not above the cap; lists are best first, so the first one wins.
template <class Kernel>
void offer(Kernel& slot, Kernel kernel, Isa isa, Isa cap) {
  if (!slot && isa <= cap && isa_available(isa)) slot = kernel;
}

int tag_index(const char* tags) { return bits_index(tags[1] - '0'); }

KernelTable make_table(Isa cap) {
  KernelTable table;
  table.isa = cap;
#define ROW(isa, tags, symbol, lanes) offer<SpmmKernel>(table.spmm[tag_index(#tags)], symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/spmm.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<SpmmKernel>(table.spmax[tag_index(#tags)], symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/spmax.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<ActivateKernel>(table.activate, symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/activate.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<AttendKernel>(table.attend[tag_index(#tags)], symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/attend.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<SpmmF32Kernel>(table.spmm_f32, symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/spmm_f32.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<DeltaKernel>(table.delta[tag_index(#tags)], symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/delta.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<GemmKernel>(table.gemm, symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/gemm.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<RequantizeKernel>(table.requantize, symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/requantize.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<PackKernel>(table.pack[tag_index(#tags)], symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/pack.list"
#include "kernels/rows_end.h"
#define ROW(isa, tags, symbol, lanes) offer<PackKernel>(table.unpack[tag_index(#tags)], symbol, Isa::isa, cap);
#include "kernels/rows_begin.h"
#include "kernels/unpack.list"
#include "kernels/rows_end.h"
  return table;
}

std::vector<KernelRow> make_rows() {
  std::vector<KernelRow> rows;
  const char* family = "spmm";
#define ROW(isa, tags, symbol, lanes) rows.push_back({family, Isa::isa, #tags, #symbol, lanes});
#include "kernels/rows_begin.h"
#include "kernels/spmm.list"
  family = "spmax";
#include "kernels/spmax.list"
  family = "attend";
#include "kernels/attend.list"
  family = "activate";
#include "kernels/activate.list"
  family = "spmm_f32";
#include "kernels/spmm_f32.list"
  family = "delta";
#include "kernels/delta.list"
  family = "gemm";
#include "kernels/gemm.list"
  family = "requantize";
#include "kernels/requantize.list"
  family = "pack";
#include "kernels/pack.list"
  family = "unpack";
#include "kernels/unpack.list"
#include "kernels/rows_end.h"
  return rows;
}

}  // namespace

const std::vector<KernelRow>& kernel_rows() {
  static const std::vector<KernelRow> rows = make_rows();
  return rows;
}

const KernelTable& kernels_for(Isa isa) {
  static const KernelTable tables[kNumIsas] = {make_table(Isa::serial), make_table(Isa::neon),
                                               make_table(Isa::avx2), make_table(Isa::avx512)};
  return tables[static_cast<int>(isa)];
}

}  // namespace smoothbit
