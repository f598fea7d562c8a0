// spmm, AVX-512. Planes, bounds and order as in the AVX2 file, with 64-byte registers:
//
//     slots 1   64 bytes of one source row, 1 to 4 registers a row
//     slots 2   32 bytes (or fewer) of two source rows
//     slots 4   16 bytes (or fewer) of four source rows
//
// Masked loads read exactly the bytes of a row, so there is one path for every stride and length.
#if defined(__x86_64__)
#include <algorithm>

#include "../epilogue/avx512.h"
#include "narrow.h"
#include "planar.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

template <int kBits>
struct Width {
  static constexpr int kPlanes = kBits == 8 ? 2 : 8 / kBits;
  static constexpr int64_t kFlushRows = kBits == 1 ? 255 : kBits == 2 ? 85 : kBits == 4 ? 17 : 257;
  using Sum = std::conditional_t<kBits == 8, uint16_t, uint8_t>;
};

struct Rows {
  const uint8_t* base;  // source + first byte of the block
  int64_t stride;
  const int32_t* indices;
  int64_t prefetch_end;
  int64_t bytes;  // of the block

  const uint8_t* at(int64_t entry) const { return base + indices[entry] * stride; }
  void prefetch(int64_t entry) const {
    entry += bytes > 64 ? kGatherAhead / 2 : kGatherAhead;
    if (entry >= prefetch_end) return;
    const uint8_t* row = at(entry);
    for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch(reinterpret_cast<const char*>(row + i), _MM_HINT_T0);
  }
};

template <int kBits>
SMOOTHBIT_INLINE __m512i add_lanes(__m512i a, __m512i b) {
  return kBits == 8 ? _mm512_add_epi16(a, b) : _mm512_add_epi8(a, b);
}

template <int kBits>
SMOOTHBIT_INLINE void add_planes(__m512i x, __m512i acc[Width<kBits>::kPlanes]) {
  acc[0] = add_lanes<kBits>(acc[0], x);
  for (int k = 1; k < Width<kBits>::kPlanes; ++k) {
    __m512i shifted = _mm512_srli_epi16(x, k * kBits);
    if constexpr (kBits < 8)
      shifted = _mm512_and_si512(shifted, _mm512_set1_epi8(static_cast<char>(0xff >> (k * kBits))));
    acc[k] = add_lanes<kBits>(acc[k], shifted);
  }
}

template <int kBits>
SMOOTHBIT_INLINE void split_planes(__m512i acc[Width<kBits>::kPlanes]) {
  for (int k = 0; k + 1 < Width<kBits>::kPlanes; ++k) {
    __m512i upper = _mm512_slli_epi16(acc[k + 1], kBits);
    if constexpr (kBits < 8) {
      upper = _mm512_and_si512(upper, _mm512_set1_epi8(static_cast<char>(0xff << kBits)));
      acc[k] = _mm512_sub_epi8(acc[k], upper);
    } else {
      acc[k] = _mm512_sub_epi16(acc[k], upper);
    }
  }
}

// Planes -> natural order: 128-bit lane l of acc[q] then holds channels of bytes 16l .. 16l + 15.
template <int kBits>
SMOOTHBIT_INLINE void interleave(__m512i acc[Width<kBits>::kPlanes]) {
  constexpr int kPlanes = Width<kBits>::kPlanes;
  __m512i pairs[kPlanes];
  for (int i = 0; i < kPlanes; i += 2) {
    if constexpr (kBits == 8) {
      pairs[i] = _mm512_unpacklo_epi16(acc[i], acc[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_epi16(acc[i], acc[i + 1]);
    } else {
      pairs[i] = _mm512_unpacklo_epi8(acc[i], acc[i + 1]);
      pairs[i + 1] = _mm512_unpackhi_epi8(acc[i], acc[i + 1]);
    }
  }
  if constexpr (kPlanes == 2) {
    for (int i = 0; i < 2; ++i) acc[i] = pairs[i];
  } else {
    __m512i quads[kPlanes];
    for (int i = 0; i < kPlanes; i += 4)
      for (int j = 0; j < 2; ++j) {
        quads[i + 2 * j] = _mm512_unpacklo_epi16(pairs[i + j], pairs[i + 2 + j]);
        quads[i + 2 * j + 1] = _mm512_unpackhi_epi16(pairs[i + j], pairs[i + 2 + j]);
      }
    if constexpr (kPlanes == 4) {
      for (int i = 0; i < 4; ++i) acc[i] = quads[i];
    } else {
      for (int j = 0; j < 4; ++j) {
        acc[2 * j] = _mm512_unpacklo_epi32(quads[j], quads[4 + j]);
        acc[2 * j + 1] = _mm512_unpackhi_epi32(quads[j], quads[4 + j]);
      }
    }
  }
}

template <int kBits, int kLanes128>
SMOOTHBIT_INLINE void store_planes(__m512i acc[Width<kBits>::kPlanes], typename Width<kBits>::Sum* out) {
  using Sum = typename Width<kBits>::Sum;
  constexpr int kPlanes = Width<kBits>::kPlanes;
  constexpr int kSums = 16 / sizeof(Sum);
  split_planes<kBits>(acc);
  interleave<kBits>(acc);
  for (int q = 0; q < kPlanes; ++q) {
    const auto put = [&](int lane, __m128i sums) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + kSums * (kPlanes * lane + q)), sums);
    };
    put(0, _mm512_castsi512_si128(acc[q]));
    if constexpr (kLanes128 >= 2) put(1, _mm512_extracti32x4_epi32(acc[q], 1));
    if constexpr (kLanes128 == 4) put(2, _mm512_extracti32x4_epi32(acc[q], 2));
    if constexpr (kLanes128 == 4) put(3, _mm512_extracti32x4_epi32(acc[q], 3));
  }
}

SMOOTHBIT_INLINE uint64_t bytes_below(int64_t count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

template <int kBits, int kRegisters>
void gather_whole(const Rows& rows, int64_t begin, int64_t end, typename Width<kBits>::Sum* out) {
  constexpr int kPlanes = Width<kBits>::kPlanes;
  __m512i acc[kRegisters][kPlanes];
  for (int i = 0; i < kRegisters; ++i)
    for (int k = 0; k < kPlanes; ++k) acc[i][k] = _mm512_setzero_si512();
  const __mmask64 last_mask = static_cast<__mmask64>(bytes_below(rows.bytes - 64 * (kRegisters - 1)));
  for (int64_t entry = begin; entry < end; ++entry) {
    rows.prefetch(entry);
    const uint8_t* row = rows.at(entry);
    for (int i = 0; i + 1 < kRegisters; ++i) add_planes<kBits>(_mm512_loadu_si512(row + 64 * i), acc[i]);
    add_planes<kBits>(_mm512_maskz_loadu_epi8(last_mask, row + 64 * (kRegisters - 1)), acc[kRegisters - 1]);
  }
  for (int i = 0; i < kRegisters; ++i) store_planes<kBits, 4>(acc[i], out + i * 64 * 8 / kBits);
}

template <int kBits>
void gather_two(const Rows& rows, int64_t begin, int64_t end, typename Width<kBits>::Sum* out) {
  constexpr int kPlanes = Width<kBits>::kPlanes;
  __m512i acc[kPlanes];
  for (int k = 0; k < kPlanes; ++k) acc[k] = _mm512_setzero_si512();
  const __mmask32 mask = static_cast<__mmask32>(bytes_below(rows.bytes));
  for (int64_t entry = begin; entry < end; entry += 2) {
    rows.prefetch(entry);
    rows.prefetch(entry + 1);
    const bool has_second = entry + 1 < end;
    const uint8_t* second = rows.at(has_second ? entry + 1 : entry);
    const __m512i low = _mm512_zextsi256_si512(_mm256_maskz_loadu_epi8(mask, rows.at(entry)));
    const __m256i high = _mm256_maskz_loadu_epi8(has_second ? mask : 0, second);
    add_planes<kBits>(_mm512_inserti64x4(low, high, 1), acc);
  }
  for (int k = 0; k < kPlanes; ++k)
    acc[k] = add_lanes<kBits>(acc[k], _mm512_castsi256_si512(_mm512_extracti64x4_epi64(acc[k], 1)));
  store_planes<kBits, 2>(acc, out);
}

template <int kBits>
void gather_four(const Rows& rows, int64_t begin, int64_t end, typename Width<kBits>::Sum* out) {
  constexpr int kPlanes = Width<kBits>::kPlanes;
  __m512i acc[kPlanes];
  for (int k = 0; k < kPlanes; ++k) acc[k] = _mm512_setzero_si512();
  const __mmask16 mask = static_cast<__mmask16>(bytes_below(rows.bytes));
  for (int64_t entry = begin; entry < end; entry += 4) {
    __m128i parts[4];
    for (int r = 0; r < 4; ++r) {
      rows.prefetch(entry + r);
      const bool exists = entry + r < end;
      parts[r] = _mm_maskz_loadu_epi8(exists ? mask : 0, rows.at(exists ? entry + r : entry));
    }
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(parts[0]), parts[1], 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(parts[2]), parts[3], 1);
    add_planes<kBits>(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), acc);
  }
  for (int k = 0; k < kPlanes; ++k) {
    acc[k] = add_lanes<kBits>(acc[k], _mm512_castsi256_si512(_mm512_extracti64x4_epi64(acc[k], 1)));
    acc[k] = add_lanes<kBits>(acc[k], _mm512_castsi128_si512(_mm512_extracti32x4_epi32(acc[k], 1)));
  }
  store_planes<kBits, 1>(acc, out);
}

template <int kBits>
using Gather = void (*)(const Rows&, int64_t, int64_t, typename Width<kBits>::Sum*);

// A block of at most 256 channels is 32 bytes at u1, 64 at u2, 128 at u4, 256 at u8.
template <int kBits>
Gather<kBits> choose_gather(int64_t bytes) {
  if (bytes <= 16) return gather_four<kBits>;
  if (bytes <= 32) return gather_two<kBits>;
  if constexpr (kBits == 8) {
    if (bytes > 192) return gather_whole<kBits, 4>;
    if (bytes > 128) return gather_whole<kBits, 3>;
  }
  if constexpr (kBits >= 4)
    if (bytes > 64) return gather_whole<kBits, 2>;
  return gather_whole<kBits, 1>;
}

template <class Sum>
SMOOTHBIT_INLINE void widen(const Sum* narrow, int64_t count, bool is_first, int32_t* sums) {
  for (int64_t i = 0; i < count; i += 16) {
    const __m512i values = load_sums_avx512(narrow + i);
    _mm512_storeu_si512(sums + i,
                        is_first ? values : _mm512_add_epi32(load_sums_avx512(sums + i), values));
  }
}

template <int kBits>
void sum_block(const SpmmArgs& args, int64_t row, int64_t channel, int64_t prefetch_end) {
  using Sum = typename Width<kBits>::Sum;
  constexpr int64_t kFlushRows = Width<kBits>::kFlushRows;
  alignas(64) Sum narrow[kChannelBlock + 256];
  const Epilogue& e = args.epilogue;
  const int64_t count = std::min(kChannelBlock, e.num_channels - channel);
  const Rows rows{args.source + channel * kBits / 8, args.source_stride, args.indices, prefetch_end,
                  (count * kBits + 7) / 8};
  const Gather<kBits> gather = choose_gather<kBits>(rows.bytes);
  const float row_term = e.row_term ? e.row_term[row] : 0.0f;
  const int64_t begin = args.indptr[row], end = args.indptr[row + 1];
  if (end - begin <= kFlushRows) {
    gather(rows, begin, end, narrow);
    finish_row_avx512(e, row, channel, count, narrow, row_term);
    return;
  }
  alignas(64) int32_t sums[kChannelBlock];
  for (int64_t from = begin; from < end; from += kFlushRows) {
    gather(rows, from, std::min(from + kFlushRows, end), narrow);
    widen(narrow, count, from == begin, sums);
  }
  finish_row_avx512(e, row, channel, count, sums, row_term);
}

// Weighted sums of 16 * V channels: a 16-bit multiply-add whose upper half is zero is an exact product.
template <int kBits, int V>
SMOOTHBIT_INLINE void weighted_group(const SpmmArgs& args, int64_t row, int64_t channel, int64_t count,
                                     int32_t* sums) {
  __m512i acc_i32x16[V];
  for (int v = 0; v < V; ++v) acc_i32x16[v] = _mm512_setzero_si512();
  for (int64_t entry = args.indptr[row]; entry < args.indptr[row + 1]; ++entry) {
    const uint8_t* bytes = args.source + args.indices[entry] * args.source_stride + channel * kBits / 8;
    const __m512i weight = _mm512_set1_epi32(static_cast<uint16_t>(args.weights[entry]));
    for (int v = 0; v < V; ++v) {
      const __m512i codes = load_codes_avx512<kBits>(bytes + 2 * kBits * v, V == 1 ? count : 16);
      acc_i32x16[v] = _mm512_add_epi32(acc_i32x16[v], _mm512_madd_epi16(codes, weight));
    }
  }
  for (int v = 0; v < V; ++v) _mm512_storeu_si512(sums + 16 * v, acc_i32x16[v]);
}

template <int kBits>
void weighted_rows(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  const Epilogue& e = args.epilogue;
  alignas(64) int32_t sums[64];
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    int64_t channel = 0;
    for (; channel + 64 <= e.num_channels; channel += 64) {
      weighted_group<kBits, 4>(args, row, channel, 16, sums);
      finish_row_avx512(e, row, channel, 64, sums, row_term);
    }
    for (; channel < e.num_channels; channel += 16) {
      const int64_t count = std::min<int64_t>(16, e.num_channels - channel);
      weighted_group<kBits, 1>(args, row, channel, count, sums);
      finish_row_avx512(e, row, channel, count, sums, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

template <int kBits>
void float_rows(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  constexpr int64_t kNarrowChannels = 32;
  if (args.epilogue.num_channels <= kNarrowChannels) {
    if (const SpmmKernel narrow = narrow_kernel_avx2(args, kBits)) {
      narrow(args, row_begin, row_end);
      return;
    }
  }
  if (args.weights) {
    weighted_rows<kBits>(args, row_begin, row_end);
    return;
  }
  // A table that fits the second-level cache gains nothing from prefetching.
  constexpr int64_t kCacheBytes = 1 << 19;
  const bool is_small = args.num_sources * args.source_stride <= kCacheBytes;
  const int64_t prefetch_end = is_small ? 0 : args.indptr[args.num_rows];
  for (int64_t row = row_begin; row < row_end; ++row) {
    for (int64_t channel = 0; channel < args.epilogue.num_channels; channel += kChannelBlock)
      sum_block<kBits>(args, row, channel, prefetch_end);
    clear_row_padding_serial(args.epilogue, row);
  }
}

// Rows with a table take the 256-bit kernel: most are no wider than its registers, and every CPU that has
// AVX-512 has AVX2.
template <int kBits>
void spmm_avx512(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  if (!spmm_planar_avx2(args, kBits, float_rows<kBits>, row_begin, row_end))
    float_rows<kBits>(args, row_begin, row_end);
}

}  // namespace

void spmm_u1_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<1>(args, begin, end); }
void spmm_u2_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<2>(args, begin, end); }
void spmm_u4_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<4>(args, begin, end); }
void spmm_u8_avx512(const SpmmArgs& args, int64_t begin, int64_t end) { spmm_avx512<8>(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
