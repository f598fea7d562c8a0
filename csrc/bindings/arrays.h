// Array types the bindings accept: exact dtype and rank, C-contiguous, CPU, never copied.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "smoothbit/dispatch.h"
#include "smoothbit/threads.h"

namespace nb = nanobind;

namespace smoothbit {

template <class T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using OutMatrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
// Packed codes or float32, told apart by the epilogue.
using AnyMatrix = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using AnyOutMatrix = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <class T>
const T* data_or_null(const std::optional<Vector<T>>& array) {
  return array ? array->data() : nullptr;
}

// Kernels in force; set by bind_isa.
const KernelTable& current_kernels();

// The Python layer states its rules in full; what reaches this has slipped past it.
inline void require(bool holds, const char* rule) {
  if (!holds) throw nb::value_error(rule);
}

// A negative count is an upper bound: use fewer when the work is small.
int resolve_threads(int num_threads, int64_t work, int64_t work_per_thread);

// Runs kernel(args, begin, end) over parts of the rows, with the GIL released.
template <class Args>
struct RowJob {
  void (*kernel)(const Args&, int64_t, int64_t);
  const Args* args;
  const int64_t* indptr;
  int64_t num_rows;
  int num_parts;

  static void call(void* context, int part) {
    const RowJob& job = *static_cast<const RowJob*>(context);
    const int64_t begin = part_begin(job.indptr, job.num_rows, part, job.num_parts);
    const int64_t end = part_begin(job.indptr, job.num_rows, part + 1, job.num_parts);
    if (begin < end) job.kernel(*job.args, begin, end);
  }
};

template <class Args>
void run_rows(void (*kernel)(const Args&, int64_t, int64_t), const Args& args, const int64_t* indptr,
              int64_t num_rows, int num_threads) {
  if (num_rows == 0) return;
  if (num_threads <= 1) {
    kernel(args, 0, num_rows);
    return;
  }
  // Parts are taken as threads fall free: the shorter the last one, the less another thread waits for it. A part of
  // few rows costs more to take than it evens out.
  constexpr int64_t kMinPartsPerThread = 4, kMaxPartsPerThread = 16, kRowsPerPart = 512;
  const int num_parts = static_cast<int>(std::clamp<int64_t>(num_rows / kRowsPerPart, num_threads * kMinPartsPerThread,
                                                             num_threads * kMaxPartsPerThread));
  RowJob<Args> job{kernel, &args, indptr, num_rows, num_parts};
  run_parts(num_threads, num_parts, &RowJob<Args>::call, &job);
}

}  // namespace smoothbit
