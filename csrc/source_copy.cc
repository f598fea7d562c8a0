// Which sources a copy holds, and where; and making it.
#include "smoothbit/source_copy.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace smoothbit {
namespace {

constexpr size_t kClasses = 33;

// 0 for the greatest counts.
size_t use_class(uint32_t count) {
  size_t bits = 0;
  for (; count; count >>= 1) ++bits;
  return kClasses - 1 - bits;
}

template <int64_t kBytes>
void copy_lines(const CopyArgs& args, int64_t begin, int64_t end) {
  constexpr int64_t kRows = SourceCopy::kLineBytes / kBytes;
  for (int64_t line = begin; line < end; ++line) {
    uint8_t* out = args.out + args.lines[line] * SourceCopy::kLineBytes;
    for (int64_t i = 0; i < kRows; ++i, out += kBytes) {
      const uint8_t* row = args.source + args.rows[line * kRows + i] * kBytes;
#if defined(__SSE2__)
      if constexpr (kBytes >= 16) {
        const __m128i* from = reinterpret_cast<const __m128i*>(row);
        for (int64_t v = 0; v < kBytes / 16; ++v)
          _mm_stream_si128(reinterpret_cast<__m128i*>(out) + v, _mm_loadu_si128(from + v));
        continue;
      }
#endif
      std::memcpy(out, row, kBytes);
    }
  }
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

std::vector<SourceUse> count_uses(const int64_t* indptr, const int32_t* indices, int64_t num_rows, int64_t num_sources,
                                  int64_t bin_rows) {
  std::vector<SourceUse> uses(static_cast<size_t>(num_sources));
  uint16_t bin = 0;
  for (int64_t begin = 0; begin < num_rows; begin += bin_rows) {
    ++bin;
    for (int64_t i = indptr[begin]; i < indptr[std::min(begin + bin_rows, num_rows)]; ++i) {
      SourceUse& use = uses[static_cast<size_t>(indices[i])];
      ++use.entries;
      use.bins = static_cast<uint16_t>(use.bins + (use.last_bin != bin));
      use.last_bin = bin;
    }
  }
  return uses;
}

}  // namespace

std::vector<int32_t> sources_by_use(const std::vector<SourceUse>& uses) {
  std::array<size_t, kClasses + 1> first{};
  for (const SourceUse& use : uses) ++first[use_class(use.entries) + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<int32_t> sources(first[kClasses - 1]);
  for (size_t source = 0; source < uses.size(); ++source)
    if (const uint32_t count = uses[source].entries) sources[first[use_class(count)]++] = static_cast<int32_t>(source);
  return sources;
}

std::unique_ptr<SourceCopy> SourceCopy::if_it_pays(const int64_t* indptr, const int32_t* indices, int64_t num_rows,
                                                   int64_t num_sources, int64_t row_bytes, const Parts& parts) {
  constexpr int64_t kMaxBinnedBytes = 32;
  const int64_t bin_rows = parts.bin_bytes / row_bytes;
  const std::vector<SourceUse> uses = count_uses(indptr, indices, num_rows, num_sources, bin_rows);
  std::vector<int32_t> by_use = sources_by_use(uses);
  const int64_t num_used = static_cast<int64_t>(by_use.size());
  const auto total = [&](int64_t begin, int64_t end, const auto& count) {
    return std::accumulate(by_use.begin() + begin, by_use.begin() + end, int64_t{0},
                           [&](int64_t sum, int32_t source) { return sum + uses[static_cast<size_t>(source)].*count; });
  };
  const int64_t often = std::min(num_used, parts.often_bytes / row_bytes), third = std::min(num_used, num_sources / 3);
  int64_t num_binned = row_bytes <= kMaxBinnedBytes ? total(often, num_used, &SourceUse::bins) : 0;
  if (num_binned >= 2 * num_sources && 2 * total(often, num_used, &SourceUse::entries) <= 3 * num_binned) {
    by_use.resize(static_cast<size_t>(often));
  } else {
    if (2 * total(0, third, &SourceUse::entries) < indptr[num_rows]) return nullptr;
    if (std::is_sorted(by_use.begin(), by_use.end())) return nullptr;
    num_binned = 0;
  }
  return std::make_unique<SourceCopy>(by_use, num_sources, row_bytes, bin_rows, num_binned);
}

SourceCopy::SourceCopy(const std::vector<int32_t>& often, int64_t num_sources, int64_t row_bytes, int64_t bin_rows,
                       int64_t num_binned)
    : num_sources_(num_sources), row_bytes_(row_bytes), bin_rows_(bin_rows), has_bins_(num_binned > 0),
      places_(static_cast<size_t>(num_sources)), is_often_(static_cast<size_t>(num_sources + 63) / 64),
      is_in_bin_(is_often_.size()), rows_(often.begin(), often.end()) {
  rows_.reserve(rows_.size() + static_cast<size_t>(num_binned));
  for (size_t i = 0; i < rows_.size(); ++i) {
    places_[static_cast<size_t>(rows_[i])] = static_cast<int32_t>(i);
    is_often_[static_cast<size_t>(rows_[i]) / 64] |= uint64_t{1} << (rows_[i] % 64);
  }
  fill_line();
}

void SourceCopy::start_bin(const int32_t* begin, const int32_t* end) {
  if (!has_bins_) return;
  std::fill(is_in_bin_.begin(), is_in_bin_.end(), 0);
  for (; begin < end; ++begin) is_in_bin_[static_cast<size_t>(*begin) / 64] |= uint64_t{1} << (*begin % 64);
  for (size_t word = 0; word < is_in_bin_.size(); ++word)
    for (uint64_t bits = is_in_bin_[word] & ~is_often_[word]; bits; bits &= bits - 1) {
      const size_t source = 64 * word + static_cast<size_t>(__builtin_ctzll(bits));
      places_[source] = static_cast<int32_t>(rows_.size());
      rows_.push_back(static_cast<int32_t>(source));
    }
  fill_line();
}

void SourceCopy::fill_line() {
  while (rows_.size() % static_cast<size_t>(kLineBytes / row_bytes_)) rows_.push_back(rows_.back());
}

void SourceCopy::finish() {
  places_ = {};
  is_often_ = {};
  is_in_bin_ = {};
  // A counting sort of lines by their first source.
  const size_t per_line = static_cast<size_t>(kLineBytes / row_bytes_), num_lines = rows_.size() / per_line;
  std::vector<int32_t> next(static_cast<size_t>(num_sources_) + 1);
  for (size_t line = 0; line < num_lines; ++line) ++next[static_cast<size_t>(rows_[line * per_line]) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  LargeVector<int32_t> rows(rows_.size());
  lines_.resize(num_lines);
  for (size_t line = 0; line < num_lines; ++line) {
    const auto from = rows_.begin() + static_cast<int64_t>(line * per_line);
    const int32_t at = next[static_cast<size_t>(*from)]++;
    std::copy_n(from, per_line, rows.begin() + at * static_cast<int64_t>(per_line));
    lines_[static_cast<size_t>(at)] = static_cast<int32_t>(line);
  }
  rows_ = std::move(rows);
}

SourceCopy::Kernel SourceCopy::kernel() const {
  switch (row_bytes_) {
    case 8: return copy_lines<8>;
    case 16: return copy_lines<16>;
    case 32: return copy_lines<32>;
    default: return copy_lines<64>;
  }
}

}  // namespace smoothbit
