// delta_step.
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "bind.h"
#include "call.h"
#include "epilogue.h"

namespace smoothbit {
namespace {

constexpr int64_t kBytesPerThread = 1 << 18;

template <class T>
using State = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

class DeltaCall : public Call {
 public:
  DeltaCall(Vector<int64_t> indptr, Vector<int32_t> indices, Matrix<uint8_t> source, int num_bits,
            State<int16_t> messages, State<int16_t> sums, State<int32_t> wide_sums, Vector<int32_t> slots, int exponent,
            int center, bool is_first, std::tuple<float, float, float, float> scales, nb::object epilogue,
            AnyOutMatrix out, int num_threads)
      : indptr_(indptr), indices_(indices), source_(source), messages_(messages), sums_(sums), wide_sums_(wide_sums),
        slots_(slots), num_bits_(num_bits), epilogue_(std::move(epilogue)) {
    args_.indptr = indptr_.data();
    args_.indices = indices_.data();
    args_.source = source_.data();
    args_.source_stride = static_cast<int64_t>(source_.shape(1));
    args_.num_rows = static_cast<int64_t>(indptr_.shape(0)) - 1;
    args_.messages = messages_.data();
    args_.sums = sums_.data();
    args_.wide_sums = wide_sums_.data();
    args_.slots = slots_.data();
    args_.width = static_cast<int64_t>(messages_.shape(1));
    args_.exponent = exponent;
    args_.center = center;
    args_.is_first = is_first;
    std::tie(args_.message_scale, args_.change_scale, args_.sum_change_scale, args_.known_scale) = scales;
    args_.epilogue = epilogue_.expand(args_.num_rows, out);
    check();
    const int64_t row_bytes = (epilogue_.num_channels() * num_bits + 7) / 8;
    const int64_t work = static_cast<int64_t>(indices_.shape(0)) * (row_bytes + 8) + 6 * args_.num_rows * args_.width;
    num_threads_ = resolve_threads(num_threads, work, kBytesPerThread);
  }

  void run() const override {
    run_rows(current_kernels().delta[bits_index(num_bits_)], args_, args_.indptr, args_.num_rows, num_threads_);
  }

 private:
  void check() const {
    const int64_t row_bytes = (epilogue_.num_channels() * num_bits_ + 7) / 8;
    const int64_t room = row_bytes <= 16 ? 16 : (row_bytes + 31) / 32 * 32;
    require(args_.source_stride >= row_bytes, "Expected the rows of `source` to hold `num_channels` codes.");
    require(args_.width == room * 8 / num_bits_, "Expected the rows of the state to hold whole blocks of channels.");
    const size_t rows = static_cast<size_t>(args_.num_rows), width = static_cast<size_t>(args_.width);
    require(source_.shape(0) == rows && messages_.shape(0) == rows && sums_.shape(0) == rows && slots_.shape(0) == rows,
            "Expected source, messages, sums and slots to have one row for each row of the graph.");
    require(sums_.shape(1) == width && wide_sums_.shape(1) == width, "Expected one width of the state.");
    require(args_.epilogue.col_scale && args_.epilogue.row_scale && args_.epilogue.num_terms <= 1,
            "Expected an epilogue with a column scale, a row scale and at most one term.");
  }

  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  Matrix<uint8_t> source_;
  State<int16_t> messages_, sums_;
  State<int32_t> wide_sums_;
  Vector<int32_t> slots_;
  int num_bits_, num_threads_ = 1;
  BoundEpilogue epilogue_;
  DeltaArgs args_;
};

}  // namespace

void bind_delta(nb::module_& module) {
  nb::class_<DeltaCall, Call>(module, "Delta")
      .def(nb::init<Vector<int64_t>, Vector<int32_t>, Matrix<uint8_t>, int, State<int16_t>, State<int16_t>,
                    State<int32_t>, Vector<int32_t>, int, int, bool, std::tuple<float, float, float, float>, nb::object,
                    AnyOutMatrix, int>(),
           nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(), nb::arg("source").noconvert(),
           nb::arg("num_bits"), nb::arg("messages").noconvert(), nb::arg("sums").noconvert(),
           nb::arg("wide_sums").noconvert(), nb::arg("slots").noconvert(), nb::arg("exponent"), nb::arg("center"),
           nb::arg("is_first"), nb::arg("scales"), nb::arg("epilogue"), nb::arg("out").noconvert(),
           nb::arg("num_threads"));
}

}  // namespace smoothbit
