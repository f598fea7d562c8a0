// Python's description of an epilogue, held natively: array references, checked once when it is made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrays.h"

namespace smoothbit {

struct NativeLaw {
  int num_bits;
  Vector<float> scale, zero_point, phase;  // [G]
  int64_t group_size;                      // channels that share an element; 0: all of them
  int divisor;
  int shift;
};

struct NativeTerm {
  AnyMatrix data;
  int num_bits;
  Vector<float> step;
  std::optional<Vector<float>> offset;
  std::optional<Vector<float>> row_scale;
};

// Per-channel arrays of one call, expanded to [F] and padded as epilogue.h asks.
class ChannelArena {
 public:
  void reset(int64_t num_channels, int max_arrays);
  float* take();

 private:
  std::vector<float> memory_;
  float* next_ = nullptr;
  int64_t stride_ = 0;
};

class NativeEpilogue {
 public:
  using OptionalVector = std::optional<Vector<float>>;

  NativeEpilogue(int64_t num_channels, OptionalVector col_scale, OptionalVector row_term,
                 OptionalVector col_term, OptionalVector row_scale, OptionalVector col_bias,
                 std::optional<NativeLaw> aggregate, OptionalVector aggregate_step,
                 OptionalVector aggregate_offset, std::vector<NativeTerm> terms, bool has_relu,
                 OptionalVector output_row_scale, std::optional<NativeLaw> output, int stored_bits,
                 std::optional<Vector<int32_t>> out_rows, bool has_constant_factors);

  // The plain structure the kernels read, its per-channel values copied to `arena`. Refuses row arrays that
  // are not [num_rows].
  Epilogue expand(int64_t num_rows, const AnyOutMatrix& out, ChannelArena& arena) const;

  // Tables for sums of `num_bits` wide codes under the law that `expanded` holds, or null when it has none.
  // Kept from call to call while the values of the arrays stay the same; whoever uses them holds them.
  std::shared_ptr<ThresholdCache> thresholds(const Epilogue& expanded, int num_bits) const;

  int64_t num_channels() const { return num_channels_; }
  // Whether nobody writes to the arrays of one value for each row.
  bool has_constant_factors() const { return has_constant_factors_; }

 private:
  struct Tables;

  const float* channel_copy(const OptionalVector& values, ChannelArena& arena) const;
  Law expand_law(const NativeLaw& law, ChannelArena& arena) const;
  Term expand_term(const NativeTerm& term, int64_t num_rows, ChannelArena& arena) const;

  int64_t num_channels_;
  OptionalVector col_scale_, row_term_, col_term_, row_scale_, col_bias_;
  std::optional<NativeLaw> aggregate_;
  OptionalVector aggregate_step_, aggregate_offset_;
  std::vector<NativeTerm> terms_;
  bool has_relu_;
  OptionalVector output_row_scale_;
  std::optional<NativeLaw> output_;
  int stored_bits_;  // of an output code: at least those of its law
  std::optional<Vector<int32_t>> out_rows_;
  bool has_constant_factors_;
  mutable std::shared_ptr<Tables> tables_;  // the latest; calls that run may hold older ones
};

// What one call needs of an epilogue: the description, kept alive, and the plain structure.
class BoundEpilogue {
 public:
  explicit BoundEpilogue(nb::object description)
      : description_(std::move(description)), native_(nb::cast<const NativeEpilogue&>(description_)) {}

  // Once for each object; see NativeEpilogue.
  Epilogue expand(int64_t num_rows, AnyOutMatrix out) {
    out_ = out;
    return native_.expand(num_rows, out, arena_);
  }
  ThresholdCache* thresholds(const Epilogue& expanded, int num_bits) {
    tables_ = native_.thresholds(expanded, num_bits);
    return tables_.get();
  }
  int64_t num_channels() const { return native_.num_channels(); }
  bool has_constant_factors() const { return native_.has_constant_factors(); }

 private:
  nb::object description_;
  const NativeEpilogue& native_;
  AnyOutMatrix out_;
  ChannelArena arena_;
  std::shared_ptr<ThresholdCache> tables_;
};

}  // namespace smoothbit
