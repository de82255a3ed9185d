// Products of a vector with a few others at a time: each of its elements is loaded once for all of
// them, and no sum waits for the one before it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace fathom::train {

/// Vectors that another one meets at a time.
inline constexpr int64_t kSideBySide = 4;

template <typename T>
using Vectors = std::array<T*, kSideBySide>;
template <typename T>
using Numbers = std::array<T, kSideBySide>;

/// The products of `x` with each of the vectors, of `size` elements.
Numbers<float> Dots(const float* x, const Vectors<float>& vectors, int64_t size);
Numbers<double> Dots(const double* x, const Vectors<double>& vectors, int64_t size);

/// Adds each vector, scaled by its number, to `sum`.
void AddScaled(const Numbers<float>& scales, const Vectors<float>& vectors, float* sum,
               int64_t size);
void AddScaled(const Numbers<double>& scales, const Vectors<double>& vectors, double* sum,
               int64_t size);

/// Calls visit(first, vectors, n) for `n` of the `count` vectors at(0), at(1), .. from `first` on.
/// Where n is less than kSideBySide, the last one stands for those that are missing.
template <typename T, typename At, typename Visit>
void ForSideBySide(int64_t count, const At& at, const Visit& visit) {
  for (int64_t first = 0; first < count; first += kSideBySide) {
    Vectors<T> vectors;
    for (int64_t k = 0; k < kSideBySide; ++k)
      vectors[static_cast<size_t>(k)] = at(std::min(first + k, count - 1));
    visit(first, vectors, std::min(kSideBySide, count - first));
  }
}

/// numbers[0], numbers[stride], .. for `n` vectors, and 0 for those that are missing.
template <typename T>
Numbers<T> TakeNumbers(const T* numbers, int64_t stride, int64_t n) {
  Numbers<T> some = {};
  for (int64_t k = 0; k < n; ++k) some[static_cast<size_t>(k)] = numbers[k * stride];
  return some;
}

/// dots[i * stride] = x . at(i) for each of `count` vectors.
template <typename T, typename At>
void DotEach(const T* x, int64_t count, const At& at, int64_t size, T* dots, int64_t stride) {
  ForSideBySide<T>(count, at, [&](int64_t first, const Vectors<T>& vectors, int64_t n) {
    const Numbers<T> some = Dots(x, vectors, size);
    for (int64_t k = 0; k < n; ++k) dots[(first + k) * stride] = some[static_cast<size_t>(k)];
  });
}

/// Adds scales[i * stride] * at(i) to `sum` for each of `count` vectors.
template <typename T, typename At>
void AddEachScaled(const T* scales, int64_t stride, int64_t count, const At& at, T* sum,
                   int64_t size) {
  ForSideBySide<T>(count, at, [&](int64_t first, const Vectors<T>& vectors, int64_t n) {
    AddScaled(TakeNumbers(scales + first * stride, stride, n), vectors, sum, size);
  });
}

}  // namespace fathom::train
