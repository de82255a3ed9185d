// A small model that tests run.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "model/model.h"
#include "model/weights_loader.h"

namespace fathom::measure {

struct NanoModel {
  explicit NanoModel(const std::string& name)
      : directory(std::string(FATHOM_SOURCE_DIR "/tests/goldens/") + name),
        config(model::LoadConfig(directory).value()),
        weights(model::LoadedWeights::Open(directory, config, pool).value()),
        model(config, weights.weights(), *kernels::SelectKernels().value(), pool, kMaxTokens) {}

  /// Computes the sequence's next tokens; returns the logits of the last one.
  std::vector<float> Forward(int64_t tokens, kv::SequenceCache& cache) {
    std::vector<int32_t> ids(static_cast<size_t>(tokens));
    for (size_t i = 0; i < ids.size(); ++i)
      ids[i] = static_cast<int32_t>(i * 31 % static_cast<size_t>(config.vocab_size));
    const model::Slice slice{&cache, ids};
    EXPECT_TRUE(model.Forward({&slice, 1}).ok());
    std::vector<float> logits(static_cast<size_t>(config.vocab_size));
    const auto last = static_cast<int32_t>(tokens - 1);
    model.Logits({&last, 1}, logits.data());
    return logits;
  }

  static constexpr int64_t kMaxTokens = 512;

  std::string directory;
  model::ModelConfig config;
  base::ThreadPool pool{2};
  model::LoadedWeights weights;
  model::Model model;
};

}  // namespace fathom::measure
