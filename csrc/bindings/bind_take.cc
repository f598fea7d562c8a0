// take_rows: rows of any element type, as bytes.
#include <cstring>

#include "bind.h"
#include "call.h"

namespace smoothbit {
namespace {

constexpr int64_t kBytesPerThread = 1 << 20;
constexpr int64_t kAhead = 16;  // rows between a prefetch and its use

struct TakeArgs {
  const uint8_t* source;
  const int32_t* rows;
  uint8_t* out;
  int64_t row_bytes;
  int64_t num_rows;
};

// kBytes: length of a row that is known here, so that copying it is a move or two; 0 for any other.
template <int64_t kBytes>
void take_rows(const TakeArgs& args, int64_t begin, int64_t end) {
  const int64_t row_bytes = kBytes ? kBytes : args.row_bytes;
  for (int64_t row = begin; row < end; ++row) {
    if (row + kAhead < args.num_rows) __builtin_prefetch(args.source + args.rows[row + kAhead] * row_bytes);
    std::memcpy(args.out + row * row_bytes, args.source + args.rows[row] * row_bytes, static_cast<size_t>(row_bytes));
  }
}

void (*take_kernel(int64_t row_bytes))(const TakeArgs&, int64_t, int64_t) {
  switch (row_bytes) {
    case 8: return take_rows<8>;
    case 16: return take_rows<16>;
    case 32: return take_rows<32>;
    case 64: return take_rows<64>;
    default: return take_rows<0>;
  }
}

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
