// Any bytes are a safetensors file or an error, and what is accepted lies within the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto tensors = fathom::checkpoint::ParseSafetensors(file, "fuzz");
  if (!tensors.ok()) {
    FATHOM_CHECK(tensors.error().message.find('\n') == std::string::npos);
    return 0;
  }
  uint64_t covered = 0;
  for (const auto& entry : *tensors) {
    FATHOM_CHECK(entry.begin <= entry.end && entry.end <= size);
    const fathom::tensor::TensorView view{entry.dtype, entry.shape, file.data() + entry.begin};
    FATHOM_CHECK(static_cast<uint64_t>(view.bytes()) == entry.end - entry.begin);
    covered += entry.end - entry.begin;
  }
  FATHOM_CHECK(covered <= size);
  return 0;
}
