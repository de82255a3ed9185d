#include "train/side_by_side.h"

namespace fathom::train {
namespace {

template <typename T>
[[gnu::always_inline]] inline Numbers<T> AllDots(const T* x, const Vectors<T>& vectors,
                                                 int64_t size) {
  const auto [a, b, c, d] = vectors;
  T sum_a = 0, sum_b = 0, sum_c = 0, sum_d = 0;
#pragma omp simd reduction(+ : sum_a, sum_b, sum_c, sum_d)
  for (int64_t i = 0; i < size; ++i) {
    sum_a += x[i] * a[i];
    sum_b += x[i] * b[i];
    sum_c += x[i] * c[i];
    sum_d += x[i] * d[i];
  }
  return {sum_a, sum_b, sum_c, sum_d};
}

template <typename T>
[[gnu::always_inline]] inline void AddAllScaled(const Numbers<T>& scales, const Vectors<T>& vectors,
                                                T* sum, int64_t size) {
  const auto [a, b, c, d] = vectors;
  const auto [scale_a, scale_b, scale_c, scale_d] = scales;
#pragma omp simd
  for (int64_t i = 0; i < size; ++i)
    sum[i] += (scale_a * a[i] + scale_b * b[i]) + (scale_c * c[i] + scale_d * d[i]);
}

}  // namespace

// Floats are a good part of a training's time and are compiled for wider vectors too; gradients are
// checked in double precision. The names are levels, which any processor that has them takes:
// `arch=haswell` is for those only that the compiler knows to be one or its successor.
#define FATHOM_FOR_EACH_LEVEL [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]

FATHOM_FOR_EACH_LEVEL Numbers<float> Dots(const float* x, const Vectors<float>& vectors,
                                          int64_t size) {
  return AllDots(x, vectors, size);
}

Numbers<double> Dots(const double* x, const Vectors<double>& vectors, int64_t size) {
  return AllDots(x, vectors, size);
}

FATHOM_FOR_EACH_LEVEL void AddScaled(const Numbers<float>& scales, const Vectors<float>& vectors,
                                     float* sum, int64_t size) {
  AddAllScaled(scales, vectors, sum, size);
}

void AddScaled(const Numbers<double>& scales, const Vectors<double>& vectors, double* sum,
               int64_t size) {
  AddAllScaled(scales, vectors, sum, size);
}

}  // namespace fathom::train
