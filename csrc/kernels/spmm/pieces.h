// Rows of a call that has no schedule: a schedule of some hundred of them at a time. To be included in the brackets of a
// target (target.h), as templates are not shared between targets.
//
// The first call of a matrix has none, as making one takes about as long as the call. The kernels that know only offsets get
// what smoothbit/schedule.h makes of a matrix and keeps, made of a piece that stays in the caches.
#pragma once

namespace smoothbit {
namespace {

class Piece {
 public:
  Piece(const SpmmArgs& args, bool is_sorted)
      : piece_(args), args_(args), units_(static_cast<int>(args.source_stride / RowSchedule::kUnit)), is_sorted_(is_sorted) {
    piece_.epilogue.is_streamed = spmm_is_streamed(args);  // by all rows
  }

  // Finishes rows from `row` on, at most up to `end`, by run(args, begin, end), and returns the first that is left: `row`, if
  // that is too long.
  template <class Run>
  int64_t run_from(int64_t row, int64_t end, const Run& run) {
    const int64_t* indptr = args_.indptr;
    end = std::min(end, row + kMaxRows);
    end = std::upper_bound(indptr + row, indptr + end + 1, indptr[row] + kMaxEntries) - indptr - 1;
    if (end <= row) return row;
    if (is_sorted_) {
      sort(row, end);
      run(piece_, 0, end - row);
    } else {
      keep(indptr[row], indptr[end]);
      run(piece_, row, end);
    }
    return end;
  }

 private:
  static constexpr int64_t kMaxRows = 1 << 11, kMaxEntries = 1 << 14;
  static constexpr int64_t kLongest = 127;  // longer rows keep their sequence

  // Rows by falling length.
  void sort(int64_t begin, int64_t end) {
    sort_by_length<kLongest>(args_.indptr, begin, end, rows_);
    int64_t next = indptr_[0] = 0;
    for (int64_t place = 0; place < end - begin; ++place) {
      append(args_.indptr[rows_[place]], args_.indptr[rows_[place] + 1], next);
      indptr_[place + 1] = next;
    }
    std::fill_n(offsets_ + next, RowSchedule::kPadding, 0u);
    piece_.num_rows = end - begin;
    piece_.schedule = {indptr_, offsets_, rows_, args_.source};
  }

  // Rows and entries with the numbers that they have, and the entries after them, to be asked for.
  void keep(int64_t begin, int64_t end) {
    int64_t next = 0;
    append(begin, std::min(end + RowSchedule::kPadding, args_.indptr[args_.num_rows]), next);
    std::fill(offsets_ + next, offsets_ + (end - begin) + RowSchedule::kPadding, 0u);
    const uintptr_t first = reinterpret_cast<uintptr_t>(offsets_) - static_cast<uintptr_t>(begin) * sizeof *offsets_;
    piece_.schedule = {args_.indptr, reinterpret_cast<const uint32_t*>(first), nullptr, args_.source};
  }

  // Entries [begin, end) from offsets_[next] on, eight at once where eight can be read.
  void append(int64_t begin, int64_t end, int64_t& next) {
    uint32_t* out = offsets_ + next;
    next += end - begin;
    const int32_t *at = args_.indices + begin, *last = args_.indices + end;
    const int32_t* readable = args_.indices + args_.indptr[args_.num_rows] - 8;
    const __m256i units = _mm256_set1_epi32(units_);
    for (; at < last && at <= readable; at += 8, out += 8)
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                          _mm256_mullo_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), units));
    for (; at < last; ++at, ++out) *out = static_cast<uint32_t>(*at) * static_cast<uint32_t>(units_);
  }

  SpmmArgs piece_;
  const SpmmArgs& args_;
  int units_;  // between source rows
  bool is_sorted_;
  int64_t indptr_[kMaxRows + 1];
  int32_t rows_[kMaxRows];
  uint32_t offsets_[kMaxEntries + RowSchedule::kPadding + 8];
};

// run(has_prefetch, args, begin, end) of rows that have a schedule; `other` takes what cannot have one.
template <class Run>
void run_scheduled(const SpmmArgs& args, SpmmKernel other, bool is_sorted, int64_t row, int64_t end, const Run& run) {
  const bool has_prefetch = is_prefetched(args.num_sources, args.source_stride);
  const auto run_places = [&](const SpmmArgs& scheduled, int64_t from, int64_t to) {
    if (has_prefetch) run(std::true_type(), scheduled, from, to);
    else run(std::false_type(), scheduled, from, to);
  };
  if (args.schedule.offsets) return run_places(args, row, end);
  if (!RowSchedule::is_possible(args.num_sources, args.source_stride)) return other(args, row, end);
  const auto piece = std::make_unique<Piece>(args, is_sorted);
  while (row < end) {
    const int64_t next = piece->run_from(row, end, run_places);
    if (next == row) other(args, row, row + 1);
    row = std::max(next, row + 1);
  }
}

}  // namespace
}  // namespace smoothbit
