// Inputs of the native parity program: guarded memory, graphs, epilogues with every part.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "smoothbit/epilogue.h"

namespace smoothbit {

// Choices from bytes, as long as there are any, then from a generator.
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  Random(const uint8_t* data, size_t size) : engine_(static_cast<uint32_t>(size)), data_(data), end_(data + size) {}

  int integer(int low, int high) {
    const uint32_t count = static_cast<uint32_t>(high - low) + 1;
    return low + static_cast<int>(draw(count <= 1 << 8 ? 1 : count <= 1 << 16 ? 2 : 4) % count);
  }
  float real(float low, float high) {
    if (has_any_float && low < high && integer(0, 3) == 0) return any_float();
    const uint32_t fraction = end_ - data_ >= 2 ? draw(2) << 8 : engine_() >> 8;
    return low + (high - low) * static_cast<float>(fraction) * (1.0f / 16777216.0f);
  }

  bool has_any_float = false;  // some reals are NaN, infinite, denormal or huge

 private:
  uint32_t draw(int num_bytes) {
    if (end_ - data_ < num_bytes) return static_cast<uint32_t>(engine_());
    uint32_t value = 0;
    for (int i = 0; i < num_bytes; ++i) value = value << 8 | *data_++;
    return value;
  }
  float any_float() {
    const uint32_t bits = draw(4);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  std::mt19937 engine_;
  const uint8_t* data_ = nullptr;
  const uint8_t* end_ = nullptr;
};

#if defined(SMOOTHBIT_HEAP_INPUTS)
// Read-only input of exactly its bytes on the heap: a sanitizer or valgrind sees each byte beside them.
template <class T>
class ReadBuffer {
 public:
  explicit ReadBuffer(const std::vector<T>& values) : memory_(new uint8_t[offset(values) + values.size() * sizeof(T)]) {
    data_ = memory_.get() + offset(values);
    if (!values.empty()) std::memcpy(data_, values.data(), values.size() * sizeof(T));
  }
  const T* data() const { return reinterpret_cast<const T*>(data_); }

 private:
  // Starts anywhere that its type allows.
  static size_t offset(const std::vector<T>& values) { return values.size() % 16 * sizeof(T); }

  std::unique_ptr<uint8_t[]> memory_;
  uint8_t* data_;
};
#else
// Read-only input whose last byte is the last byte of a page; the page after it cannot be read.
template <class T>
class ReadBuffer {
 public:
  explicit ReadBuffer(const std::vector<T>& values) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = values.size() * sizeof(T);
    size_ = (bytes + page - 1) / page * page + page;
    void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    base_ = static_cast<uint8_t*>(memory);
    if (mprotect(base_ + size_ - page, page, PROT_NONE) != 0) std::abort();
    data_ = base_ + size_ - page - bytes;
    if (bytes) std::memcpy(data_, values.data(), bytes);
  }
  ~ReadBuffer() {
    if (base_) munmap(base_, size_);
  }
  ReadBuffer(ReadBuffer&& other) noexcept : base_(other.base_), data_(other.data_), size_(other.size_) {
    other.base_ = nullptr;
  }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  const T* data() const { return reinterpret_cast<const T*>(data_); }

 private:
  uint8_t* base_;
  uint8_t* data_;
  size_t size_;
};
#endif

// Output between guard bytes, full of ones before each run.
class OutputBuffer {
 public:
  explicit OutputBuffer(int64_t bytes) : bytes_(static_cast<size_t>(bytes)), memory_(bytes_ + 2 * kGuard) {
    reset();
  }
  void reset() {
    std::fill(memory_.begin(), memory_.end(), uint8_t{0xA5});
    std::fill(memory_.begin() + kGuard, memory_.end() - kGuard, uint8_t{0xFF});
  }
  uint8_t* data() { return memory_.data() + kGuard; }
  bool operator==(const OutputBuffer& other) const { return memory_ == other.memory_; }
  bool is_intact() const {
    for (size_t i = 0; i < kGuard; ++i)
      if (memory_[i] != 0xA5 || memory_[memory_.size() - 1 - i] != 0xA5) return false;
    return true;
  }

 private:
  static constexpr size_t kGuard = 64;
  size_t bytes_;
  std::vector<uint8_t> memory_;
};

class AlignedMemory {
 public:
  explicit AlignedMemory(int64_t bytes) : memory_(new uint8_t[static_cast<size_t>(bytes) + 64]) {}
  void* data() {
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory_.get());
    return memory_.get() + (64 - address % 64) % 64;
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
};

inline ReadBuffer<uint8_t> random_bytes(Random& random, int64_t count) {
  std::vector<uint8_t> values(static_cast<size_t>(count));
  const bool is_extreme = random.integer(0, 3) == 0;
  for (uint8_t& value : values) value = static_cast<uint8_t>(is_extreme ? 255 : random.integer(0, 255));
  return ReadBuffer<uint8_t>(values);
}

inline ReadBuffer<uint8_t> full_bytes(int64_t count) {
  return ReadBuffer<uint8_t>(std::vector<uint8_t>(static_cast<size_t>(count), 255));
}

inline ReadBuffer<int16_t> random_weights(Random& random, int64_t count) {
  std::vector<int16_t> values(static_cast<size_t>(count));
  for (int16_t& value : values) value = static_cast<int16_t>(random.integer(-32767, 32767));
  return ReadBuffer<int16_t>(values);
}

inline ReadBuffer<int32_t> random_sums(Random& random, int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  for (int32_t& value : values) value = random.integer(0, 9) == 0 ? INT32_MAX - 64 : random.integer(-3000, 3000);
  return ReadBuffer<int32_t>(values);
}

inline std::vector<float> float_vector(Random& random, int64_t count, float low, float high) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = random.real(low, high);
  return values;
}

inline ReadBuffer<float> random_floats(Random& random, int64_t count) {
  return ReadBuffer<float>(float_vector(random, count, -2.0f, 2.0f));
}

// Memory on cache lines.
class LineBuffer {
 public:
  explicit LineBuffer(int64_t bytes) : memory_(static_cast<uint8_t*>(std::aligned_alloc(64, static_cast<size_t>(bytes)))) {}
  uint8_t* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };
  std::unique_ptr<uint8_t[], Free> memory_;
};

struct Graph {
  std::vector<int64_t> indptr;
  std::vector<int32_t> indices;
};

inline Graph make_graph(Random& random, int64_t num_rows, int64_t num_sources, int hub) {
  Graph graph;
  graph.indptr.push_back(0);
  for (int64_t row = 0; row < num_rows; ++row) {
    const int degree = row == num_rows / 2 ? hub : random.integer(0, 9);
    for (int i = 0; i < degree; ++i)
      graph.indices.push_back(random.integer(0, static_cast<int>(num_sources) - 1));
    graph.indptr.push_back(static_cast<int64_t>(graph.indices.size()));
  }
  return graph;
}

constexpr int kNumVariants = 60;

// Random parameters of an epilogue; the bits of a hash of `variant` switch its parts.
class EpilogueCase {
 public:
  EpilogueCase(Random& random, int64_t num_rows, int64_t num_channels, int variant)
      : random_(random), num_rows_(num_rows), num_channels_(num_channels) {
    const uint32_t parts = static_cast<uint32_t>(variant) * 2654435761u >> 12;
    e_.num_channels = num_channels;
    e_.col_scale = channel(-0.5f, 0.5f);
    if (parts & 1) e_.row_term = row(), e_.col_term = channel(-1.0f, 1.0f);
    if (parts & 2) e_.row_scale = row();
    if (parts & 4) e_.col_bias = channel(-2.0f, 2.0f);
    if (parts & 8) {
      e_.aggregate = law(2, parts & 16);
      e_.aggregate_step = channel(-1.0f, 1.0f);
      e_.aggregate_offset = channel(-1.0f, 1.0f);
    }
    for (uint32_t t = 0; t < (parts >> 5 & 7) && t < kMaxTerms; ++t) add_term((parts >> (8 + 2 * t)) & 3, t == 1);
    e_.has_relu = parts & 1024;
    if (parts & 2048) e_.output_row_scale = row();
    const int output = static_cast<int>(parts >> 12 & 7);
    if (output < 6) e_.output = law(1 << (output & 3), output >= 4);
    else if (parts & 1 << 15) e_.out_rows = permutation();
    extra_ = e_.output.num_bits ? random.integer(0, 9) : 0;
  }

  OutputBuffer make_output() const { return OutputBuffer(num_rows_ * row_bytes()); }

  void drop_row_term() { e_.row_term = nullptr; }

  Epilogue bind(OutputBuffer& out) const {
    Epilogue e = e_;
    e.out = out.data();
    e.out_stride = e_.output.num_bits ? row_bytes() : num_channels_;
    return e;
  }

 private:
  int64_t row_bytes() const {
    return e_.output.num_bits ? (num_channels_ * e_.output.num_bits + 7) / 8 + extra_ : num_channels_ * 4;
  }
  // Channel arrays are padded as epilogue.h promises the kernels; the padding is NaN, which must not matter.
  const float* channel(float low, float high) {
    std::vector<float> values = float_vector(random_, num_channels_, low, high);
    const int64_t padded = (num_channels_ + kChannelPad - 1) / kChannelPad * kChannelPad;
    values.resize(static_cast<size_t>(padded), __builtin_nanf(""));
    return keep(values);
  }
  const float* row() { return keep(float_vector(random_, num_rows_, 0.1f, 1.0f)); }
  const int32_t* permutation() {
    std::vector<int32_t> rows(static_cast<size_t>(num_rows_));
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t j = static_cast<size_t>(random_.integer(0, static_cast<int>(i)));
      rows[i] = rows[j];
      rows[j] = static_cast<int32_t>(i);
    }
    rows_.emplace_back(rows);
    return rows_.back().data();
  }
  const float* keep(const std::vector<float>& values) {
    floats_.emplace_back(values);
    return floats_.back().data();
  }
  Law law(int bits, bool truncates) {
    Law law;
    law.num_bits = bits;
    law.truncates = truncates && bits < 8;
    law.qmax = static_cast<float>((1 << bits) - 1);
    law.fine_qmax = law.truncates ? 255.0f : law.qmax;
    law.shift = -7.0f;
    const int divisor = 255 / ((1 << bits) - 1);
    law.inv_divisor = 1.0f / static_cast<float>(divisor);
    law.inv_scale = channel(0.02f, 0.5f);
    law.phase_is_zero = random_.integer(0, 1) == 0;
    law.phase = law.phase_is_zero ? channel(0.0f, 0.0f) : channel(0.5f, 0.5f);
    law.zero_point_is_zero = random_.integer(0, 1) == 0;
    law.zero_point = law.zero_point_is_zero ? channel(0.0f, 0.0f) : channel(3.0f, 3.0f);
    return law;
  }
  void add_term(uint32_t kind, bool is_float) {
    Term& term = e_.terms[e_.num_terms++];
    term.num_bits = is_float ? 32 : 1 << kind;
    term.is_uniform = random_.integer(0, 1) == 0;
    const float step = random_.real(-1.0f, 1.0f);
    term.step = term.is_uniform ? channel(step, step) : channel(-1.0f, 1.0f);
    if (kind & 1) term.row_scale = row();
    if (is_float) {
      term.stride = num_channels_;
      term.data = keep(float_vector(random_, num_rows_ * num_channels_, -3.0f, 3.0f));
      return;
    }
    term.offset = term.is_uniform ? channel(step, step) : channel(-1.0f, 1.0f);
    term.stride = (num_channels_ * term.num_bits + 7) / 8 + random_.integer(0, 3);
    bytes_.push_back(random_bytes(random_, num_rows_ * term.stride));
    term.data = bytes_.back().data();
  }

  Random& random_;
  int64_t num_rows_, num_channels_, extra_ = 0;
  Epilogue e_;
  std::vector<ReadBuffer<float>> floats_;
  std::vector<ReadBuffer<uint8_t>> bytes_;
  std::vector<ReadBuffer<int32_t>> rows_;
};

}  // namespace smoothbit
