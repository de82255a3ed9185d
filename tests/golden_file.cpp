#include "golden_file.h"

#include <algorithm>

namespace fathom::tests {
namespace {

template <typename T>
T ValueOrThrow(base::Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

}  // namespace

GoldenFile::GoldenFile(const std::string& path)
    : file_(ValueOrThrow(base::MappedFile::Open(path))),
      entries_(ValueOrThrow(checkpoint::ParseSafetensors(file_.bytes(), path))) {}

bool GoldenFile::Has(const std::string& name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const auto& entry) { return entry.name == name; });
}

const checkpoint::TensorEntry& GoldenFile::Entry(const std::string& name) const {
  for (const auto& entry : entries_)
    if (entry.name == name) return entry;
  throw std::runtime_error(file_.path() + ": no tensor " + name);
}

TestModel::TestModel(const std::string& directory, int threads)
    : pool(threads),
      config(ValueOrThrow(model::LoadConfig(directory))),
      weights(ValueOrThrow(model::LoadedWeights::Load(
          ValueOrThrow(checkpoint::TensorDirectory::Open(directory)), config, pool))) {}

double RelativeError(const float* a, const float* b, int64_t n) {
  double difference = 0;
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return std::sqrt(difference / norm);
}

double Quantile(std::vector<double> values, double q) {
  const auto rank = static_cast<ptrdiff_t>(std::ceil(q * static_cast<double>(values.size()))) - 1;
  const auto nth = values.begin() + std::max<ptrdiff_t>(rank, 0);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

int64_t ArgMax(const float* values, int64_t n) {
  return std::max_element(values, values + n) - values;
}

}  // namespace fathom::tests
