// spmm and spmm_f32.
#include "bind.h"
#include "epilogue.h"

namespace smoothbit {
namespace {

// Below this much work a second thread costs more than it saves (waking one takes some microseconds).
constexpr int64_t kBytesPerThread = 1 << 18;

void spmm(Vector<int64_t> indptr, Vector<int32_t> indices, std::optional<Vector<int16_t>> weights,
          Matrix<uint8_t> source, int num_bits, const NativeEpilogue& epilogue, AnyOutMatrix out,
          int num_threads) {
  SpmmArgs args;
  args.indptr = indptr.data();
  args.indices = indices.data();
  args.weights = data_or_null(weights);
  args.source = source.data();
  args.source_stride = static_cast<int64_t>(source.shape(1));
  args.num_rows = static_cast<int64_t>(indptr.shape(0)) - 1;
  args.num_sources = static_cast<int64_t>(source.shape(0));
  const int64_t row_bytes = (epilogue.num_channels() * num_bits + 7) / 8;
  require(args.source_stride >= row_bytes, "Expected the rows of `source` to hold `num_channels` codes.");
  args.epilogue = epilogue.expand(args.num_rows, out);
  const std::shared_ptr<ThresholdCache> thresholds = epilogue.thresholds(args.epilogue, num_bits);
  args.epilogue.thresholds = thresholds.get();
  const int64_t work = (static_cast<int64_t>(indices.shape(0)) + 8 * args.num_rows) * (row_bytes + 8);
  const int threads = resolve_threads(num_threads, work, kBytesPerThread);
  const SpmmKernel kernel = current_kernels().spmm[bits_index(num_bits)];
  nb::gil_scoped_release release;
  run_rows(kernel, args, args.indptr, args.num_rows, threads);
}

void spmm_f32(Vector<int64_t> indptr, Vector<int32_t> indices, std::optional<Vector<float>> values,
              Matrix<float> source, std::optional<Vector<float>> row_scale, float scale,
              std::optional<Matrix<float>> skip, float skip_scale, OutMatrix<float> out, int num_threads) {
  SpmmF32Args args;
  args.indptr = indptr.data();
  args.indices = indices.data();
  args.values = data_or_null(values);
  args.source = source.data();
  args.row_scale = data_or_null(row_scale);
  args.skip = skip ? skip->data() : nullptr;
  args.out = out.data();
  args.scale = scale;
  args.skip_scale = skip_scale;
  args.num_rows = static_cast<int64_t>(indptr.shape(0)) - 1;
  args.num_sources = static_cast<int64_t>(source.shape(0));
  args.num_channels = static_cast<int64_t>(source.shape(1));
  const int64_t work = (static_cast<int64_t>(indices.shape(0)) + args.num_rows) * args.num_channels * 4;
  const int threads = resolve_threads(num_threads, work, 2 * kBytesPerThread);
  const SpmmF32Kernel kernel = current_kernels().spmm_f32;
  nb::gil_scoped_release release;
  run_rows(kernel, args, args.indptr, args.num_rows, threads);
}

}  // namespace

void bind_spmm(nb::module_& module) {
  module.def("spmm", &spmm, nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(),
             nb::arg("weights").noconvert().none(), nb::arg("source").noconvert(), nb::arg("num_bits"),
             nb::arg("epilogue"), nb::arg("out").noconvert(), nb::arg("num_threads"));
  module.def("spmm_f32", &spmm_f32, nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(),
             nb::arg("values").noconvert().none(), nb::arg("source").noconvert(),
             nb::arg("row_scale").noconvert().none(), nb::arg("scale"), nb::arg("skip").noconvert().none(),
             nb::arg("skip_scale"), nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
