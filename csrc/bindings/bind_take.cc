// take_rows: rows of any element type, as bytes.
#include "bind.h"
#include "call.h"
#include "smoothbit/take.h"

namespace smoothbit {
namespace {

constexpr int64_t kBytesPerThread = 1 << 20;

class TakeRowsCall : public Call {
 public:
  TakeRowsCall(Matrix<uint8_t> source, Vector<int32_t> rows, OutMatrix<uint8_t> out, int num_threads)
      : source_(source), rows_(rows), out_(out) {
    require(out_.shape(0) == rows_.shape(0) && out_.shape(1) == source_.shape(1),
            "Expected `out` to have one row for each of `rows`, as wide as those of `source`.");
    args_ = {source_.data(), rows_.data(), out_.data(), static_cast<int64_t>(source_.shape(1)),
             static_cast<int64_t>(rows_.shape(0))};
    num_threads_ = resolve_threads(num_threads, args_.num_rows * args_.row_bytes, kBytesPerThread);
  }

  void run() const override {
    run_rows(take_kernel(args_.row_bytes), args_, static_cast<const int64_t*>(nullptr), args_.num_rows, num_threads_);
  }

 private:
  Matrix<uint8_t> source_;
  Vector<int32_t> rows_;
  OutMatrix<uint8_t> out_;
  TakeArgs args_;
  int num_threads_;
};

}  // namespace

void bind_take(nb::module_& module) {
  nb::class_<TakeRowsCall, Call>(module, "TakeRows")
      .def(nb::init<Matrix<uint8_t>, Vector<int32_t>, OutMatrix<uint8_t>, int>(), nb::arg("source").noconvert(),
           nb::arg("rows").noconvert(), nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
