// pack and unpack, AVX2: 32 codes at a time, then 8, then what is left.
#if defined(__x86_64__)
#include "smoothbit/pack.h"

#include <algorithm>

#include "../epilogue/avx2.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

template <int kBits>
SMOOTHBIT_INLINE __m256i widen_codes(const uint8_t* codes) {
  const __m256i values = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes)));
  return _mm256_and_si256(values, _mm256_set1_epi32((1 << kBits) - 1));
}

template <int kBits>
void pack_avx2(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* codes = args.codes + row * args.num_channels;
    uint8_t* packed = args.packed + row * args.stride;
    int64_t c = 0;
    for (; c + 32 <= args.num_channels; c += 32) {
      __m256i codes_i32x8[4];
      for (int v = 0; v < 4; ++v) codes_i32x8[v] = widen_codes<kBits>(codes + c + 8 * v);
      store_chunk_avx2<kBits>(packed + c * kBits / 8, codes_i32x8);
    }
    for (; c < args.num_channels; c += 8) {
      uint8_t group[8] = {};
      const int64_t count = std::min<int64_t>(8, args.num_channels - c);
      std::memcpy(group, codes + c, static_cast<size_t>(count));
      const uint64_t word = gather_word_avx2<kBits>(widen_codes<kBits>(group));
      store_bytes(packed + c * kBits / 8, word, (count * kBits + 7) / 8);
    }
    const int64_t used = (args.num_channels * kBits + 7) / 8;
    if (used < args.stride) std::memset(packed + used, 0, static_cast<size_t>(args.stride - used));
  }
}

template <int kBits>
void unpack_avx2(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* packed = args.source + row * args.stride;
    uint8_t* codes = args.unpacked + row * args.num_channels;
    int64_t c = 0;
    for (; c + 32 <= args.num_channels; c += 32) {
      __m256i codes_i32x8[4];
      load_codes_avx2<kBits, 4>(packed + c * kBits / 8, codes_i32x8);
      store_chunk_avx2<8>(codes + c, codes_i32x8);
    }
    for (; c < args.num_channels; c += 8) {
      const int64_t count = std::min<int64_t>(8, args.num_channels - c);
      const uint64_t word = load_bytes(packed + c * kBits / 8, (count * kBits + 7) / 8);
      store_bytes(codes + c, gather_word_avx2<8>(spread_word_avx2<kBits>(word)), count);
    }
  }
}

}  // namespace

void pack_u1_avx2(const PackArgs& args, int64_t begin, int64_t end) { pack_avx2<1>(args, begin, end); }
void pack_u2_avx2(const PackArgs& args, int64_t begin, int64_t end) { pack_avx2<2>(args, begin, end); }
void pack_u4_avx2(const PackArgs& args, int64_t begin, int64_t end) { pack_avx2<4>(args, begin, end); }
void pack_u8_avx2(const PackArgs& args, int64_t begin, int64_t end) { pack_avx2<8>(args, begin, end); }
void unpack_u1_avx2(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx2<1>(args, begin, end); }
void unpack_u2_avx2(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx2<2>(args, begin, end); }
void unpack_u4_avx2(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx2<4>(args, begin, end); }
void unpack_u8_avx2(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx2<8>(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
