// spmm, spmax and spmm_f32.
#include <atomic>

#include "bind.h"
#include "call.h"
#include "epilogue.h"
#include "kernels/epilogue/thresholds.h"
#include "schedule.h"

namespace smoothbit {
namespace {

// Below this much work a second thread costs more than it saves (waking one takes some microseconds).
constexpr int64_t kBytesPerThread = 1 << 21, kFloatBytesPerThread = 1 << 19;

// A sum or a maximum of gathered rows of codes.
class GatherCall : public Call {
 public:
  void run() const override {
    const KernelTable& kernels = current_kernels();
    const auto kernel = (is_max_ ? kernels.spmax : kernels.spmm)[bits_index(num_bits_)];
    SpmmArgs args = args_;
    BufferPool::Loan copy;
    if (schedule_ && follows_schedule(kernels.isa)) copy = schedule_->set(args, is_sorted(), num_threads_);
    if (args.schedule.offsets) args.factors_follow_length = factors_follow_length();
    run_rows(kernel, args, args.schedule.offsets ? args.schedule.indptr : args.indptr, args.num_rows, num_threads_);
  }

 protected:
  // Looked at once, as that takes as long as a run saves, by a call that runs again and where nobody writes to the
  // factors. Else every run looks at those of every row.
  bool factors_follow_length() const {
    if (!epilogue_.has_constant_factors() || !args_.epilogue.thresholds) return false;
    if (factors_ == Factors::first_run) {
      factors_ = Factors::not_known;
      return false;
    }
    if (factors_ == Factors::not_known)
      factors_ = ThresholdCache::factors_follow_length(args_.epilogue, args_.indptr, args_.num_rows)
                     ? Factors::follow_length
                     : Factors::differ;
    return factors_ == Factors::follow_length;
  }

  // AVX2 has whole registers only where it has tables.
  bool follows_schedule(Isa isa) const {
    return isa == Isa::avx512 || (isa == Isa::avx2 && args_.epilogue.thresholds);
  }

  // Rows of one length share a table of thresholds and, up to 32 bytes, a register (of AVX2, up to 16). Without either, what is
  // gathered takes longer than the end of a loop (64 or 128 channels of 8 bits: a tenth lost).
  bool is_sorted() const {
    return args_.source_stride <= (num_bits_ < 8 ? 64 : 32);
  }

  // A schedule is for the kernels that finish whole registers by one law.
  void set_schedule(LazySchedule& schedule) {
    const Epilogue& e = args_.epilogue;
    const bool has_one_law = e.thresholds || e.is_simple || (e.is_uniform && !e.output.num_bits);
    if (!args_.weights && has_one_law && e.num_channels > 16) schedule_ = &schedule;
  }

  GatherCall(bool is_max, Vector<int64_t> indptr, Vector<int32_t> indices, std::optional<Vector<int16_t>> weights,
             Matrix<uint8_t> source, int num_bits, nb::object epilogue, AnyOutMatrix out, int num_threads)
      : is_max_(is_max), indptr_(indptr), indices_(indices), weights_(weights), source_(source), num_bits_(num_bits),
        epilogue_(std::move(epilogue)) {
    args_.indptr = indptr_.data();
    args_.indices = indices_.data();
    args_.weights = data_or_null(weights_);
    args_.source = source_.data();
    args_.source_stride = static_cast<int64_t>(source_.shape(1));
    args_.num_rows = static_cast<int64_t>(indptr_.shape(0)) - 1;
    args_.num_sources = static_cast<int64_t>(source_.shape(0));
    const int64_t row_bytes = (epilogue_.num_channels() * num_bits + 7) / 8;
    require(args_.source_stride >= row_bytes, "Expected the rows of `source` to hold `num_channels` codes.");
    args_.epilogue = epilogue_.expand(args_.num_rows, out);
    if (!is_max) args_.epilogue.thresholds = epilogue_.thresholds(args_.epilogue, num_bits);
    const int64_t work = (static_cast<int64_t>(indices_.shape(0)) + 8 * args_.num_rows) * (row_bytes + 8);
    num_threads_ = resolve_threads(num_threads, work, kBytesPerThread);
  }

 private:
  bool is_max_;
  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  std::optional<Vector<int16_t>> weights_;
  Matrix<uint8_t> source_;
  int num_bits_, num_threads_ = 1;
  BoundEpilogue epilogue_;
  SpmmArgs args_;
  LazySchedule* schedule_ = nullptr;
  enum class Factors { first_run, not_known, follow_length, differ };
  mutable std::atomic<Factors> factors_{Factors::first_run};  // of rows of one length
};

class SpmmCall : public GatherCall {
 public:
  SpmmCall(Vector<int64_t> indptr, Vector<int32_t> indices, std::optional<Vector<int16_t>> weights,
           Matrix<uint8_t> source, int num_bits, nb::object epilogue, nb::object schedule, AnyOutMatrix out,
           int num_threads)
      : GatherCall(false, indptr, indices, weights, source, num_bits, std::move(epilogue), out, num_threads),
        schedule_owner_(std::move(schedule)) {
    set_schedule(nb::cast<LazySchedule&>(schedule_owner_));
  }

 private:
  nb::object schedule_owner_;
};

class SpmaxCall : public GatherCall {
 public:
  SpmaxCall(Vector<int64_t> indptr, Vector<int32_t> indices, Matrix<uint8_t> source, int num_bits, nb::object epilogue,
            AnyOutMatrix out, int num_threads)
      : GatherCall(true, indptr, indices, std::nullopt, source, num_bits, std::move(epilogue), out, num_threads) {}
};

class SpmmF32Call : public Call {
 public:
  SpmmF32Call(Vector<int64_t> indptr, Vector<int32_t> indices, std::optional<Vector<float>> values,
              Matrix<float> source, std::optional<Vector<float>> row_scale, float scale,
              std::optional<Matrix<float>> skip, float skip_scale, OutMatrix<float> out, int num_threads)
      : indptr_(indptr), indices_(indices), values_(values), source_(source), row_scale_(row_scale), skip_(skip),
        out_(out) {
    args_.indptr = indptr_.data();
    args_.indices = indices_.data();
    args_.values = data_or_null(values_);
    args_.source = source_.data();
    args_.row_scale = data_or_null(row_scale_);
    args_.skip = skip_ ? skip_->data() : nullptr;
    args_.out = out_.data();
    args_.scale = scale;
    args_.skip_scale = skip_scale;
    args_.num_rows = static_cast<int64_t>(indptr_.shape(0)) - 1;
    args_.num_sources = static_cast<int64_t>(source_.shape(0));
    args_.num_channels = static_cast<int64_t>(source_.shape(1));
    const int64_t work = (static_cast<int64_t>(indices_.shape(0)) + args_.num_rows) * args_.num_channels * 4;
    num_threads_ = resolve_threads(num_threads, work, kFloatBytesPerThread);
  }

  void run() const override {
    run_rows(current_kernels().spmm_f32, args_, args_.indptr, args_.num_rows, num_threads_);
  }

 private:
  Vector<int64_t> indptr_;
  Vector<int32_t> indices_;
  std::optional<Vector<float>> values_;
  Matrix<float> source_;
  std::optional<Vector<float>> row_scale_;
  std::optional<Matrix<float>> skip_;
  OutMatrix<float> out_;
  int num_threads_;
  SpmmF32Args args_;
};

}  // namespace

void bind_spmm(nb::module_& module) {
  nb::class_<LazySchedule>(module, "Schedule")
      .def(nb::init<Vector<int64_t>, Vector<int32_t>>(), nb::arg("indptr").noconvert(), nb::arg("indices").noconvert());
  nb::class_<SpmmCall, Call>(module, "Spmm")
      .def(nb::init<Vector<int64_t>, Vector<int32_t>, std::optional<Vector<int16_t>>, Matrix<uint8_t>, int,
                    nb::object, nb::object, AnyOutMatrix, int>(),
           nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(), nb::arg("weights").noconvert().none(),
           nb::arg("source").noconvert(), nb::arg("num_bits"), nb::arg("epilogue"), nb::arg("schedule"),
           nb::arg("out").noconvert(), nb::arg("num_threads"));
  nb::class_<SpmaxCall, Call>(module, "Spmax")
      .def(nb::init<Vector<int64_t>, Vector<int32_t>, Matrix<uint8_t>, int, nb::object, AnyOutMatrix, int>(),
           nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(), nb::arg("source").noconvert(),
           nb::arg("num_bits"), nb::arg("epilogue"), nb::arg("out").noconvert(), nb::arg("num_threads"));
  nb::class_<SpmmF32Call, Call>(module, "SpmmF32")
      .def(nb::init<Vector<int64_t>, Vector<int32_t>, std::optional<Vector<float>>, Matrix<float>,
                    std::optional<Vector<float>>, float, std::optional<Matrix<float>>, float, OutMatrix<float>, int>(),
           nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(), nb::arg("values").noconvert().none(),
           nb::arg("source").noconvert(), nb::arg("row_scale").noconvert().none(), nb::arg("scale"),
           nb::arg("skip").noconvert().none(), nb::arg("skip_scale"), nb::arg("out").noconvert(),
           nb::arg("num_threads"));
}

}  // namespace smoothbit
