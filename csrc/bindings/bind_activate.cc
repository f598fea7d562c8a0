// activate.
#include "smoothbit/activate.h"

#include "bind.h"
#include "call.h"

namespace smoothbit {
namespace {

constexpr int64_t kValuesPerThread = 1 << 14;

class ActivateCall : public Call {
 public:
  ActivateCall(Matrix<float> values, int function, double slope, std::optional<Vector<float>> slopes,
               OutMatrix<float> out, int num_threads)
      : values_(values), slopes_(slopes), out_(out) {
    args_.values = values_.data();
    args_.out = out_.data();
    args_.num_rows = static_cast<int64_t>(values_.shape(0));
    args_.num_channels = static_cast<int64_t>(values_.shape(1));
    require(function >= 0 && function < kNumFunctions, "Expected a known function.");
    args_.function = static_cast<Function>(function);
    args_.slope = slope;
    args_.slopes = data_or_null(slopes_);
    require(out_.shape(0) == values_.shape(0) && out_.shape(1) == values_.shape(1), "Expected `out` as `values`.");
    require(args_.function != Function::prelu || (slopes_ && slopes_->shape(0) == values_.shape(1)),
            "Expected a slope for each channel.");
    num_threads_ = resolve_threads(num_threads, args_.num_rows * args_.num_channels, kValuesPerThread);
  }

  void run() const override {
    run_rows(current_kernels().activate, args_, nullptr, args_.num_rows, num_threads_);
  }

 private:
  Matrix<float> values_;
  std::optional<Vector<float>> slopes_;
  OutMatrix<float> out_;
  int num_threads_ = 1;
  ActivateArgs args_;
};

}  // namespace

void bind_activate(nb::module_& module) {
  nb::class_<ActivateCall, Call>(module, "Activate")
      .def(nb::init<Matrix<float>, int, double, std::optional<Vector<float>>, OutMatrix<float>, int>(),
           nb::arg("values").noconvert(), nb::arg("function"), nb::arg("slope"), nb::arg("slopes").noconvert().none(),
           nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
