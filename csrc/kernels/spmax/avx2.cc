// spmax, AVX2: codes are compared where they lie.
//
// A byte of a row holds 8/b codes. Masked to one of them, bytes compare as their codes do, whatever its place:
//
//     b = 4    x & 0F: low codes      x & F0: high codes, 16 times as large      each by an unsigned byte maximum
//
// The union of these maxima is the packed row of the largest codes, so that nothing is unpacked for an entry, only
// once for an output row. At 1 bit the largest is the union itself.
#if defined(__x86_64__)
#include <algorithm>

#include "../epilogue/avx2.h"
#include "../prefetch.h"
#include "smoothbit/spmm.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {


// The places of a code in a byte, each with its running maximum.
template <int kBits>
class Largest {
 public:
  SMOOTHBIT_INLINE void start() {
    for (int k = 0; k < kPlaces; ++k) codes_[k] = _mm256_setzero_si256();
  }
  SMOOTHBIT_INLINE void add(__m256i row) {
    if constexpr (kBits == 1) {
      codes_[0] = _mm256_or_si256(codes_[0], row);
    } else if constexpr (kBits == 8) {
      codes_[0] = _mm256_max_epu8(codes_[0], row);
    } else {
      for (int k = 0; k < kPlaces; ++k) {
        const __m256i mask = _mm256_set1_epi8(static_cast<char>(((1 << kBits) - 1) << (k * kBits)));
        codes_[k] = _mm256_max_epu8(codes_[k], _mm256_and_si256(row, mask));
      }
    }
  }
  SMOOTHBIT_INLINE __m256i packed() const {
    __m256i all = codes_[0];
    for (int k = 1; k < kPlaces; ++k) all = _mm256_or_si256(all, codes_[k]);
    return all;
  }

 private:
  static constexpr int kPlaces = kBits == 2 ? 4 : kBits == 4 ? 2 : 1;
  __m256i codes_[kPlaces];
};

// Packed maxima of bytes [byte, byte + 32), or of the `rest` < 32 that a row has left.
template <int kBits, bool kIsWhole>
SMOOTHBIT_INLINE void largest_block(const SpmmArgs& args, int64_t row, int64_t byte, int64_t rest, uint8_t* out) {
  const int64_t begin = args.indptr[row], end = args.indptr[row + 1], last = args.indptr[args.num_rows];
  Largest<kBits> largest;
  largest.start();
  for (int64_t entry = begin; entry < end; ++entry) {
    const uint8_t* source = args.source + args.indices[entry] * args.source_stride + byte;
    if (entry + kEntriesAhead<32> < last)
      prefetch_row(args.source + args.indices[entry + kEntriesAhead<32>] * args.source_stride + byte);
    if constexpr (kIsWhole) {
      largest.add(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(source)));
    } else {
      const auto word = [&](int k) {
        return rest > 8 * k ? static_cast<int64_t>(load_bytes(source + 8 * k, std::min<int64_t>(rest - 8 * k, 8))) : 0;
      };
      __m256i bytes = _mm256_castsi128_si256(_mm_set_epi64x(word(1), word(0)));
      if (rest > 16) bytes = _mm256_inserti128_si256(bytes, _mm_set_epi64x(word(3), word(2)), 1);
      largest.add(bytes);
    }
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), largest.packed());
}

template <int kBits>
void spmax_avx2(const SpmmArgs& args, int64_t row_begin, int64_t row_end) {
  alignas(64) uint8_t packed[kChannelBlock + 32];
  alignas(64) int32_t largest[kChannelBlock];
  const Epilogue& e = args.epilogue;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float row_term = e.row_term ? e.row_term[row] : 0.0f;
    for (int64_t begin = 0; begin < e.num_channels; begin += kChannelBlock) {
      const int64_t count = std::min(kChannelBlock, e.num_channels - begin);
      const int64_t first = begin * kBits / 8, bytes = (count * kBits + 7) / 8;
      for (int64_t b = 0; b < bytes; b += 32) {
        if (bytes - b >= 32) largest_block<kBits, true>(args, row, first + b, 32, packed + b);
        else largest_block<kBits, false>(args, row, first + b, bytes - b, packed + b);
      }
      for (int64_t i = 0; i < count; i += 8)
        _mm256_store_si256(reinterpret_cast<__m256i*>(largest + i),
                           spread_word_avx2<kBits>(load_bytes(packed + i * kBits / 8, kBits)));
      finish_row_avx2(e, row, begin, count, largest, row_term);
    }
    clear_row_padding_serial(e, row);
  }
}

}  // namespace

void spmax_u1_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_avx2<1>(args, begin, end); }
void spmax_u2_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_avx2<2>(args, begin, end); }
void spmax_u4_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_avx2<4>(args, begin, end); }
void spmax_u8_avx2(const SpmmArgs& args, int64_t begin, int64_t end) { spmax_avx2<8>(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
