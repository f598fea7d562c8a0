// Python classes Law, Term and Epilogue of the native module.
#include <nanobind/stl/vector.h>

#include "bind.h"
#include "epilogue.h"

namespace smoothbit {

void bind_epilogue(nb::module_& module) {
  nb::class_<NativeLaw>(module, "Law")
      .def(
          "__init__",
          [](NativeLaw* self, int num_bits, Vector<float> scale, Vector<float> zero_point, Vector<float> phase,
             int64_t group_size, int divisor, int shift) {
            new (self) NativeLaw{num_bits, scale, zero_point, phase, group_size, divisor, shift};
          },
          nb::arg("num_bits"), nb::arg("scale").noconvert(), nb::arg("zero_point").noconvert(),
          nb::arg("phase").noconvert(), nb::arg("group_size"), nb::arg("divisor"), nb::arg("shift"));
  nb::class_<NativeTerm>(module, "Term")
      .def(
          "__init__",
          [](NativeTerm* self, AnyMatrix data, int num_bits, Vector<float> step,
             std::optional<Vector<float>> offset, std::optional<Vector<float>> row_scale) {
            new (self) NativeTerm{data, num_bits, step, offset, row_scale};
          },
          nb::arg("data").noconvert(), nb::arg("num_bits"), nb::arg("step").noconvert(),
          nb::arg("offset").noconvert().none(), nb::arg("row_scale").noconvert().none());
  using OptionalVector = NativeEpilogue::OptionalVector;
  nb::class_<NativeEpilogue>(module, "Epilogue")
      .def(nb::init<int64_t, OptionalVector, OptionalVector, OptionalVector, OptionalVector, OptionalVector,
                    std::optional<NativeLaw>, OptionalVector, OptionalVector, std::vector<NativeTerm>, bool,
                    OptionalVector, std::optional<NativeLaw>, int, std::optional<Vector<int32_t>>, bool>(),
           nb::arg("num_channels"), nb::arg("col_scale").noconvert().none(),
           nb::arg("row_term").noconvert().none(), nb::arg("col_term").noconvert().none(),
           nb::arg("row_scale").noconvert().none(), nb::arg("col_bias").noconvert().none(),
           nb::arg("aggregate").none(), nb::arg("aggregate_step").noconvert().none(),
           nb::arg("aggregate_offset").noconvert().none(), nb::arg("terms"), nb::arg("has_relu"),
           nb::arg("output_row_scale").noconvert().none(), nb::arg("output").none(), nb::arg("stored_bits"),
           nb::arg("out_rows").noconvert().none(), nb::arg("has_constant_factors"));
}

}  // namespace smoothbit
