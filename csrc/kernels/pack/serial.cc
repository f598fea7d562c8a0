// pack and unpack, portable: one byte of packed codes at a time.
#include "smoothbit/pack.h"

namespace smoothbit {
namespace {

template <int kBits>
void pack_serial(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  constexpr int kPerByte = 8 / kBits;
  constexpr int kMask = (1 << kBits) - 1;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* codes = args.codes + row * args.num_channels;
    uint8_t* packed = args.packed + row * args.stride;
    for (int64_t byte = 0; byte < args.stride; ++byte) {
      int bits = 0;
      for (int k = 0; k < kPerByte && byte * kPerByte + k < args.num_channels; ++k)
        bits |= (codes[byte * kPerByte + k] & kMask) << (k * kBits);
      packed[byte] = static_cast<uint8_t>(bits);
    }
  }
}

template <int kBits>
void unpack_serial(const PackArgs& args, int64_t row_begin, int64_t row_end) {
  constexpr int kPerByte = 8 / kBits;
  constexpr int kMask = (1 << kBits) - 1;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const uint8_t* packed = args.source + row * args.stride;
    uint8_t* codes = args.unpacked + row * args.num_channels;
    for (int64_t c = 0; c < args.num_channels; ++c)
      codes[c] = static_cast<uint8_t>((packed[c / kPerByte] >> (c % kPerByte * kBits)) & kMask);
  }
}

}  // namespace

void pack_u1_serial(const PackArgs& args, int64_t begin, int64_t end) { pack_serial<1>(args, begin, end); }
void pack_u2_serial(const PackArgs& args, int64_t begin, int64_t end) { pack_serial<2>(args, begin, end); }
void pack_u4_serial(const PackArgs& args, int64_t begin, int64_t end) { pack_serial<4>(args, begin, end); }
void pack_u8_serial(const PackArgs& args, int64_t begin, int64_t end) { pack_serial<8>(args, begin, end); }
void unpack_u1_serial(const PackArgs& args, int64_t begin, int64_t end) { unpack_serial<1>(args, begin, end); }
void unpack_u2_serial(const PackArgs& args, int64_t begin, int64_t end) { unpack_serial<2>(args, begin, end); }
void unpack_u4_serial(const PackArgs& args, int64_t begin, int64_t end) { unpack_serial<4>(args, begin, end); }
void unpack_u8_serial(const PackArgs& args, int64_t begin, int64_t end) { unpack_serial<8>(args, begin, end); }

}  // namespace smoothbit
