// gemm: owns the memory the kernels work in, which they do not allocate.
#include <atomic>
#include <functional>
#include <memory>

#include "bind.h"
#include "call.h"
#include "epilogue.h"

namespace smoothbit {
namespace {

constexpr int64_t kMacsPerThread = 1 << 21;
constexpr int64_t kKeptBytes = 1 << 20;

class AlignedBuffer {
 public:
  explicit AlignedBuffer(int64_t bytes) : memory_(new uint8_t[static_cast<size_t>(bytes) + 64]) {}
  void* data() {
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory_.get());
    return memory_.get() + (64 - address % 64) % 64;
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
};

// The working memory of a run.
struct GemmMemory {
  AlignedBuffer panel, scratch, row_sums;
  Isa isa;  // whose panel it is
};

struct GemmJob {
  GemmKernel kernel;
  const GemmArgs* args;
  uint8_t* scratch;  // one piece for each part
  int64_t scratch_bytes;
  int num_parts;
};

// Parts begin at multiples of the row block, so that only the last one has a partial block.
int64_t gemm_part_begin(int64_t num_rows, int part, int num_parts) {
  if (part >= num_parts) return num_rows;
  return num_rows * part / num_parts / kGemmRowBlock * kGemmRowBlock;
}

void run_gemm_part(void* context, int part) {
  const GemmJob& job = *static_cast<const GemmJob*>(context);
  const int64_t begin = gemm_part_begin(job.args->num_rows, part, job.num_parts);
  const int64_t end = gemm_part_begin(job.args->num_rows, part + 1, job.num_parts);
  if (begin < end) job.kernel(*job.args, job.scratch + part * job.scratch_bytes, begin, end);
}

class GemmCall : public Call {
 public:
  GemmCall(Matrix<uint8_t> source, int source_bits, int64_t depth, Matrix<uint8_t> weight, int weight_bits,
           nb::object epilogue, AnyOutMatrix out, int num_threads)
      : source_(source), weight_(weight), epilogue_(std::move(epilogue)) {
    args_.source = source_.data();
    args_.source_stride = static_cast<int64_t>(source_.shape(1));
    args_.source_bits = source_bits;
    args_.weight = weight_.data();
    args_.weight_stride = static_cast<int64_t>(weight_.shape(1));
    args_.weight_bits = weight_bits;
    args_.num_rows = static_cast<int64_t>(source_.shape(0));
    args_.depth = depth;
    const int64_t num_channels = epilogue_.num_channels();
    require(args_.source_stride >= (depth * source_bits + 7) / 8,
            "Expected the rows of `source` to hold `depth` codes.");
    require(static_cast<int64_t>(weight_.shape(0)) == depth &&
                args_.weight_stride >= (num_channels * weight_bits + 7) / 8,
            "Expected `weight` to be packed [depth, num_channels].");
    args_.epilogue = epilogue_.expand(args_.num_rows, out);
    num_threads_ = resolve_threads(num_threads, args_.num_rows * depth * num_channels, kMacsPerThread);
  }

  void run() const override { multiply({}); }

  // Not if this call writes over what `before` reads.
  bool is_fed_by(const Call& before) const override {
    const GemmMaker maker = before.maker_of(args_);
    const Epilogue& e = args_.epilogue;
    const std::less_equal<const uint8_t*> is_before;
    const auto* out = static_cast<const uint8_t*>(e.out);
    const int64_t out_stride = e.out_stride * (e.output.num_bits ? 1 : static_cast<int64_t>(sizeof(float)));
    return maker.make && (is_before(out + args_.num_rows * out_stride, maker.reads) ||
                          is_before(maker.reads + args_.num_rows * maker.reads_stride, out));
  }
  void run_after(const Call& before) const override {
    if (gemm_makes_source(args_of(current_kernels()))) multiply(before.maker_of(args_));
    else Call::run_after(before);
  }

  ~GemmCall() override { delete kept_.load(); }

 private:
  GemmArgs args_of(const KernelTable& kernels) const {
    GemmArgs args = args_;
    args.has_vnni = kernels.isa == Isa::avx512 && cpu_has_vnni();
    args.has_vbmi = kernels.isa == Isa::avx512 && cpu_has_vbmi();
    return args;
  }

  // The working memory of a small product is kept for the next run, with what does not change between runs. A run
  // that finds it taken, by another thread, has its own.
  void multiply(const GemmMaker& maker) const {
    const KernelTable& kernels = current_kernels();
    const int num_parts = num_threads_ <= 1 ? 1 : num_threads_ * 2;
    GemmArgs args = args_of(kernels);
    args.maker = maker;
    const bool has_row_sums = args.epilogue.col_term && !args.epilogue.row_term;
    const int64_t panel_bytes = gemm_panel_bytes(args), scratch_bytes = (gemm_scratch_bytes(args) + 63) / 64 * 64;
    const int64_t row_sum_bytes = has_row_sums ? args.num_rows * static_cast<int64_t>(sizeof(float)) : 0;
    std::unique_ptr<GemmMemory> memory(kept_.exchange(nullptr));
    args.is_repeated = memory && memory->isa == kernels.isa;
    if (!args.is_repeated) {
      memory.reset(new GemmMemory{AlignedBuffer(panel_bytes), AlignedBuffer(scratch_bytes * num_parts),
                                  AlignedBuffer(row_sum_bytes), kernels.isa});
      if (kernels.isa != Isa::serial) gemm_fill_panel(args, static_cast<uint8_t*>(memory->panel.data()));
    }
    args.panel = static_cast<const uint8_t*>(memory->panel.data());
    args.row_sums = static_cast<float*>(memory->row_sums.data());
    GemmJob job{kernels.gemm, &args, static_cast<uint8_t*>(memory->scratch.data()), scratch_bytes, num_parts};
    run_parts(num_threads_, num_parts, run_gemm_part, &job);
    if (panel_bytes + scratch_bytes * num_parts + row_sum_bytes > kKeptBytes) return;
    delete kept_.exchange(memory.release());
  }

  Matrix<uint8_t> source_, weight_;
  BoundEpilogue epilogue_;
  int num_threads_;
  GemmArgs args_;
  mutable std::atomic<GemmMemory*> kept_{nullptr};
};

}  // namespace

void bind_gemm(nb::module_& module) {
  nb::class_<GemmCall, Call>(module, "Gemm")
      .def(nb::init<Matrix<uint8_t>, int, int64_t, Matrix<uint8_t>, int, nb::object, AnyOutMatrix, int>(),
           nb::arg("source").noconvert(), nb::arg("source_bits"), nb::arg("depth"), nb::arg("weight").noconvert(),
           nb::arg("weight_bits"), nb::arg("epilogue"), nb::arg("out").noconvert(), nb::arg("num_threads"));
}

}  // namespace smoothbit
