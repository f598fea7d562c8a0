// Unpacks source rows, AVX2: 32 packed bytes at a time; the end of a row goes through a buffer, so nothing is
// read past it.
#if defined(__x86_64__)
#include "unpack.h"

#include <immintrin.h>

#include <algorithm>

#include "../bytes.h"
#include "../target.h"

SMOOTHBIT_BEGIN_TARGET("avx2")
namespace smoothbit {
namespace {

// Bytes of two fields of `width` bits each -> bytes of one field, in order; high fields above low ones.
template <int kWidth>
SMOOTHBIT_INLINE void split_fields_avx2(__m256i fields_u8x32, __m256i halves[2]) {
  const __m256i mask = _mm256_set1_epi8((1 << kWidth) - 1);
  const __m256i even = _mm256_and_si256(fields_u8x32, mask);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi16(fields_u8x32, kWidth), mask);
  const __m256i low = _mm256_unpacklo_epi8(even, odd), high = _mm256_unpackhi_epi8(even, odd);
  halves[0] = _mm256_permute2x128_si256(low, high, 0x20);
  halves[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

// What is known of a row once it is unpacked, in lanes that are to be added up.
struct RowSumsAvx2 {
  __m256i codes_u64x4;
  __m256i products_i32x8;  // of steps 2s and 2s + 1, see multiply_avx2.h
};

// Fields of kWidth bits in each byte -> codes of kBits, one in each byte, stored in order.
template <int kBits, int kWidth, class Store>
SMOOTHBIT_INLINE void split_codes_avx2(__m256i fields_u8x32, Store& store) {
  if constexpr (kWidth == kBits) {
    store(fields_u8x32);
  } else {
    __m256i halves[2];
    split_fields_avx2<kWidth / 2>(fields_u8x32, halves);
    split_codes_avx2<kBits, kWidth / 2>(halves[0], store);
    split_codes_avx2<kBits, kWidth / 2>(halves[1], store);
  }
}

SMOOTHBIT_INLINE __m256i add_codes_avx2(__m256i sums_u64x4, __m256i codes_u8x32) {
  return _mm256_add_epi64(sums_u64x4, _mm256_sad_epu8(codes_u8x32, _mm256_setzero_si256()));
}

// Takes codes in bytes, in order, and stores them for a layout; dot products of bytes (VNNI) need no row products.
template <GemmLayout kLayout, bool kHasProducts = true>
struct StoreAvx2 {
  uint8_t* out;
  RowSumsAvx2& sums;
  __m256i zero_codes;

  SMOOTHBIT_INLINE void operator()(__m256i codes_u8x32) {
    sums.codes_u64x4 = add_codes_avx2(sums.codes_u64x4, codes_u8x32);
    if constexpr (!kHasProducts) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), codes_u8x32);
      out += 32;
    } else if constexpr (kLayout == GemmLayout::bytes) {
      const __m256i lowered_i8x32 = _mm256_add_epi8(codes_u8x32, zero_codes);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), lowered_i8x32);
      // Upper lanes of 32 bits meet zero.
      const __m256i pairs_i16x16 = _mm256_maddubs_epi16(codes_u8x32, _mm256_srli_epi64(lowered_i8x32, 32));
      sums.products_i32x8 =
          _mm256_add_epi32(sums.products_i32x8, _mm256_madd_epi16(pairs_i16x16, _mm256_set1_epi16(1)));
      out += 32;
    } else {
      for (int i = 0; i < 2; ++i) {
        const __m256i codes_i16x16 = _mm256_cvtepu8_epi16(i ? _mm256_extracti128_si256(codes_u8x32, 1)
                                                            : _mm256_castsi256_si128(codes_u8x32));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), codes_i16x16);
        sums.products_i32x8 = _mm256_add_epi32(
            sums.products_i32x8, _mm256_madd_epi16(codes_i16x16, _mm256_srli_epi64(codes_i16x16, 32)));
        out += 32;
      }
    }
  }
};

// Nibbles, each times 16.
template <int kBits>
struct StoreNibblesAvx2 {
  uint8_t* out;
  RowSumsAvx2& sums;

  SMOOTHBIT_INLINE void operator()(__m256i nibbles_u8x32) {
    // Sum of the codes in a nibble: two of 2 bits, or four of 1 bit.
    const __m256i code_sums = _mm256_broadcastsi128_si256(
        kBits == 2 ? _mm_setr_epi8(0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6)
                   : _mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm256_slli_epi16(nibbles_u8x32, 4));
    sums.codes_u64x4 = add_codes_avx2(sums.codes_u64x4, _mm256_shuffle_epi8(code_sums, nibbles_u8x32));
    out += 32;
  }
};

// Codes past `depth` are zero up to the next 256 / kBits codes.
template <int kBits, int kWidth, class Store>
SMOOTHBIT_INLINE void unpack_bytes_avx2(const uint8_t* packed, int64_t depth, Store& store) {
  const int64_t num_bytes = depth * kBits / 8;
  int64_t i = 0;
  for (; i + 32 <= num_bytes; i += 32)
    split_codes_avx2<kWidth, 8>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(packed + i)), store);
  const int last_bits = static_cast<int>(depth * kBits % 8);
  if (i == num_bytes && !last_bits) return;
  // In registers: a load of four words stored just before would wait for them.
  const int64_t left = num_bytes - i, last_word = last_bits ? left / 8 : 4;
  const uint64_t last = last_bits ? (packed[num_bytes] & ((uint64_t{1} << last_bits) - 1)) << (8 * (left % 8)) : 0;
  const auto word = [&](int64_t w) {
    const uint64_t whole = left > 8 * w ? load_bytes(packed + i + 8 * w, std::min<int64_t>(left - 8 * w, 8)) : 0;
    return static_cast<int64_t>(w == last_word ? whole | last : whole);
  };
  split_codes_avx2<kWidth, 8>(_mm256_set_epi64x(word(3), word(2), word(1), word(0)), store);
}

template <GemmLayout kLayout, int kBits, bool kHasProducts = true>
__attribute__((noinline)) GemmRowSums unpack_row_avx2(const uint8_t* packed, int64_t depth, uint64_t zero_codes,
                                                      uint8_t* codes) {
  RowSumsAvx2 sums{_mm256_setzero_si256(), _mm256_setzero_si256()};
  if constexpr (kLayout == GemmLayout::nibbles) {
    StoreNibblesAvx2<kBits> store{codes, sums};
    unpack_bytes_avx2<kBits, 4>(packed, depth, store);
  } else {
    StoreAvx2<kLayout, kHasProducts> store{codes, sums, _mm256_set1_epi64x(static_cast<int64_t>(zero_codes))};
    unpack_bytes_avx2<kBits, kBits>(packed, depth, store);
  }
  const __m128i codes_u64x2 =
      _mm_add_epi64(_mm256_castsi256_si128(sums.codes_u64x4), _mm256_extracti128_si256(sums.codes_u64x4, 1));
  const int32_t sum = static_cast<int32_t>(_mm_cvtsi128_si64(codes_u64x2) + _mm_extract_epi64(codes_u64x2, 1));
  __m128i products = _mm_add_epi32(_mm256_castsi256_si128(sums.products_i32x8),
                                   _mm256_extracti128_si256(sums.products_i32x8, 1));
  products = _mm_add_epi32(products, _mm_shuffle_epi32(products, 0x4e));
  products = _mm_add_epi32(products, _mm_shuffle_epi32(products, 0xb1));
  return {sum, _mm_cvtsi128_si32(products)};
}

using UnpackRowAvx2 = GemmRowSums (*)(const uint8_t*, int64_t, uint64_t, uint8_t*);

template <GemmLayout kLayout, bool kHasProducts = true>
UnpackRowAvx2 choose_unpack_avx2(int bits) {
  switch (bits) {
    case 1: return unpack_row_avx2<kLayout, 1, kHasProducts>;
    case 2: return unpack_row_avx2<kLayout, 2, kHasProducts>;
    case 4: return unpack_row_avx2<kLayout, 4, kHasProducts>;
    default: return unpack_row_avx2<kLayout, 8, kHasProducts>;
  }
}

UnpackRowAvx2 choose_unpack_avx2(const GemmArgs& args) {
  switch (gemm_layout(args)) {
    case GemmLayout::nibbles:
      return args.source_bits == 2 ? unpack_row_avx2<GemmLayout::nibbles, 2> : unpack_row_avx2<GemmLayout::nibbles, 1>;
    case GemmLayout::bytes:
      return args.has_vnni ? choose_unpack_avx2<GemmLayout::bytes, false>(args.source_bits)
                           : choose_unpack_avx2<GemmLayout::bytes>(args.source_bits);
    default: return choose_unpack_avx2<GemmLayout::words>(args.source_bits);
  }
}

}  // namespace

void gemm_unpack_rows_avx2(const GemmArgs& args, int64_t row, int64_t count, uint8_t* codes, GemmRowSums* sums) {
  const UnpackRowAvx2 unpack_row = choose_unpack_avx2(args);
  const int64_t codes_stride = gemm_codes_stride(args);
  for (int64_t r = 0; r < count; ++r)
    sums[r] = unpack_row(args.source + (row + r) * args.source_stride, args.depth, gemm_zero_codes(args),
                         codes + r * codes_stride);
}

}  // namespace smoothbit
SMOOTHBIT_END_TARGET
#endif
