#include "checkpoint/fingerprint.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "checkpoint/directory.h"

namespace fathom::checkpoint {
namespace {

// The end of a part is marked by its length in front: no two lists of parts look the same.
void AddText(std::string_view text, base::DigestBuilder* digest) {
  const auto length = static_cast<uint64_t>(text.size());
  digest->Add(std::as_bytes(std::span(&length, 1)));
  digest->Add(std::as_bytes(std::span(text)));
}

base::Status AddTensor(const TensorDirectory& directory, const StoredTensor& tensor,
                       base::DigestBuilder* digest) {
  AddText(WithoutModelPrefix(tensor.name), digest);
  AddText(tensor::NameOf(tensor.view.dtype), digest);
  const auto rank = static_cast<uint64_t>(tensor.view.shape.size());
  digest->Add(std::as_bytes(std::span(&rank, 1)));
  for (const int64_t extent : tensor.view.shape) digest->Add(std::as_bytes(std::span(&extent, 1)));
  std::array<std::byte, kSampledBytes> sample;
  const auto start = std::span(sample).first(std::min<size_t>(kSampledBytes, tensor.bytes()));
  FATHOM_TRY(directory.Read(tensor, start));
  digest->Add(start);
  return {};
}

}  // namespace

base::Result<base::Digest> DigestTensors(const std::string& directory) {
  // Read and not mapped: a disk that fails is an error here, and no signal.
  FATHOM_ASSIGN(const TensorDirectory tensors, TensorDirectory::Open(directory, {}, Access::kRead));
  std::vector<const StoredTensor*> sorted;
  for (const StoredTensor& tensor : tensors.tensors()) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {},
                    [](const StoredTensor* tensor) { return WithoutModelPrefix(tensor->name); });
  base::DigestBuilder digest;
  for (const StoredTensor* tensor : sorted) FATHOM_TRY(AddTensor(tensors, *tensor, &digest));
  return digest.Finish();
}

}  // namespace fathom::checkpoint
