// Random choices that are the same on every platform: the distributions of the standard library are
// not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>

namespace fathom::data {

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}

  uint64_t Bits() { return bits_(); }
  /// In [0, bound). The bias of the remainder is below 2^-40 for bounds below 2^24.
  uint64_t Below(uint64_t bound) { return bits_() % bound; }
  /// In [least, most].
  int64_t Between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(Below(static_cast<uint64_t>(most - least + 1)));
  }
  /// In [0, 1).
  double Uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  bool Chance(double probability) { return Uniform() < probability; }
  /// An element of a container that is not empty.
  template <typename Container>
  const auto& Pick(const Container& from) {
    return from[static_cast<size_t>(Below(from.size()))];
  }

 private:
  std::mt19937_64 bits_;
};

/// A seed that looks unrelated for each of the pairs.
constexpr uint64_t MixSeed(uint64_t seed, uint64_t index) {
  uint64_t x = seed + index * 0x9E3779B97F4A7C15u + 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace fathom::data
