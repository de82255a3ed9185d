// The repository's checkpoints, for tests that damage them and write them elsewhere.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "checkpoint/directory.h"
#include "checkpoint/writer.h"

namespace fathom::model {

inline const std::string kRecall = FATHOM_SOURCE_DIR "/tests/models/recall";
inline const std::string kNanoFlash = FATHOM_SOURCE_DIR "/tests/goldens/nano-flash";
inline const std::string kNanoPro = FATHOM_SOURCE_DIR "/tests/goldens/nano-pro";

/// A checkpoint's tensors in memory.
class CheckpointCopy {
 public:
  struct Tensor {
    std::string name;
    tensor::DType dtype;
    tensor::Shape shape;
    std::string bytes;

    template <typename T>
    void Set(size_t i, T value) {
      ASSERT_LE((i + 1) * sizeof(T), bytes.size());
      std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
  };

  explicit CheckpointCopy(const std::string& folder) {
    const auto directory = checkpoint::TensorDirectory::Open(folder);
    EXPECT_TRUE(directory.ok());
    for (const checkpoint::StoredTensor& stored : directory->tensors())
      tensors.push_back({stored.name, stored.view.dtype, stored.view.shape,
                         std::string(reinterpret_cast<const char*>(stored.view.data),
                                     static_cast<size_t>(stored.view.bytes()))});
  }

  Tensor& operator[](std::string_view name) {
    const auto found = std::ranges::find(tensors, name, &Tensor::name);
    FATHOM_CHECK(found != tensors.end());
    return *found;
  }

  /// As model.safetensors in `folder`, in the order of `tensors`.
  void Write(const std::string& folder) const {
    std::vector<checkpoint::NamedTensor> views;
    for (const Tensor& tensor : tensors)
      views.push_back(
          {tensor.name,
           {tensor.dtype, tensor.shape, reinterpret_cast<const std::byte*>(tensor.bytes.data())}});
    const base::Status status = checkpoint::WriteSafetensors(folder + "/model.safetensors", views);
    EXPECT_TRUE(status.ok());
  }

  std::vector<Tensor> tensors;
};

}  // namespace fathom::model
