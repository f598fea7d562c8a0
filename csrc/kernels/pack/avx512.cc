// pack and unpack, AVX-512: 16 codes at a time, the last ones under a mask.
#if defined(__x86_64__)
#include "smoothbit/pack.h"

#include <algorithm>

#include "../epilogue/avx512.h"

SMOOTHBIT_BEGIN_AVX512
namespace smoothbit {
namespace {

template <int kBits>
void pack_avx512(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  const __m512i mask = _mm512_set1_epi32((1 << kBits) - 1);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* codes = args.codes + row * args.num_channels;
    uint8_t* packed = args.packed + row * args.stride;
    for (int64_t c = 0; c < args.num_channels; c += 16) {
      const int64_t count = std::min<int64_t>(16, args.num_channels - c);
      const __m512i codes_i32x16 = _mm512_and_si512(load_codes_avx512<8>(codes + c, count), mask);
      store_codes_avx512<kBits>(packed + c * kBits / 8, codes_i32x16, count);
    }
    const int64_t used = (args.num_channels * kBits + 7) / 8;
    if (used < args.stride) std::memset(packed + used, 0, static_cast<size_t>(args.stride - used));
  }
}

template <int kBits>
void unpack_avx512(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* packed = args.source + row * args.stride;
    uint8_t* codes = args.unpacked + row * args.num_channels;
    for (int64_t c = 0; c < args.num_channels; c += 16) {
      const int64_t count = std::min<int64_t>(16, args.num_channels - c);
      store_codes_avx512<8>(codes + c, load_codes_avx512<kBits>(packed + c * kBits / 8, count), count);
    }
  }
}

}  // namespace

void pack_u1_avx512(const PackArgs& args, int64_t begin, int64_t end) { pack_avx512<1>(args, begin, end); }
void pack_u2_avx512(const PackArgs& args, int64_t begin, int64_t end) { pack_avx512<2>(args, begin, end); }
void pack_u4_avx512(const PackArgs& args, int64_t begin, int64_t end) { pack_avx512<4>(args, begin, end); }
void pack_u8_avx512(const PackArgs& args, int64_t begin, int64_t end) { pack_avx512<8>(args, begin, end); }
void unpack_u1_avx512(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx512<1>(args, begin, end); }
void unpack_u2_avx512(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx512<2>(args, begin, end); }
void unpack_u4_avx512(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx512<4>(args, begin, end); }
void unpack_u8_avx512(const PackArgs& args, int64_t begin, int64_t end) { unpack_avx512<8>(args, begin, end); }

}  // namespace smoothbit
SMOOTHBIT_END_AVX512
#endif
