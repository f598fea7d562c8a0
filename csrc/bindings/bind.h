// What each bind_<family>.cc adds to the module.
#pragma once

#include <nanobind/nanobind.h>

namespace smoothbit {

void bind_isa(nanobind::module_& module);
void bind_epilogue(nanobind::module_& module);
void bind_call(nanobind::module_& module);
void bind_spmm(nanobind::module_& module);
void bind_activate(nanobind::module_& module);
void bind_attend(nanobind::module_& module);
void bind_delta(nanobind::module_& module);
void bind_gemm(nanobind::module_& module);
void bind_requantize(nanobind::module_& module);
void bind_pack(nanobind::module_& module);
void bind_take(nanobind::module_& module);

}  // namespace smoothbit
