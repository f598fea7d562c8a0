// pack and unpack.
#include "arrays.h"
#include "bind.h"

namespace smoothbit {
namespace {

constexpr int64_t kCodesPerThread = 1 << 20;

void pack(Matrix<uint8_t> codes, int num_bits, OutMatrix<uint8_t> packed, int num_threads) {
  PackArgs args;
  args.codes = codes.data();
  args.num_rows = static_cast<int64_t>(codes.shape(0));
  args.num_channels = static_cast<int64_t>(codes.shape(1));
  args.packed = packed.data();
  args.stride = static_cast<int64_t>(packed.shape(1));
  require(packed.shape(0) == codes.shape(0) && args.stride >= (args.num_channels * num_bits + 7) / 8,
          "Expected `packed` to have room for the codes.");
  const int threads = resolve_threads(num_threads, args.num_rows * args.num_channels, kCodesPerThread);
  const PackKernel kernel = current_kernels().pack[bits_index(num_bits)];
  nb::gil_scoped_release release;
  run_rows(kernel, args, static_cast<const int64_t*>(nullptr), args.num_rows, threads);
}

void unpack(Matrix<uint8_t> packed, int num_bits, OutMatrix<uint8_t> codes, int num_threads) {
  PackArgs args;
  args.source = packed.data();
  args.stride = static_cast<int64_t>(packed.shape(1));
  args.unpacked = codes.data();
  args.num_rows = static_cast<int64_t>(codes.shape(0));
  args.num_channels = static_cast<int64_t>(codes.shape(1));
  require(packed.shape(0) == codes.shape(0) && args.stride >= (args.num_channels * num_bits + 7) / 8,
          "Expected the rows of `packed` to hold all codes.");
  const int threads = resolve_threads(num_threads, args.num_rows * args.num_channels, kCodesPerThread);
  const PackKernel kernel = current_kernels().unpack[bits_index(num_bits)];
  nb::gil_scoped_release release;
  run_rows(kernel, args, static_cast<const int64_t*>(nullptr), args.num_rows, threads);
}

}  // namespace

void bind_pack(nb::module_& module) {
  module.def("pack", &pack, nb::arg("codes").noconvert(), nb::arg("num_bits"), nb::arg("packed").noconvert(),
             nb::arg("num_threads"));
  module.def("unpack", &unpack, nb::arg("packed").noconvert(), nb::arg("num_bits"),
             nb::arg("codes").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
