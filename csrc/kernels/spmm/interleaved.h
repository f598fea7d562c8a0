// Rows of 8 bits by a plain law, the same for all channels: codes. To be included in the brackets of a target (target.h),
// as templates are not shared between targets.
//
// A row asks for the rows that are gathered soon, gathers its own, and is finished: ten or twenty entries at once, more than
// the first-level cache has room for on their way, and then arithmetic without any. So what a row asks for and gathers comes
// between the vectors of the epilogue of the row before:
//
//     row r      ask, gather | ask, gather | ask, gather | ask, gather | ...
//     row r - 1           vector 0      vector 1      vector 2      vector 3
//
// A dword of a register holds four channels, bytes 0, 2, 1, 3 of which are those of vectors 0 .. 3: sums are kept in 16-bit
// lanes, even and odd bytes apart, so that each vector is a shift or a mask away, and codes are joined by saturation.
#pragma once

namespace smoothbit {
namespace {

// The law of `Epilogue`, operation for operation; a factor or bias that is not there is 1 or -0, which change nothing.
template <class V, bool kHasTerm>
class PlainLaw {
 public:
  using Floats = typename V::Floats;
  using Integers = typename V::Integers;

  static bool fits(const Epilogue& e) {
    const Law& law = e.output;
    return e.is_simple && law.num_bits == 8 && law.phase_is_zero && !e.col_term &&
           (!e.has_relu || (law.zero_point[0] == 0.0f && law.inv_scale[0] > 0.0f)) &&  // which clips what ReLU does
           e.num_terms == (kHasTerm ? 1 : 0) && (!kHasTerm || e.terms[0].num_bits == 8);
  }

  explicit PlainLaw(const Epilogue& e)
      : col_scale_(first(e.col_scale, 0.0f)), col_bias_(first(e.col_bias, -0.0f)),
        step_(first(kHasTerm ? e.terms[0].step : nullptr, 0.0f)),
        offset_(first(kHasTerm ? e.terms[0].offset : nullptr, 0.0f)), inv_scale_(first(e.output.inv_scale, 1.0f)),
        high_(V::all(e.output.qmax - e.output.zero_point[0])),
        zero_points_(V::all_words(static_cast<int>(e.output.zero_point[0]))), row_scales_(e.row_scale),
        term_scales_(kHasTerm ? e.terms[0].row_scale : nullptr), row_scale_(V::all(1.0f)), term_scale_(row_scale_) {}

  SMOOTHBIT_INLINE void set_row(int64_t row) {
    if (row_scales_) row_scale_ = V::all(row_scales_[row]);
    if (kHasTerm && term_scales_) term_scale_ = V::all(term_scales_[row]);
  }
  // The codes of a vector, less the zero point and not clipped below.
  SMOOTHBIT_INLINE Integers codes(Integers sums, Integers term) const {
    Floats y = V::add(V::mul(V::mul(V::floats(sums), col_scale_), row_scale_), col_bias_);
    if constexpr (kHasTerm) y = V::add(y, V::mul(V::add(V::mul(V::floats(term), step_), offset_), term_scale_));
    // In this order of operands the minimum keeps NaN, which is converted to the least integer, as what is below all
    // integers is: code 0.
    return V::integers(V::min(high_, V::mul(y, inv_scale_)));
  }
  SMOOTHBIT_INLINE Integers join(const Integers codes[4]) const { return V::join(codes, zero_points_); }

 private:
  static Floats first(const float* values, float other) { return V::all(values ? values[0] : other); }

  Floats col_scale_, col_bias_, step_, offset_, inv_scale_, high_;
  Integers zero_points_;
  const float *row_scales_, *term_scales_;
  Floats row_scale_, term_scale_;
};

// kRegisters registers to a row.
template <class V, int kRegisters, bool kHasTerm, bool kHasPrefetch>
class InterleavedRows {
 public:
  explicit InterleavedRows(const SpmmArgs& args)
      : law_(args.epilogue), source_(args.schedule.source), entries_(args.schedule.offsets), indptr_(args.schedule.indptr),
        out_(static_cast<uint8_t*>(args.epilogue.out)), out_stride_(args.epilogue.out_stride),
        term_(static_cast<const uint8_t*>(args.epilogue.terms[0].data)), term_stride_(args.epilogue.terms[0].stride) {
    alignas(V::kBytes) uint8_t mask[V::kBytes];
    for (int i = 0; i < V::kBytes; ++i) mask[i] = low_bits(8 * (args.epilogue.num_channels - kRowBytes + V::kBytes - i));
    valid_ = V::load(mask);
  }

  // Finishes rows from `row` on, and returns the first that is too long, or `end`.
  SMOOTHBIT_INLINE int64_t run(int64_t row, int64_t end) {
    const int64_t begin = row;
    for (; row < end && indptr_[row + 1] - indptr_[row] <= V::Sums::kMaxRows; ++row) {
      int64_t entry = indptr_[row];
      const int64_t last = indptr_[row + 1];
      typename V::Sums sums[kRegisters];
      for (int r = 0; r < kRegisters; ++r) sums[r].start();
      if (row > begin) steps<true>(row - 1, entry, last, sums);
      for (; entry < last; ++entry) gather(entry, sums);
      for (int r = 0; r < kRegisters; ++r) sums[r].split(planes_[r]);
      law_.set_row(row);
    }
    int64_t none = 0;
    if (row > begin) steps<false>(row - 1, none, 0, nullptr);
    return row;
  }

 private:
  using Integers = typename V::Integers;
  static constexpr int64_t kRowBytes = kRegisters * V::kBytes;

  SMOOTHBIT_INLINE void gather(int64_t entry, typename V::Sums* sums) const {
    if constexpr (kHasPrefetch)
      prefetch_row<kRowBytes>(source_ + entries_[entry + kEntriesAhead<kRowBytes>] * RowSchedule::kUnit);
    const uint8_t* bytes = source_ + entries_[entry] * RowSchedule::kUnit;
    for (int r = 0; r < kRegisters; ++r) sums[r].add_row(V::load_once(bytes + r * V::kBytes));
  }
  // Step s and those after it finish vectors of `row`, before each of which an entry is gathered.
  template <bool kGathers, int s = 0>
  SMOOTHBIT_INLINE void steps(int64_t row, int64_t& entry, int64_t last, typename V::Sums* sums) {
    constexpr int r = s / 4, v = s % 4;
    if (kGathers && entry < last) gather(entry++, sums);
    Integers term = planes_[r][0];
    if constexpr (kHasTerm) term = V::template byte<v>(V::load(term_ + row * term_stride_ + r * V::kBytes));
    codes_[v] = law_.codes(V::template field<v>(planes_[r]), term);
    if constexpr (v == 3) {
      Integers codes = law_.join(codes_);
      if constexpr (r + 1 == kRegisters) codes = V::both(codes, valid_);
      V::store(out_ + row * out_stride_ + r * V::kBytes, codes);
    }
    if constexpr (s + 1 < 4 * kRegisters) steps<kGathers, s + 1>(row, entry, last, sums);
    else if (kRowBytes < out_stride_)
      std::memset(out_ + row * out_stride_ + kRowBytes, 0, static_cast<size_t>(out_stride_ - kRowBytes));
  }

  PlainLaw<V, kHasTerm> law_;
  const uint8_t* source_;
  const uint32_t* entries_;  // offsets
  const int64_t* indptr_;
  uint8_t* out_;
  int64_t out_stride_;
  const uint8_t* term_;
  int64_t term_stride_;
  Integers valid_;  // bytes of the last register that are codes
  Integers planes_[kRegisters][2] = {}, codes_[4] = {};
};

// Finishes the rows [begin, end) of a schedule that keeps their sequence; `other` those that are too long.
template <class V, int kRegisters, bool kHasTerm, bool kHasPrefetch>
__attribute__((noinline)) void interleaved_part(const SpmmArgs& args, SpmmKernel other, int64_t row, int64_t end) {
  InterleavedRows<V, kRegisters, kHasTerm, kHasPrefetch> rows(args);
  while ((row = rows.run(row, end)) < end) {
    other(args, row, row + 1);
    ++row;
  }
}

template <class V, bool kHasTerm, int kRegisters = 1>
bool interleaved_run(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  const Epilogue& e = args.epilogue;
  constexpr int64_t kRowBytes = kRegisters * V::kBytes;
  if constexpr (kRowBytes < 128)
    if (e.num_channels > kRowBytes) return interleaved_run<V, kHasTerm, kRegisters + 1>(args, other, begin, end);
  static_assert(RowSchedule::kPadding > kEntriesAhead<kRowBytes>, "what is read after the last entry");
  if (e.num_channels > kRowBytes || args.source_stride < kRowBytes || e.out_stride < kRowBytes) return false;
  if (kHasTerm && e.terms[0].stride < kRowBytes) return false;
  const auto part = [other](auto has_prefetch, const SpmmArgs& scheduled, int64_t from, int64_t to) {
    interleaved_part<V, kRegisters, kHasTerm, decltype(has_prefetch)::value>(scheduled, other, from, to);
  };
  run_scheduled(args, other, false, begin, end, part);
  return true;
}

// Computes the rows and returns true, or returns false when the epilogue or the strides do not fit, or rows are longer than
// 128 bytes. `other` takes the places of a schedule where there is one.
template <class V>
bool interleaved_rows(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  if (args.weights || args.schedule.rows || args.epilogue.num_channels <= 16) return false;
  if (PlainLaw<V, true>::fits(args.epilogue)) return interleaved_run<V, true>(args, other, begin, end);
  if (PlainLaw<V, false>::fits(args.epilogue)) return interleaved_run<V, false>(args, other, begin, end);
  return false;
}

}  // namespace
}  // namespace smoothbit
