// What the parts of one forward pass share.
#pragma once

#include <cstdint>
#include <span>

#include "model/activations.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/expert_source.h"
#include "ops/context.h"

namespace fathom::model {

/// Looks at a forward pass from outside; for comparing engines and for tests.
class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;
  /// The streams [tokens, hc, hidden] after a layer.
  virtual void OnLayer(int64_t /*layer*/, const float* /*streams*/) {}
  /// The routed experts of a token, ascending.
  virtual void OnExperts(int64_t /*layer*/, int64_t /*token*/,
                         std::span<const int32_t> /*experts*/) {}
  /// The compressed rows that a token of a CSA layer reads, ascending.
  virtual void OnSelected(int64_t /*layer*/, int64_t /*token*/, std::span<const int32_t> /*rows*/) {
  }
};

/// One forward pass over a batch. `layer` counts the model's layers, then the MTP layers.
struct Pass {
  const ModelConfig& config;
  ops::Context& ops;
  Activations& activations;
  const Batch& batch;
  const Rope& compressed_rope;  ///< of layers with compressed rows
  ExpertSource& experts;
  ForwardObserver* observer = nullptr;
  int64_t layer = 0;

  const LayerPlan& plan() const { return config.layers[static_cast<size_t>(layer)]; }
  int64_t tokens() const { return batch.tokens(); }
};

}  // namespace fathom::model
