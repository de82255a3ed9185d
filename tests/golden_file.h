// Test vectors and the models that they belong to.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/thread_pool.h"
#include "checkpoint/directory.h"
#include "checkpoint/safetensors.h"
#include "model/config.h"
#include "model/model.h"
#include "model/weights_loader.h"

namespace fathom::tests {

/// The path of a file of this repository.
inline std::string SourcePath(const std::string& path) {
  return std::string(FATHOM_SOURCE_DIR) + "/" + path;
}

/// A safetensors file of test vectors. A missing file or tensor fails the test.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& path);

  bool Has(const std::string& name) const;
  tensor::Shape ShapeOf(const std::string& name) const { return Entry(name).shape; }

  /// The elements of a tensor; T must be the stored type.
  template <typename T>
  std::vector<T> Get(const std::string& name) const {
    const auto& entry = Entry(name);
    if (tensor::SizeOf(entry.dtype) != sizeof(T)) throw std::runtime_error(name + ": wrong type");
    std::vector<T> values((entry.end - entry.begin) / sizeof(T));
    std::memcpy(values.data(), file_.bytes().data() + entry.begin, entry.end - entry.begin);
    return values;
  }

 private:
  const checkpoint::TensorEntry& Entry(const std::string& name) const;

  base::MappedFile file_;
  std::vector<checkpoint::TensorEntry> entries_;
};

/// A checkpoint of this repository, loaded. Throws what is wrong with it, which fails the test.
struct TestModel {
  TestModel(const std::string& directory, int threads = 2);

  base::ThreadPool pool;
  model::ModelConfig config;
  model::LoadedWeights weights;
};

/// |a - b| / |b| of the vectors [begin, begin + n).
double RelativeError(const float* a, const float* b, int64_t n);

/// The q-quantile (0 .. 1) of the values.
double Quantile(std::vector<double> values, double q);

/// Index of the largest of n values.
int64_t ArgMax(const float* values, int64_t n);

}  // namespace fathom::tests
