// requantize.
#include "bind.h"
#include "epilogue.h"

namespace smoothbit {
namespace {

constexpr int64_t kElementsPerThread = 1 << 17;

void requantize(std::optional<Matrix<int32_t>> sums, int64_t num_rows, const NativeEpilogue& epilogue,
                AnyOutMatrix out, int num_threads) {
  RequantizeArgs args;
  args.num_rows = num_rows;
  require(!sums || (static_cast<int64_t>(sums->shape(0)) == num_rows &&
                    static_cast<int64_t>(sums->shape(1)) == epilogue.num_channels()),
          "Expected `sums` to be [num_rows, num_channels].");
  args.sums = sums ? sums->data() : nullptr;
  args.epilogue = epilogue.expand(num_rows, out);
  const int threads = resolve_threads(num_threads, num_rows * epilogue.num_channels(), kElementsPerThread);
  const RequantizeKernel kernel = current_kernels().requantize;
  nb::gil_scoped_release release;
  run_rows(kernel, args, static_cast<const int64_t*>(nullptr), num_rows, threads);
}

}  // namespace

void bind_requantize(nb::module_& module) {
  module.def("requantize", &requantize, nb::arg("sums").noconvert().none(), nb::arg("num_rows"),
             nb::arg("epilogue"), nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
