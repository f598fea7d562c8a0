// Cases whose channels share one law and whose row factors go with the row's length, so that most can be tabulated.
#pragma once

#include <memory>

#include "generate.h"
#include "kernels/epilogue/serial.h"
#include "kernels/epilogue/thresholds.h"
#include "smoothbit/spmm.h"

namespace smoothbit {

// The output code of a sum in a row whose terms have `codes`, the first one lowest, by the serial law.
inline int code_of_row(Epilogue e, int64_t row, int sum, int codes) {
  uint8_t term_codes[kMaxTabulatedTerms];
  for (int t = 0; t < e.num_terms; ++t) {
    term_codes[t] = static_cast<uint8_t>(codes >> (t * e.terms[t].num_bits));
    e.terms[t].data = term_codes + t;
    e.terms[t].stride = 0;
  }
  const float y = epilogue_value_serial(e, row, 0, sum, e.row_term ? e.row_term[row] : 0.0f);
  return static_cast<int>(quantize_serial(y, e.output, 0));
}

class TabulatedCase {
 public:
  static constexpr int64_t kNumRows = 240, kNumSources = 37;
  static constexpr int64_t kManyRows = 5000;  // more than a piece of a matrix holds (spmm/pieces.h), as the entries of one

  TabulatedCase(Random& random, int bits, int64_t num_channels, int64_t extra, int variant, int64_t num_rows = kNumRows)
      : random_(random), num_rows_(num_rows), num_channels_(num_channels),
        stride_((num_channels * bits + 7) / 8 + extra) {
    if (variant % 4) stride_ = (stride_ + RowSchedule::kUnit - 1) / RowSchedule::kUnit * RowSchedule::kUnit;
    source_ = bytes(kNumSources);
    make_rows(variant);
    e_.num_channels = num_channels;
    e_.is_uniform = true;
    // Sums grow with the row, the mean does not; a negative factor makes codes fall: no table.
    e_.col_scale = channel(variant % 11 == 0 ? -0.4f : random.real(0.1f, 1.0f));
    e_.row_scale = by_length(1.0f);
    if (variant & 1) e_.col_bias = channel(random.real(-1.0f, 1.0f));
    if (variant % 5 == 0) e_.row_term = by_length(0.5f), e_.col_term = channel(random.real(-1.0f, 1.0f));
    if (variant % 7 == 0) {
      e_.aggregate = law(4);
      e_.aggregate_step = channel(0.3f);
      e_.aggregate_offset = channel(-0.2f);
    }
    for (int t = 0; t < variant % 3; ++t) {
      Term& term = e_.terms[e_.num_terms++];
      term.num_bits = bits;
      term.is_uniform = true;
      term.step = channel(random.real(-0.5f, 0.5f));
      term.offset = channel(random.real(-0.5f, 0.5f));
      term.stride = stride_;
      term.data = bytes(num_rows_);
      if (t == 0) term.row_scale = by_length(0.7f);
    }
    e_.has_relu = variant % 4 == 1;
    if (variant % 4 == 2) e_.output_row_scale = by_length(2.0f);
    e_.output = law(bits);
  }

  OutputBuffer make_output() const { return OutputBuffer(num_rows_ * stride_); }

  OutputBuffer make_float_output() const { return OutputBuffer(num_rows_ * num_channels_ * 4); }

  // The same rows and entries as they are, and as two schedules have them where there can be any.
  std::vector<RowSchedule> schedules() const {
    if (!offsets_) return {RowSchedule()};
    return {RowSchedule(), offsets_->view(source_), sorted_->view(copy_ ? copy_ : source_)};
  }

  // With float32 values instead of codes, in every other variant in another order of rows.
  SpmmArgs bind_float(OutputBuffer& out, int variant) {
    SpmmArgs args = bind(out, variant);
    args.epilogue.output = Law();
    args.epilogue.out_stride = num_channels_;
    args.epilogue.is_simple = is_simple_epilogue(args.epilogue);
    if (variant % 2) {
      std::vector<int32_t> rows;
      for (int64_t row = num_rows_; row > 0; --row) rows.push_back(static_cast<int32_t>(row - 1));
      indices_.emplace_back(rows);
      args.epilogue.out_rows = indices_.back().data();
    }
    return args;
  }

  SpmmArgs bind(OutputBuffer& out, int variant) const {
    SpmmArgs args;
    args.indptr = indptr_.data();
    args.indices = indices_.front().data();
    args.source = source_;
    args.source_stride = stride_;
    args.num_rows = num_rows_;
    // The larger ones are asked for ahead, and the offsets of the largest do not fit 32 bits.
    args.num_sources = variant % 2 ? kNumSources : int64_t{1} << (variant % 8 ? 20 : 40);
    args.epilogue = e_;
    args.epilogue.out = out.data();
    args.epilogue.out_stride = stride_;
    args.epilogue.is_simple = is_simple_epilogue(args.epilogue);
    args.factors_follow_length = ThresholdCache::factors_follow_length(e_, args.indptr, num_rows_);
    return args;
  }

 private:
  void make_rows(int variant) {
    // Around what changes with the length of a row; in the second half the bits that a sum of 1-bit codes takes, and how
    // many 8-bit codes 16 bits hold.
    static const int kLengths[2][16] = {{1, 2, 3, 5, 6, 10, 16, 17, 84, 85, 0, 4, 254, 7, 11, 520},
                                        {6, 9, 14, 15, 30, 31, 40, 62, 63, 0, 126, 127, 83, 254, 257, 258}};
    std::vector<int32_t> indices;
    indptr_.push_back(0);
    int length = 1;
    for (int64_t row = 0; row < num_rows_; ++row) {
      // Runs of one length, or a new length in every row.
      if (variant % 2 == 0 || random_.integer(0, 15) == 0) length = kLengths[variant / 2 % 2][random_.integer(0, 15)];
      const int count = num_rows_ == kManyRows && row == num_rows_ / 2 ? 20'000 : length;
      for (int i = 0; i < count; ++i) indices.push_back(random_.integer(0, static_cast<int>(kNumSources) - 1));
      indptr_.push_back(static_cast<int64_t>(indices.size()));
      // Mostly some rows have factors of their own, so that they must not use the table of their length.
      const bool is_other = variant % 6 != 5 && random_.integer(0, 19) == 0;
      factors_.push_back((is_other ? 1.5f : 1.0f) / static_cast<float>(std::max(count, 1)));
    }
    indices_.emplace_back(indices);
    if (!RowSchedule::is_possible(kNumSources, stride_)) return;
    constexpr int64_t kBlockRows = 50;  // several, the last one shorter
    const auto make = [&](bool is_sorted, std::unique_ptr<SourceCopy> copy) {
      return std::make_unique<OwnedSchedule>(indptr_.data(), indices.data(), num_rows_, stride_, is_sorted, std::move(copy),
                                             kBlockRows);
    };
    offsets_ = make(false, nullptr);
    const bool has_copy = variant % 4 < 2 && SourceCopy::is_possible(stride_);
    std::unique_ptr<SourceCopy> copy;
    if (has_copy)
      copy = std::make_unique<SourceCopy>(std::vector<int32_t>{30, 7}, kNumSources, stride_, 2 * kBlockRows, kNumSources);
    sorted_ = make(true, std::move(copy));
    if (has_copy) copy_sources();
  }
  void copy_sources() {
    const SourceCopy& copy = *sorted_->copy();
    const LineBuffer lines(copy.num_bytes());
    copy.kernel()(copy.args(source_, lines.data()), 0, copy.num_lines());
    bytes_.emplace_back(std::vector<uint8_t>(lines.data(), lines.data() + copy.num_bytes()));
    copy_ = bytes_.back().data();
  }
  const float* by_length(float scale) {
    std::vector<float> values;
    values.reserve(factors_.size());
    for (const float factor : factors_) values.push_back(scale * factor);
    return keep(values);
  }
  const float* channel(float value) {
    const int64_t padded = (num_channels_ + kChannelPad - 1) / kChannelPad * kChannelPad;
    return keep(std::vector<float>(static_cast<size_t>(padded), value));
  }
  const float* keep(const std::vector<float>& values) {
    floats_.emplace_back(values);
    return floats_.back().data();
  }
  const uint8_t* bytes(int64_t num_rows) {
    bytes_.push_back(random_bytes(random_, num_rows * stride_));
    return bytes_.back().data();
  }
  Law law(int bits) {
    Law law;
    law.num_bits = bits;
    law.truncates = bits < 8 && random_.integer(0, 3) == 0;
    law.qmax = static_cast<float>((1 << bits) - 1);
    law.fine_qmax = law.truncates ? 255.0f : law.qmax;
    law.shift = -3.0f;
    const int divisor = 255 / ((1 << bits) - 1);
    law.inv_divisor = 1.0f / static_cast<float>(divisor);
    law.inv_scale = channel(random_.real(0.3f, 3.0f) * law.fine_qmax / law.qmax);
    law.phase = channel(0.0f);
    law.phase_is_zero = true;
    law.zero_point_is_zero = random_.integer(0, 1) == 0;
    law.zero_point = channel(law.zero_point_is_zero ? 0.0f : 1.0f);
    return law;
  }

  Random& random_;
  int64_t num_rows_, num_channels_, stride_;
  Epilogue e_;
  const uint8_t* source_ = nullptr;
  const uint8_t* copy_ = nullptr;
  std::vector<int64_t> indptr_;
  std::vector<float> factors_;
  std::vector<ReadBuffer<int32_t>> indices_;
  std::unique_ptr<OwnedSchedule> offsets_, sorted_;
  std::vector<ReadBuffer<float>> floats_;
  std::vector<ReadBuffer<uint8_t>> bytes_;
};

// Epilogue of a product that has a table in most variants: the bits of `variant` switch its parts.
class ProductCase {
 public:
  ProductCase(Random& random, int64_t num_rows, int64_t num_channels, int largest_row_sum, int variant)
      : random_(random), num_rows_(num_rows), is_uniform_(variant % 4 == 3) {
    // Sums of about half a code for each unit of the row sum, centred by the row term as weights around 0 are.
    const float unit = 4.0f / static_cast<float>(1 + largest_row_sum);
    e_.num_channels = num_channels;
    e_.is_uniform = is_uniform_ && variant % 3 != 1;
    e_.col_scale = channel(0.2f * unit, unit);
    if (variant % 3) e_.col_term = channel(-unit, 0.0f);
    if (variant % 3 == 1) e_.col_bias = channel(-1.0f, 1.0f);
    e_.has_relu = variant & 2;
    // Factors of either sign, or factors of rows: no table.
    if (variant % 11 == 0) e_.col_scale = channel(-unit, unit);
    if (variant % 13 == 0) e_.row_scale = keep(float_vector(random_, num_rows, 0.5f, 1.0f));
    Law& law = e_.output;
    law.num_bits = 1 << (variant / 2 % 2);
    law.truncates = variant % 5 == 0;
    law.qmax = static_cast<float>((1 << law.num_bits) - 1);
    law.fine_qmax = law.truncates ? 255.0f : law.qmax;
    law.shift = -3.0f;
    law.inv_divisor = law.qmax / 255.0f;
    law.inv_scale = channel(0.5f * law.fine_qmax / law.qmax, law.fine_qmax / law.qmax);
    law.phase = channel(-0.5f, 0.5f);
    law.zero_point = channel(1.0f, 1.0f);
    stride_ = (num_channels * law.num_bits + 7) / 8 + variant % 7;
    e_.is_simple = is_simple_epilogue(e_);
  }

  // One plain law for all channels, whatever their factors, some of them infinite or no number.
  void use_plain_law(int num_bits, int variant) {
    std::vector<float> scale = float_vector(random_, e_.num_channels, -1.0f, 1.0f);
    if (variant % 2 && !scale.empty()) scale.front() = 1e30f;
    if (variant % 3 == 2 && !scale.empty()) scale.back() = __builtin_nanf("");
    scale.resize(static_cast<size_t>((e_.num_channels + kChannelPad - 1) / kChannelPad * kChannelPad), 0.0f);
    e_.col_scale = keep(scale);
    e_.row_scale = nullptr;
    is_uniform_ = true;
    Law& law = e_.output;
    law.num_bits = num_bits;
    law.truncates = false;
    law.qmax = law.fine_qmax = static_cast<float>((1 << num_bits) - 1);
    law.inv_scale = channel(0, 0.3f * law.qmax);
    law.phase_is_zero = variant % 5 < 3;
    law.phase = channel(0, law.phase_is_zero ? 0.0f : -0.25f);
    law.zero_point_is_zero = variant % 2 == 0;
    law.zero_point = channel(0, law.zero_point_is_zero ? 0.0f : law.qmax);
    stride_ = (e_.num_channels * num_bits + 7) / 8 + variant % 7;
    e_.is_uniform = e_.is_simple = false;
  }

  OutputBuffer make_output() const { return OutputBuffer(num_rows_ * stride_); }

  Epilogue bind(OutputBuffer& out) const {
    Epilogue e = e_;
    e.out = out.data();
    e.out_stride = stride_;
    return e;
  }

 private:
  const float* channel(float low, float high) {
    std::vector<float> values = is_uniform_ ? std::vector<float>(static_cast<size_t>(e_.num_channels), high)
                                            : float_vector(random_, e_.num_channels, low, high);
    values.resize(static_cast<size_t>((e_.num_channels + kChannelPad - 1) / kChannelPad * kChannelPad), high);
    return keep(values);
  }
  const float* keep(const std::vector<float>& values) {
    floats_.emplace_back(values);
    return floats_.back().data();
  }

  Random& random_;
  int64_t num_rows_, stride_;
  bool is_uniform_;
  Epilogue e_;
  std::vector<ReadBuffer<float>> floats_;
};

}  // namespace smoothbit
