// spmm, AVX-512 with VBMI, of rows whose channels share one law; all else takes the AVX2 kernel. Rows of 1 bit:
// bits_avx512.h.
//
// A register of 64 bytes holds kParts rows of 16, 32 or 64 bytes:
//
//     neighbours   kParts rows of one length (a graph in degree order has long runs of them), one entry of each at a
//                  time, so that part p of every plane (planes_avx512.h) is that of row p. Up to 2 bits also rows of
//                  other lengths (groups_avx512.h): of one that has ended, zeros.
//     one row      kParts entries of it at a time; the last ones under a mask, so that the only branch is the end
//                  of the loop. Its planes end up side by side: part p of register j is plane kParts * j + p, and the
//                  epilogue takes all of them at once.
//
// The epilogue of a sum that has a table (epilogue/thresholds.h) is a search: at 4 bits four steps, each a byte
// permutation that brings the threshold of the half that is left, and a comparison. Runs of rows of 4 bits, and long ones,
// take the law in words (words_avx512.h) where there is one. Without a table it is float arithmetic on 32-bit lanes cut
// from the planes by shifts: lane i of dword i of the row, never in channel order; most rows of 8 bits take it between the
// entries of the next (interleaved.h).
#if defined(__x86_64__)
#include <algorithm>
#include <memory>
#include <type_traits>

#include "bits_avx512.h"
#include "codes_avx512.h"
#include "float_avx512.h"
#include "groups_avx512.h"
#include "smoothbit/isa.h"
#include "words_avx512.h"

namespace smoothbit {
void spmm_u1_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
void spmm_u2_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
void spmm_u4_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
void spmm_u8_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end);
}  // namespace smoothbit

SMOOTHBIT_BEGIN_AVX512_VBMI
#include "pieces.h"
#include "interleaved.h"

namespace smoothbit {
namespace {

constexpr int64_t kBatch = 8;

// Places place .. place + count - 1, at most kBatch, that have these tables: first all sums, then all codes, so that the
// codes of one row need not wait for its sums.
template <int kBits, int kTerms, class Rows>
SMOOTHBIT_INLINE void search_batch(const Call<kBits, Rows>& call, const ThresholdTable* const* tables,
                                   int64_t place, int64_t count) {
  constexpr int kParts = Rows::kParts;
  __m512i totals[kBatch][kTotals<kBits, kParts>], terms[2];
  for (int64_t byte = 0;; byte += 64) {
    const Rows rows{call.rows.source + byte, call.rows.entries};
    for (int64_t i = 0; i < count; ++i) {
      PlanesAvx512<kBits> sums;
      if (byte == 0) call.template prefetch_places<1>(place + i);
      sums.start();
      sums.add(OneRow<Rows>(rows, call.indptr[place + i], call.indptr[place + i + 1]));
      sums.split();
      join_parts_avx512<kBits, kParts>(sums, totals[i]);
    }
    const __m512i valid = call.valid_at(byte);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = call.row_at(place + i);
      for (int t = 0; t < kTerms; ++t) terms[t] = repeat_row<kParts>(call.term(t, row) + byte);
      const __m512i codes = pack_totals<kBits, kTerms>(Search<kBits>(*tables[i]), call.parts, totals[i], terms);
      store_union<kParts>(call.out(row) + byte, codes, valid);
    }
    if (kParts > 1 || byte == call.last) break;
  }
  for (int64_t i = 0; i < count; ++i) call.clear_after(call.row_at(place + i));
}

// Places [place, end), at least kParts, of one length, by the table of that length, in the quickest way.
template <int kBits, int kTerms, class Rows>
SMOOTHBIT_INLINE void run_of_places(const Call<kBits, Rows>& call, const ThresholdTable& table,
                                    int64_t place, int64_t end) {
  if constexpr (kBits == 4) {
    if (table.has_words && table.words.is_of_bytes(call.length(place)))
      return neighbours<kBits, kTerms>(call, place, end, WordPlanes<kTerms, true>(table.words));
    if (table.has_words) return neighbours<kBits, kTerms>(call, place, end, WordPlanes<kTerms, false>(table.words));
  }
  const Search<kBits> search(table);
  if constexpr (kBits == 2 && kTerms <= 1) {
    const int64_t length = call.length(place);
    if (length <= Nibbles::kMaxLength)
      return neighbours<kBits, kTerms>(call, place, end, LookUpNibbles<kTerms>{Nibbles(search)});
    if (length <= Direct::kMaxLength)
      return neighbours<kBits, kTerms>(call, place, end, LookUpPlanes<kTerms>{Direct(search)});
  }
  neighbours<kBits, kTerms>(call, place, end, SearchPlanes<kBits, kTerms>{search});
}

// Finishes places without a table. `other` takes places too, as the epilogue has tables: it then follows the schedule.
template <int kBits, bool kHasTerm, class Rows>
SMOOTHBIT_INLINE void other_rows(const Call<kBits, Rows>& call, SpmmKernel other, int64_t place,
                                 int64_t end) {
  if (call.e.is_simple)
    float_rows<kBits, kHasTerm>(call, PackedOutput<kBits, kHasTerm, Rows>{call}, place, end);
  else
    other(call.args, place, end);
}

// Finishes places one by one, and returns the first that has no table yet or, if kStopsAtRuns, begins a run. What is
// rare is left to the caller, so that constants stay in registers.
template <int kBits, int kTerms, bool kStopsAtRuns, class Rows>
__attribute__((noinline)) int64_t search_single(const Call<kBits, Rows>& call, int64_t place,
                                                int64_t end) {
  const ThresholdCache& cache = *call.e.thresholds;
  const int64_t max_length = ThresholdCache::max_length(kBits);
  constexpr int64_t kRun = kShortestRun<Rows::kParts>;
  const ThresholdTable* tables[kBatch];
  for (;;) {
    int64_t count = 0;
    for (; count < kBatch && place + count < end; ++count) {
      const int64_t next = place + count, length = call.length(next);
      if (length > max_length || length == 0) break;
      if (kStopsAtRuns && next + kRun <= end && call.template have_length<kRun>(next, length)) break;
      tables[count] = cache.find_ready(call.e, call.row_at(next), length);
      if (!tables[count]) break;
    }
    search_batch<kBits, kTerms>(call, tables, place, count);
    place += count;
    if (count < kBatch) return place;
  }
}

// Finishes kParts places of 2 bits that differ in length, and returns whether it has: if all have tables, and about as
// many entries.
template <int kTerms, class Rows>
__attribute__((noinline)) bool search_group(const Call<2, Rows>& call, const Places<kTerms, Rows>& places, int64_t place) {
  constexpr int kParts = Rows::kParts;
  const ThresholdTable* tables[kParts];
  if (!Group<Rows>::find_tables(call, place, tables)) return false;
  places.finish(call, place, Group<Rows>(call.rows, call.indptr + place, call.length(place)),
                SearchPlanes<2, kTerms, SearchOfParts<kParts>>{SearchOfParts<kParts>(tables)});
  return true;
}

// Finishes kParts places of 2 bits at a time, whatever their lengths, where these tell their factors. Returns the first
// that is better taken otherwise, as it is short, or that has no table.
template <int kTerms, class Rows>
__attribute__((noinline)) int64_t search_groups(const Call<2, Rows>& call, int64_t place, int64_t end) {
  constexpr int kParts = Rows::kParts;
  const Places<kTerms, Rows> places(call);
  while (place + kParts <= end) {
    const int64_t length = call.length(place);
    if (length > ThresholdCache::max_length(2) || length <= (kTerms <= 1 ? Direct::kMaxLength : 0)) break;
    const ThresholdTable* table = call.e.thresholds->find_ready(length);
    if (!table) break;
    if (!call.template have_length<kParts>(place, length)) {
      if (search_group<kTerms>(call, places, place)) place += kParts;
      else place = search_single<2, kTerms, false>(call, place, place + 1);
      continue;
    }
    const SearchPlanes<2, kTerms> codes{Search<2>(*table)};
    Neighbours<Rows> list{call.rows, call.indptr[place], length};
    do {
      places.finish(call, place, list, codes);
      place += kParts;
      list.begin += kParts * length;
    } while (place + kParts <= end && call.template have_length<kParts>(place, length));
  }
  return place;
}

template <int kTerms, int kBits, class Rows>
void all_rows(const Call<kBits, Rows>& call, SpmmKernel other, int64_t place, int64_t end) {
  constexpr int kParts = Rows::kParts;
  if (!call.e.output.num_bits) {
    if constexpr (Channels<kBits, kParts>::kIsPossible) {
      const FloatOutput<kBits, (kTerms > 0), Rows> output{call, {}, spmm_is_streamed(call.args)};
      float_rows<kBits, (kTerms > 0)>(call, output, place, end);
      _mm_sfence();
    }
    return;
  }
  if (!call.has_tables) return other_rows<kBits, (kTerms > 0)>(call, other, place, end);
  if constexpr (kBits < 8) {
    const bool has_runs = call.last == 0;
    while (place < end) {
      if constexpr (kBits == 2 && kParts > 1)
        if (call.args.factors_follow_length) place = search_groups<kTerms>(call, place, end);
      place = has_runs ? search_single<kBits, kTerms, true>(call, place, end)
                       : search_single<kBits, kTerms, false>(call, place, end);
      if (place == end) return;
      const ThresholdTable* table = call.table(place);
      if (!table) {
        const int64_t next = call.after_long_rows(place, end);
        other_rows<kBits, (kTerms > 0)>(call, other, place, next);
        place = next;
        continue;
      }
      const int64_t run = has_runs ? call.run(place, end) : 1;
      if (run >= kShortestRun<kParts> && call.has_factors(*table, place, place + run)) {
        run_of_places<kBits, kTerms>(call, *table, place, place + run);
        place += run;
        continue;
      }
      if (table->at) search_single<kBits, kTerms, false>(call, place, place + 1);
      else if constexpr (kParts == 1) run_of_places<kBits, kTerms>(call, *table, place, place + 1);
      else other_rows<kBits, (kTerms > 0)>(call, other, place, place + 1);
      ++place;
    }
  }
}

template <int kTerms, class Rows>
void all_rows(const Call<1, Rows>& call, SpmmKernel other, int64_t place, int64_t end) {
  if (call.e.output.num_bits) return bit_rows<kTerms>(call, other, place, end);
  bit_values<(kTerms > 0)>(call, spmm_is_streamed(call.args), place, end);
  _mm_sfence();
}

// Bits of the register from byte `begin` on that are codes of a row, the same in all parts.
template <int kParts>
__m512i valid_bits(int64_t row_bits, int64_t begin) {
  alignas(64) uint8_t mask[64];
  for (int64_t i = 0; i < 64; ++i) mask[i] = low_bits(row_bits - 8 * (begin + i % kPartBytes<kParts>));
  return _mm512_load_si512(mask);
}

template <int kBits>
bool has_tables(const Epilogue& e) {
  return e.thresholds && ThresholdCache::fits(e, kBits);
}

template <int kBits, int kParts>
__m512i packed_zero_points(const Law& law) {
  if constexpr (kBits == 1) return _mm512_setzero_si512();
  else return FloatRow<kBits, kParts>::repeat(law.num_bits ? static_cast<int>(law.zero_point[0]) : 0);
}

// Finishes the places [begin, end).
template <int kBits, class Rows>
void run_part(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  constexpr int kParts = Rows::kParts;
  const RowSchedule& schedule = args.schedule;
  const int64_t row_bits = args.epilogue.num_channels * kBits;
  const int64_t last = (row_bits - 1) / 512 * 64;
  const Call<kBits, Rows> call{
      args, args.epilogue, schedule.indptr, schedule.rows, {args.epilogue, schedule.rows, begin, end},
      has_tables<kBits>(args.epilogue), last, valid_bits<kParts>(row_bits, last),
      packed_zero_points<kBits, kParts>(args.epilogue.output), Rows{schedule.source, schedule.offsets},
      SimpleLawAvx512<kBits>(args.epilogue), {}};
  if constexpr (Rows::kIsPrefetched) call.ahead.prefetch_first();
  switch (args.epilogue.num_terms) {
    case 0: return all_rows<0>(call, other, begin, end);
    case 1: return all_rows<1>(call, other, begin, end);
    default:
      if constexpr (kBits == 2) all_rows<2>(call, other, begin, end);
  }
}

template <int kBits, int kParts>
void run(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  static_assert(RowSchedule::kPadding >= kEntriesAhead<kPartBytes<kParts>> + kParts, "what is read after the last entry");
  const auto part = [other](auto has_prefetch, const SpmmArgs& scheduled, int64_t from, int64_t to) {
    run_part<kBits, SourceRows<kParts, decltype(has_prefetch)::value>>(scheduled, other, from, to);
  };
  run_scheduled(args, other, kBits < 8, begin, end, part);
}

// Whether float32 values take no more than SimpleLawAvx512 and a factor of the row.
template <int kBits>
bool has_simple_values(const Epilogue& e) {
  return e.is_simple && !e.output.num_bits && (e.num_terms == 0 || e.terms[0].num_bits == kBits);
}

// Whether the epilogue is one of these: a table, or the law of all channels, on whole registers.
template <int kBits>
bool fits(const SpmmArgs& args, int64_t needed) {
  const Epilogue& e = args.epilogue;
  const bool is_float = spmm_has_wide_floats(kBits, e.num_channels) && has_simple_values<kBits>(e);
  const bool is_packed = has_tables<kBits>(e) || (kBits > 1 && e.is_simple && e.output.num_bits == kBits);
  if (args.weights || !(is_float || is_packed) || e.num_terms > (kBits == 2 ? 2 : 1)) return false;
  bool is_whole = args.source_stride >= needed && (is_float || e.out_stride >= needed);
  if (needed < 64) is_whole = is_whole && args.source_stride == needed;
  for (int t = 0; t < e.num_terms; ++t) is_whole = is_whole && e.terms[t].stride >= needed;
  return is_whole;
}

template <int kBits>
void spmm_avx512(const SpmmArgs& args, SpmmKernel other, int64_t begin, int64_t end) {
  const int64_t row_bytes = (args.epilogue.num_channels * kBits + 7) / 8;
  // A register of four rows needs four planes, which 4 bits have not. Rows of fewer channels are packed closer than a
  // register share (kernels.aligned_row_bytes).
  const int64_t needed = row_bytes > 32 ? (row_bytes + 63) / 64 * 64 : row_bytes > 16 || kBits > 2 ? 32 : 16;
  if (args.epilogue.num_channels > 16 && cpu_has_vbmi() && fits<kBits>(args, needed)) {
    if constexpr (kBits == 8) {
      const auto long_rows = [](const SpmmArgs& rows, int64_t from, int64_t to) { run<8, 1>(rows, spmm_u8_avx2, from, to); };
      if (interleaved_rows<BytesAvx512>(args, long_rows, begin, end)) return;
    }
    if (needed >= 64) return run<kBits, 1>(args, other, begin, end);
    if (needed == 32) return run<kBits, 2>(args, other, begin, end);
    if constexpr (kBits <= 2) return run<kBits, 4>(args, other, begin, end);
  }
  other(args, begin, end);
}

}  // namespace

void spmm_u1_avx512(const SpmmArgs& args, int64_t begin, int64_t end) {
  spmm_avx512<1>(args, spmm_u1_avx2, begin, end);
}
void spmm_u2_avx512(const SpmmArgs& args, int64_t begin, int64_t end) {
  spmm_avx512<2>(args, spmm_u2_avx2, begin, end);
}
void spmm_u4_avx512(const SpmmArgs& args, int64_t begin, int64_t end) {
  spmm_avx512<4>(args, spmm_u4_avx2, begin, end);
}
void spmm_u8_avx512(const SpmmArgs& args, int64_t begin, int64_t end) {
  spmm_avx512<8>(args, spmm_u8_avx2, begin, end);
}

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
