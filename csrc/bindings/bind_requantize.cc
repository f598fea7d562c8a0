// requantize.
#include "bind.h"
#include "call.h"
#include "epilogue.h"

namespace smoothbit {
namespace {

constexpr int64_t kElementsPerThread = 1 << 17;

class RequantizeCall : public Call {
 public:
  RequantizeCall(std::optional<Matrix<int32_t>> sums, int64_t num_rows, nb::object epilogue, AnyOutMatrix out,
                 int num_threads)
      : sums_(sums), epilogue_(std::move(epilogue)) {
    require(!sums_ || (static_cast<int64_t>(sums_->shape(0)) == num_rows &&
                       static_cast<int64_t>(sums_->shape(1)) == epilogue_.num_channels()),
            "Expected `sums` to be [num_rows, num_channels].");
    args_.num_rows = num_rows;
    args_.sums = sums_ ? sums_->data() : nullptr;
    args_.epilogue = epilogue_.expand(num_rows, out);
    num_threads_ = resolve_threads(num_threads, num_rows * epilogue_.num_channels(), kElementsPerThread);
  }

  void run() const override {
    run_rows(current_kernels().requantize, args_, static_cast<const int64_t*>(nullptr), args_.num_rows, num_threads_);
  }

  GemmMaker maker_of(const GemmArgs& product) const override {
    const Epilogue& e = args_.epilogue;
    const bool is_source =
        e.out == product.source && e.out_stride == product.source_stride && args_.num_rows == product.num_rows;
    if (!is_source || args_.sums || e.num_terms != 1 || e.terms[0].num_bits != 32) return {};
    return {current_kernels().requantize, &args_, static_cast<const uint8_t*>(e.terms[0].data),
            e.terms[0].stride * static_cast<int64_t>(sizeof(float))};
  }

 private:
  std::optional<Matrix<int32_t>> sums_;
  BoundEpilogue epilogue_;
  int num_threads_;
  RequantizeArgs args_;
};

}  // namespace

void bind_requantize(nb::module_& module) {
  nb::class_<RequantizeCall, Call>(module, "Requantize")
      .def(nb::init<std::optional<Matrix<int32_t>>, int64_t, nb::object, AnyOutMatrix, int>(),
           nb::arg("sums").noconvert().none(), nb::arg("num_rows"), nb::arg("epilogue"),
           nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
