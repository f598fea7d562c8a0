// pack and unpack, NEON: 8 codes at a time.
#if defined(__aarch64__)
#include "smoothbit/pack.h"

#include <algorithm>

#include "../epilogue/neon.h"

namespace smoothbit {
namespace {

template <int kBits>
void pack_neon(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  const uint32x4_t mask = vdupq_n_u32((1u << kBits) - 1);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* codes = args.codes + row * args.num_channels;
    uint8_t* packed = args.packed + row * args.stride;
    for (int64_t c = 0; c < args.num_channels; c += 8) {
      const int64_t count = std::min<int64_t>(8, args.num_channels - c);
      CodeOctet octet = spread_word_neon<8>(load_bytes(codes + c, count));
      octet = {vandq_u32(octet.low, mask), vandq_u32(octet.high, mask)};
      store_bytes(packed + c * kBits / 8, gather_word_neon<kBits>(octet), (count * kBits + 7) / 8);
    }
    const int64_t used = (args.num_channels * kBits + 7) / 8;
    if (used < args.stride) std::memset(packed + used, 0, static_cast<size_t>(args.stride - used));
  }
}

template <int kBits>
void unpack_neon(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* packed = args.source + row * args.stride;
    uint8_t* codes = args.unpacked + row * args.num_channels;
    for (int64_t c = 0; c < args.num_channels; c += 8) {
      const int64_t count = std::min<int64_t>(8, args.num_channels - c);
      const uint64_t word = load_bytes(packed + c * kBits / 8, (count * kBits + 7) / 8);
      store_bytes(codes + c, gather_word_neon<8>(spread_word_neon<kBits>(word)), count);
    }
  }
}

}  // namespace

void pack_u1_neon(const PackArgs& args, int64_t begin, int64_t end) { pack_neon<1>(args, begin, end); }
void pack_u2_neon(const PackArgs& args, int64_t begin, int64_t end) { pack_neon<2>(args, begin, end); }
void pack_u4_neon(const PackArgs& args, int64_t begin, int64_t end) { pack_neon<4>(args, begin, end); }
void pack_u8_neon(const PackArgs& args, int64_t begin, int64_t end) { pack_neon<8>(args, begin, end); }
void unpack_u1_neon(const PackArgs& args, int64_t begin, int64_t end) { unpack_neon<1>(args, begin, end); }
void unpack_u2_neon(const PackArgs& args, int64_t begin, int64_t end) { unpack_neon<2>(args, begin, end); }
void unpack_u4_neon(const PackArgs& args, int64_t begin, int64_t end) { unpack_neon<4>(args, begin, end); }
void unpack_u8_neon(const PackArgs& args, int64_t begin, int64_t end) { unpack_neon<8>(args, begin, end); }

}  // namespace smoothbit
#endif
