// attend.
#include "smoothbit/attend.h"

#include "bind.h"
#include "call.h"

namespace smoothbit {
namespace {

constexpr int64_t kUnitsPerThread = 1 << 17;

class AttendCall : public Call {
 public:
  AttendCall(Vector<int64_t> indptr, Vector<int32_t> indices, Matrix<uint8_t> source, int num_bits,
             Matrix<float> queries, Matrix<float> keys, int num_heads, int score, float slope, float scale,
             std::optional<Vector<float>> vector, Vector<float> step, std::optional<Vector<float>> offset,
             bool is_concatenated, OutMatrix<float> out, int num_threads)
      : indptr_(indptr), indices_(indices), source_(source), queries_(queries), keys_(keys), vector_(vector),
        step_(step), offset_(offset), out_(out), num_bits_(num_bits) {
    args_.indptr = indptr_.data();
    args_.indices = indices_.data();
    args_.source = source_.data();
    args_.source_stride = static_cast<int64_t>(source_.shape(1));
    args_.num_rows = static_cast<int64_t>(indptr_.shape(0)) - 1;
    args_.num_channels = static_cast<int64_t>(step_.shape(0));
    args_.num_heads = num_heads;
    args_.queries = queries_.data();
    args_.keys = keys_.data();
    args_.score = static_cast<Score>(score);
    args_.slope = slope;
    args_.scale = scale;
    args_.vector = data_or_null(vector_);
    args_.step = step_.data();
    args_.offset = data_or_null(offset_);
    args_.is_concatenated = is_concatenated;
    args_.out = out_.data();
    check();
    const int64_t work = static_cast<int64_t>(indices_.shape(0)) * (args_.num_channels + 8 * num_heads + args_.rated());
    num_threads_ = resolve_threads(num_threads, work, kUnitsPerThread);
  }

  void run() const override {
    run_rows(current_kernels().attend[bits_index(num_bits_)], args_, args_.indptr, args_.num_rows, num_threads_);
  }

 private:
  void check() const {
    const size_t rows = static_cast<size_t>(args_.num_rows);
    require(args_.num_heads >= 1 && args_.num_heads <= kMaxHeads && args_.num_channels % args_.num_heads == 0,
            "Expected `num_heads` to divide the channels and to be at most 1024.");
    require(args_.source_stride >= (args_.num_channels * num_bits_ + 7) / 8,
            "Expected the rows of `source` to hold `num_channels` codes.");
    const size_t rated = static_cast<size_t>(args_.rated()), channels = static_cast<size_t>(args_.num_channels);
    require(queries_.shape(0) == rows && queries_.shape(1) == rated && keys_.shape(1) == rated &&
                keys_.shape(0) == source_.shape(0),
            "Expected queries and keys of each row and source, as wide as the score needs.");
    require(!offset_ || offset_->shape(0) == channels, "Expected an offset for each channel.");
    require(args_.score == Score::additive || args_.score == Score::dot ||
                (args_.score == Score::dynamic && vector_ && vector_->shape(0) == channels),
            "Expected a known score, and a vector for a dynamic one.");
    const int64_t width = args_.is_concatenated ? args_.num_channels : args_.head_channels();
    require(out_.shape(0) == rows && out_.shape(1) == static_cast<size_t>(width), "Expected `out` for each row.");
  }

  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  Matrix<uint8_t> source_;
  Matrix<float> queries_, keys_;
  std::optional<Vector<float>> vector_;
  Vector<float> step_;
  std::optional<Vector<float>> offset_;
  OutMatrix<float> out_;
  int num_bits_, num_threads_ = 1;
  AttendArgs args_;
};

}  // namespace

void bind_attend(nb::module_& module) {
  nb::class_<AttendCall, Call>(module, "Attend")
      .def(nb::init<Vector<int64_t>, Vector<int32_t>, Matrix<uint8_t>, int, Matrix<float>, Matrix<float>, int, int,
                    float, float, std::optional<Vector<float>>, Vector<float>, std::optional<Vector<float>>, bool,
                    OutMatrix<float>, int>(),
           nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(), nb::arg("source").noconvert(),
           nb::arg("num_bits"), nb::arg("queries").noconvert(), nb::arg("keys").noconvert(), nb::arg("num_heads"),
           nb::arg("score"), nb::arg("slope"), nb::arg("scale"), nb::arg("vector").noconvert().none(),
           nb::arg("step").noconvert(), nb::arg("offset").noconvert().none(), nb::arg("is_concatenated"),
           nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
