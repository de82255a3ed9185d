// The fastest that a tier reads and multiplies: what its other kernels are held against.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/simd/row_lines.inl.h"

namespace fathom::kernels::simd {

template <class F>
uint32_t ProbeRead(const std::byte* data, int64_t bytes) noexcept {
  using I = typename F::Ints;
  constexpr int64_t kAhead = 16 << 10;
  I sums[2] = {I::Broadcast(0), I::Broadcast(0)};
  for (int64_t i = 0; i < bytes; i += kProbeGrain) {
    AskForPage(data + i + kAhead, kProbeGrain);
    for (int j = 0; j < 2; ++j) sums[j] = sums[j] + I::LoadRaw(data + i + 64 * j);
  }
  float lanes[16];
  FloatOf(sums[0] + sums[1]).Store(lanes);
  uint32_t sum = 0;
  for (const float lane : lanes) sum += std::bit_cast<uint32_t>(lane);
  return sum;
}

/// `p`, but as far as the compiler knows another pointer each time: what is loaded from it can
/// neither be moved out of a loop nor folded.
template <class T>
const T* Disguise(const T* p) {
  asm volatile("" : "+r"(p));
  return p;
}

/// The 16 lanes as one sum: in float32 it could be inexact.
template <class F>
double SumExactly(F lanes) {
  float values[16];
  lanes.Store(values);
  double sum = 0;
  for (const float value : values) sum += value;
  return sum;
}

/// Steps of a register tile of kRows * kTokens products of vectors. A Product has an Operand with
/// its Ones(), and a Sum with its Zero(), Add(sum, w, x) and Count(sum).
///
/// The loops over a tile are unrolled whatever GCC thinks of their length: one that is not keeps
/// the sums in memory, where adding to them takes three times as long.
template <class Product, int kRows, int kTokens>
double ProbeProducts(int64_t steps) noexcept {
  typename Product::Operand ones[kRows + kTokens];
  for (auto& one : ones) one = Product::Ones();
  typename Product::Sum sums[kRows * kTokens];
#pragma GCC unroll 32
  for (auto& sum : sums) sum = Product::Zero();
  for (int64_t i = 0; i < steps; ++i) {
    const auto* operands = Disguise(ones);
    typename Product::Operand w[kRows];
#pragma GCC unroll 32
    for (int r = 0; r < kRows; ++r) w[r] = Product::Hold(operands[r]);
#pragma GCC unroll 32
    for (int t = 0; t < kTokens; ++t) {
      const auto x = Product::Hold(operands[kRows + t]);
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r)
        sums[t * kRows + r] = Product::Add(sums[t * kRows + r], w[r], x);
    }
  }
  double count = 0;
#pragma GCC unroll 32
  for (const auto& sum : sums) count += Product::Count(sum);
  return count;
}

template <class F>
struct Float32Probe {
  using Operand = F;
  using Sum = F;
  static F Ones() { return F::Broadcast(1); }
  static F Hold(F a) { return Pinned(a); }
  static F Zero() { return F::Zero(); }
  static F Add(F sum, F w, F x) { return MulAdd(w, x, sum); }
  static double Count(F sum) { return SumExactly(sum); }
};

/// Dots is as in indexer.inl.h. Its sums may have 16 bits, which hold two ones a step for
/// kMaxProbeSteps.
template <class F, class Dots>
struct ByteProbe {
  using Operand = typename F::Ints;
  using Sum = typename F::Ints;
  static Operand Ones() { return Operand::Broadcast(0x01010101); }
  static Operand Hold(Operand a) { return BitsOf(Pinned(FloatOf(a))); }
  static Sum Zero() { return Sum::Broadcast(0); }
  static Sum Add(Sum sum, Operand w, Operand x) { return Hold(Dots::Add(sum, w, x)); }
  static double Count(Sum sum) { return SumExactly(ToFloat(Dots::Finish(sum, 0))); }
};

/// A tile with as many sums as the matrix product's.
template <class F>
double ProbeFloat32(int64_t steps) noexcept {
  return ProbeProducts<Float32Probe<F>, 2 * F::kTileRows, F::kTileTokens>(steps);
}
/// Integer additions are quick: four sums suffice to cover them, more would not fit with AVX2.
template <class F, class Dots>
double ProbeBytes(int64_t steps) noexcept {
  return ProbeProducts<ByteProbe<F, Dots>, 2, 2>(steps);
}

}  // namespace fathom::kernels::simd
