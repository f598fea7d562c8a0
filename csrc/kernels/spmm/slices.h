// Sums of rows of 1 bit in slices: bit i of the sums of all channels of a register is one register. To be included in the
// brackets of a target (target.h), as templates are not shared between targets.
//
// Entries are counted by carry-save addition. Three registers of one weight become two:
//
//     a + b + c = parity(a, b, c) + 2 majority(a, b, c)
//
// so that four entries take three such steps for their ones, twos and fours, and two operations for each weight above.
//
// Nothing is compared with a threshold T (epilogue/thresholds.h): counts start at 2^kSlices - T, and those that reach it pass
// 2^kSlices. A channel has one threshold for each code of its terms, so that a bit of where it starts is a polynomial of the
// codes, modulo 2:
//
//     start_i = p0 + p1 c                         one term
//     start_i = p0 + p1 c + p2 d + p3 c d         two
//
// What has passed is a row of packed codes, in the order of the channels.
#pragma once

namespace smoothbit {
namespace {

// Counts modulo 2^kSlices for each bit of a register, and whether one has passed that. Bits has the Vector; parity and majority
// of three of them; a move of each part of 128 bits to the place of another; and of lanes of 32 bits one number repeated,
// differences, and bit i of each.
template <class Bits, int kSlices>
struct Slices {
  using Vector = typename Bits::Vector;
  Vector slice[kSlices], passed;

  SMOOTHBIT_INLINE void clear() {
    for (int i = 0; i < kSlices; ++i) slice[i] = Bits::repeat(0);
    passed = Bits::repeat(0);
  }
  // Adds one register of weight 2^kFrom.
  template <int kFrom>
  SMOOTHBIT_INLINE void carry(Vector x) {
    for (int i = kFrom; i < kSlices; ++i) {
      const Vector next = slice[i] & x;
      slice[i] ^= x;
      x = next;
    }
    passed |= x;
  }
  // Adds registers of weight 2^kAt, and returns what is carried.
  template <int kAt>
  SMOOTHBIT_INLINE Vector add(Vector a) {
    const Vector carried = slice[kAt] & a;
    slice[kAt] ^= a;
    return carried;
  }
  template <int kAt>
  SMOOTHBIT_INLINE Vector add(Vector a, Vector b) {
    const Vector carried = Bits::majority(slice[kAt], a, b);
    slice[kAt] = Bits::parity(slice[kAt], a, b);
    return carried;
  }
  SMOOTHBIT_INLINE void add_four(Vector a, Vector b, Vector c, Vector d) {
    const Vector low = add<0>(a, b), high = add<0>(c, d);
    carry<2>(add<1>(low, high));
  }
  // Adds the registers first(), x(1), .. of a list that is not empty.
  template <class List>
  SMOOTHBIT_INLINE void add_list(const List& list) {
    const Vector first = list.first();
    const int rest = static_cast<int>((list.count - 1) % 4 + 1);
    if (rest == 1) {
      carry<0>(first);
    } else if (rest == 2) {
      carry<1>(add<0>(first, list.x(1)));
    } else if (rest == 3) {
      const Vector low = add<0>(first, list.x(1)), high = add<0>(list.x(2));
      carry<2>(add<1>(low, high));
    } else {
      add_four(first, list.x(1), list.x(2), list.x(3));
    }
    for (int64_t i = rest; i < list.count; i += 4)
      add_four(list.x(i), list.x(i + 1), list.x(i + 2), list.x(i + 3));
  }
  // Adds to each part of 128 bits what the one kDistance from it has counted.
  template <int kDistance>
  SMOOTHBIT_INLINE void join() {
    Vector carried = Bits::repeat(0);
    for (int i = 0; i < kSlices; ++i) {
      const Vector other = Bits::template move<kDistance>(slice[i]), sum = Bits::parity(slice[i], other, carried);
      carried = Bits::majority(slice[i], other, carried);
      slice[i] = sum;
    }
    passed |= Bits::template move<kDistance>(passed) | carried;
  }
};

// The least sum that is coded as 1, for the codes of the terms.
SMOOTHBIT_INLINE int bit_threshold(const ThresholdTable& table, int code) { return table.at[code] + ThresholdTable::kBias + 1; }

// What becomes of the entries of a list and the codes of its terms.
template <class Bits, int kSlices, int kTerms>
class CountBits {
 public:
  using Vector = typename Bits::Vector;
  using Sums = Slices<Bits, kSlices>;

  explicit CountBits(const ThresholdTable& table)
      : CountBits([&table](int code) { return Bits::repeat(bit_threshold(table, code)); }) {}
  // `thresholds(code)` has the thresholds of that code in lanes of 32 bits.
  template <class Thresholds>
  SMOOTHBIT_INLINE explicit CountBits(const Thresholds& thresholds) {
    Vector factors[kCodes];
    for (int code = 0; code < kCodes; ++code) factors[code] = Bits::subtract(Bits::repeat(1 << kSlices), thresholds(code));
    for (int t = 0; t < kTerms; ++t)
      for (int code = 0; code < kCodes; ++code)
        if (code >> t & 1) factors[code] ^= factors[code ^ (1 << t)];
    for (int i = 0; i <= kSlices; ++i)
      for (int code = 0; code < kCodes; ++code) factors_[i][code] = Bits::subtract(Bits::repeat(0), Bits::bit(factors[code], i));
  }
  // Packed output codes; `terms` are packed codes.
  template <class List>
  SMOOTHBIT_INLINE Vector operator()(const List& list, const Vector* terms) const {
    Sums sums = start(terms, Bits::repeat(-1));
    sums.add_list(list);
    return sums.passed;
  }
  // Sums before any entry, where `counted`; others are 0.
  SMOOTHBIT_INLINE Sums start(const Vector* terms, Vector counted) const {
    Sums sums;
    for (int i = 0; i < kSlices; ++i) sums.slice[i] = bit(i, terms) & counted;
    sums.passed = bit(kSlices, terms) & counted;
    return sums;
  }

 private:
  static constexpr int kCodes = 1 << kTerms;

  SMOOTHBIT_INLINE Vector bit(int i, const Vector* terms) const {
    Vector x = factors_[i][0];
    if constexpr (kTerms >= 1) x ^= factors_[i][1] & terms[0];
    if constexpr (kTerms == 2) x ^= (factors_[i][2] ^ (factors_[i][3] & terms[0])) & terms[1];
    return x;
  }

  Vector factors_[kSlices + 1][kCodes];
};

// Calls act(the least kSlices of which `length` entries are less than 2^kSlices).
template <class Act>
SMOOTHBIT_INLINE void with_slices(int64_t length, const Act& act) {
  if (length < 4) return act(std::integral_constant<int, 2>());
  if (length < 8) return act(std::integral_constant<int, 3>());
  if (length < 16) return act(std::integral_constant<int, 4>());
  if (length < 32) return act(std::integral_constant<int, 5>());
  if (length < 64) return act(std::integral_constant<int, 6>());
  act(std::integral_constant<int, 8>());
}

}  // namespace
}  // namespace smoothbit
