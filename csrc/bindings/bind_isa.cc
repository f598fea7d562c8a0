// Choice of the ISA and the rows of the kernel lists.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <string>
#include <tuple>

#include "arrays.h"
#include "bind.h"
#include "smoothbit/spmm.h"

namespace smoothbit {
namespace {

std::atomic<const KernelTable*> chosen_table{nullptr};

std::vector<std::string> available() {
  std::vector<std::string> names;
  for (int i = kNumIsas - 1; i >= 0; --i)
    if (isa_available(static_cast<Isa>(i))) names.emplace_back(isa_name(static_cast<Isa>(i)));
  return names;
}

void choose(const std::string& name) {
  for (int i = 0; i < kNumIsas; ++i) {
    const Isa isa = static_cast<Isa>(i);
    if (name != isa_name(isa)) continue;
    require(isa_available(isa), "Expected an ISA that this CPU has.");
    chosen_table.store(&kernels_for(isa));
    return;
  }
  throw nb::value_error("Expected the name of an ISA.");
}

bool streams_rows(int num_bits, int64_t num_channels) {
  const Isa isa = current_kernels().isa;
  const bool has_wide = isa == Isa::avx512 && cpu_has_vbmi();
  return (isa == Isa::avx512 || isa == Isa::avx2) && spmm_streams_rows(num_bits, num_channels, has_wide);
}

using RowTuple = std::tuple<std::string, std::string, std::string, std::string, int>;

std::vector<RowTuple> rows() {
  std::vector<RowTuple> result;
  for (const KernelRow& row : kernel_rows())
    result.emplace_back(row.family, isa_name(row.isa), row.tags, row.symbol, row.lanes);
  return result;
}

}  // namespace

const KernelTable& current_kernels() {
  const KernelTable* table = chosen_table.load();
  return table ? *table : kernels_for(Isa::serial);
}

int resolve_threads(int num_threads, int64_t work, int64_t work_per_thread) {
  return num_threads >= 0 ? num_threads : useful_threads(-num_threads, work, work_per_thread);
}

void bind_isa(nb::module_& module) {
  module.def("available", &available, "Names of the usable ISAs, best first.");
  module.def("choose", &choose, nb::arg("name"), "Set the ISA of every later call in this process.");
  module.def("streams_rows", &streams_rows, nb::arg("num_bits"), nb::arg("num_channels"),
             "Whether spmm stores large float32 results of packed states past the caches.");
  module.def("kernel_rows", &rows, "Rows of the kernel lists: (family, isa, tags, symbol, lanes).");
}

}  // namespace smoothbit
