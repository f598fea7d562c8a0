#include "epilogue.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/epilogue/thresholds.h"

namespace smoothbit {
namespace {

bool is_uint8(const AnyMatrix& array) { return array.dtype() == nb::dtype<uint8_t>(); }
bool is_float32(const AnyMatrix& array) { return array.dtype() == nb::dtype<float>(); }

void require_rows(const NativeEpilogue::OptionalVector& values, int64_t num_rows) {
  require(!values || static_cast<int64_t>(values->shape(0)) == num_rows,
          "Expected every row array of the epilogue to have one element for each output row.");
}

void require_channels(const NativeEpilogue::OptionalVector& values, int64_t num_channels) {
  require(!values || static_cast<int64_t>(values->shape(0)) == num_channels,
          "Expected every channel array of the epilogue to have `num_channels` elements.");
}

void require_law(const NativeLaw& law, int64_t num_channels) {
  const int64_t groups = static_cast<int64_t>(law.scale.shape(0));
  const int64_t expected =
      law.group_size == 0 ? 1 : (num_channels + law.group_size - 1) / law.group_size;
  require(groups == expected && law.zero_point.shape(0) == law.scale.shape(0) &&
              law.phase.shape(0) == law.scale.shape(0),
          "Expected the arrays of a law to fit its granularity.");
}

// Bits, not values: -0.0 and 0.0 are different offsets.
bool is_constant(const float* values, int64_t count) {
  return count == 0 || std::all_of(values, values + count, [&](const float& value) {
           return std::memcmp(&value, values, sizeof value) == 0;
         });
}

bool is_uniform(const Epilogue& e) {
  const auto same = [&](const float* values) { return !values || is_constant(values, e.num_channels); };
  for (const Law* law : {&e.aggregate, &e.output})
    if (!same(law->inv_scale) || !same(law->phase) || !same(law->zero_point)) return false;
  for (int t = 0; t < e.num_terms; ++t)
    if (!e.terms[t].is_uniform) return false;
  return same(e.col_scale) && same(e.col_term) && same(e.col_bias) && same(e.aggregate_step) && same(e.aggregate_offset);
}

// Everything but the row's factors that the code of a sum depends on, when all channels share it.
using LawValues = std::array<float, 20 + 3 * kMaxTerms>;

void append(const float* channel_values, float*& next) {
  *next++ = channel_values ? 1.0f : 0.0f;
  *next++ = channel_values ? channel_values[0] : 0.0f;
}

void append(const Law& law, float*& next) {
  *next++ = static_cast<float>(law.num_bits);
  if (!law.num_bits) return;
  for (const float value : {law.inv_scale[0], law.phase[0], law.zero_point[0], law.fine_qmax, law.shift, law.inv_divisor})
    *next++ = value;
}

LawValues law_values(const Epilogue& e) {
  LawValues values{};
  float* next = values.data();
  append(e.aggregate, next);
  append(e.output, next);
  for (const float* channel_values : {e.col_scale, e.col_term, e.col_bias}) append(channel_values, next);
  if (e.aggregate.num_bits) {
    *next++ = e.aggregate_step[0];
    *next++ = e.aggregate_offset[0];
  }
  for (int t = 0; t < e.num_terms; ++t) {
    *next++ = e.terms[t].step[0];
    *next++ = e.terms[t].offset ? e.terms[t].offset[0] : 0.0f;
    *next++ = static_cast<float>(e.terms[t].num_bits + (e.terms[t].row_scale ? 64 : 0));
  }
  return values;
}

}  // namespace

struct NativeEpilogue::Tables {
  Tables(const LawValues& values, int num_bits) : values(values), cache(num_bits) {}
  LawValues values;
  ThresholdCache cache;
};

std::shared_ptr<ThresholdCache> NativeEpilogue::thresholds(const Epilogue& expanded, int num_bits) const {
  if (!ThresholdCache::fits(expanded, num_bits)) return nullptr;
  const LawValues values = law_values(expanded);
  // Bits, not values: a law with a NaN is the same law the next time.
  const bool is_known = tables_ && tables_->cache.num_bits() == num_bits &&
                        std::memcmp(&tables_->values, &values, sizeof values) == 0;
  if (!is_known) tables_ = std::make_shared<Tables>(values, num_bits);
  return {tables_, &tables_->cache};
}

void ChannelArena::reset(int64_t num_channels, int max_arrays) {
  constexpr int64_t kAlignFloats = 16;  // one cache line
  stride_ = (num_channels + kChannelPad - 1) / kChannelPad * kChannelPad;
  const size_t needed = static_cast<size_t>(stride_ * max_arrays + kAlignFloats);
  if (memory_.size() < needed) memory_.resize(needed);
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory_.data());
  const size_t missing_bytes = (64 - address % 64) % 64;
  next_ = memory_.data() + missing_bytes / sizeof(float);  // NOLINT(bugprone-sizeof-expression): bytes to floats
}

float* ChannelArena::take() {
  float* result = next_;
  next_ += stride_;
  return result;
}

NativeEpilogue::NativeEpilogue(int64_t num_channels, OptionalVector col_scale, OptionalVector row_term,
                               OptionalVector col_term, OptionalVector row_scale, OptionalVector col_bias,
                               std::optional<NativeLaw> aggregate, OptionalVector aggregate_step,
                               OptionalVector aggregate_offset, std::vector<NativeTerm> terms,
                               bool has_relu, OptionalVector output_row_scale,
                               std::optional<NativeLaw> output, int stored_bits,
                               std::optional<Vector<int32_t>> out_rows, bool has_constant_factors)
    : num_channels_(num_channels),
      col_scale_(std::move(col_scale)),
      row_term_(std::move(row_term)),
      col_term_(std::move(col_term)),
      row_scale_(std::move(row_scale)),
      col_bias_(std::move(col_bias)),
      aggregate_(std::move(aggregate)),
      aggregate_step_(std::move(aggregate_step)),
      aggregate_offset_(std::move(aggregate_offset)),
      terms_(std::move(terms)),
      has_relu_(has_relu),
      output_row_scale_(std::move(output_row_scale)),
      output_(std::move(output)),
      stored_bits_(stored_bits),
      out_rows_(std::move(out_rows)),
      has_constant_factors_(has_constant_factors) {
  require(num_channels >= 0, "Expected `num_channels` to be >= 0.");
  require(terms_.size() <= kMaxTerms, "Expected at most 4 terms.");
  for (const OptionalVector* values : {&col_scale_, &col_term_, &col_bias_, &aggregate_step_, &aggregate_offset_})
    require_channels(*values, num_channels);
  require(aggregate_.has_value() == aggregate_step_.has_value() &&
              aggregate_.has_value() == aggregate_offset_.has_value(),
          "Expected `aggregate_step` and `aggregate_offset` exactly when `aggregate` is given.");
  if (aggregate_) require_law(*aggregate_, num_channels);
  if (output_) require_law(*output_, num_channels);
  require(!output_ || (stored_bits >= output_->num_bits && stored_bits <= 8),
          "Expected `stored_bits` to be at least the bits of the output law, at most 8.");
  require(!output_ || !out_rows_, "Expected `out_rows` without an output law only.");
  for (const NativeTerm& term : terms_) {
    const int64_t width = static_cast<int64_t>(term.data.shape(1));
    const bool fits = term.num_bits == 32
                          ? is_float32(term.data) && width == num_channels
                          : is_uint8(term.data) && term.offset && width >= (num_channels * term.num_bits + 7) / 8;
    require(fits, "Expected the data of a term to be packed uint8 with an offset, or float32 [N, F].");
    require_channels(term.step, num_channels);
    require_channels(term.offset, num_channels);
  }
}

const float* NativeEpilogue::channel_copy(const OptionalVector& values, ChannelArena& arena) const {
  if (!values) return nullptr;
  float* copy = arena.take();
  std::copy_n(values->data(), num_channels_, copy);
  return copy;
}

Law NativeEpilogue::expand_law(const NativeLaw& law, ChannelArena& arena) const {
  float* inv_scale = arena.take();
  float* phase = arena.take();
  float* zero_point = arena.take();
  for (int64_t c = 0; c < num_channels_; ++c) {
    const int64_t group = law.group_size ? c / law.group_size : 0;
    inv_scale[c] = 1.0f / law.scale.data()[group];
    phase[c] = law.phase.data()[group];
    zero_point[c] = law.zero_point.data()[group];
  }
  const auto is_zero = [this](const float* values) {
    return std::all_of(values, values + num_channels_, [](float value) { return value == 0.0f; });
  };
  Law result;
  result.phase_is_zero = is_zero(phase);
  result.zero_point_is_zero = is_zero(zero_point);
  result.num_bits = law.num_bits;
  result.truncates = law.divisor > 1;
  result.qmax = static_cast<float>((1 << law.num_bits) - 1);
  result.fine_qmax = result.truncates ? 255.0f : result.qmax;
  result.shift = static_cast<float>(law.shift);
  result.inv_divisor = 1.0f / static_cast<float>(law.divisor);
  result.inv_scale = inv_scale;
  result.phase = phase;
  result.zero_point = zero_point;
  return result;
}

Term NativeEpilogue::expand_term(const NativeTerm& term, int64_t num_rows, ChannelArena& arena) const {
  require(static_cast<int64_t>(term.data.shape(0)) == num_rows,
          "Expected the data of every term to have one row for each output row.");
  require_rows(term.row_scale, num_rows);
  Term result;
  result.data = term.data.data();
  result.stride = static_cast<int64_t>(term.data.shape(1));
  result.num_bits = term.num_bits;
  result.step = channel_copy(term.step, arena);
  result.offset = term.num_bits == 32 ? nullptr : channel_copy(term.offset, arena);
  result.row_scale = data_or_null(term.row_scale);
  result.is_uniform = is_constant(result.step, num_channels_) &&
                      (!result.offset || is_constant(result.offset, num_channels_));
  return result;
}

Epilogue NativeEpilogue::expand(int64_t num_rows, const AnyOutMatrix& out, ChannelArena& arena) const {
  // At most: col_scale, col_term, col_bias, two of the aggregate, 3 for each law, 2 for each term.
  arena.reset(num_channels_, 5 + 2 * 3 + 2 * kMaxTerms);
  for (const OptionalVector* values : {&row_term_, &row_scale_, &output_row_scale_}) require_rows(*values, num_rows);
  Epilogue e;
  e.num_channels = num_channels_;
  e.col_scale = channel_copy(col_scale_, arena);
  e.row_term = data_or_null(row_term_);
  e.col_term = channel_copy(col_term_, arena);
  e.row_scale = data_or_null(row_scale_);
  e.col_bias = channel_copy(col_bias_, arena);
  if (aggregate_) e.aggregate = expand_law(*aggregate_, arena);
  e.aggregate_step = channel_copy(aggregate_step_, arena);
  e.aggregate_offset = channel_copy(aggregate_offset_, arena);
  for (const NativeTerm& term : terms_) e.terms[e.num_terms++] = expand_term(term, num_rows, arena);
  e.has_relu = has_relu_;
  e.output_row_scale = data_or_null(output_row_scale_);
  if (output_) {
    e.output = expand_law(*output_, arena);
    e.output.num_bits = stored_bits_;  // how it is stored; the law keeps its range
  }
  e.is_uniform = is_uniform(e);
  e.is_simple = is_simple_epilogue(e);
  const int64_t stride = static_cast<int64_t>(out.shape(1));
  const int64_t row_bytes = output_ ? (num_channels_ * stored_bits_ + 7) / 8 : 0;
  const bool fits = output_ ? out.dtype() == nb::dtype<uint8_t>() && stride >= row_bytes
                            : out.dtype() == nb::dtype<float>() && stride == num_channels_;
  require(fits && static_cast<int64_t>(out.shape(0)) == num_rows,
          "Expected `out` to be packed uint8 [N, stride], or float32 [N, F] without an output law.");
  e.out = out.data();
  e.out_stride = stride;
  if (out_rows_) {
    const int32_t* rows = out_rows_->data();
    require(static_cast<int64_t>(out_rows_->shape(0)) == num_rows &&
                std::all_of(rows, rows + num_rows, [&](int32_t row) { return row >= 0 && row < num_rows; }),
            "Expected `out_rows` to hold a row of `out` for each row.");
    e.out_rows = rows;
  }
  return e;
}

}  // namespace smoothbit
