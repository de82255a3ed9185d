// What attention costs a decoded token: DeepSeek-V4 beside DeepSeek-V3.2 and grouped-query
// attention, layer by layer, on the same kernels. No checkpoint is needed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "measure/attention_case.h"
#include "model/config.h"

namespace fathom::measure {

/// The layers of a model, by kind.
struct ComparedModel {
  struct Layers {
    AttentionLayer layer;
    int64_t count = 0;
  };

  std::string name;            ///< "V4-Flash"
  std::vector<Layers> layers;  ///< kinds with at least one layer
};

/// V4-Flash, V4-Pro, V3.2 (61 layers), and grouped-query attention in the depths and with the
/// query heads of Flash and Pro. The configurations must outlive the result.
std::vector<ComparedModel> ListComparedModels(const model::ModelConfig& flash,
                                              const model::ModelConfig& pro);

/// What was measured of one kind of layer.
struct MeasuredLayer {
  AttentionLayer::Kind kind = AttentionLayer::Kind::kWindow;
  int64_t count = 0;   ///< in the model
  AttentionWork work;  ///< of one
  double seconds = 0;  ///< the median step of one
};

/// What was measured of a model at one depth; sums are over all of its layers.
struct AttentionRow {
  int64_t context = 0;
  std::string model;
  std::string skipped{};  ///< why nothing was measured; else empty
  std::vector<MeasuredLayer> layers;

  double seconds() const;
  int64_t cache_bytes() const;
  int64_t bytes_read() const;
  double macs() const;
};

/// Builds one layer of each kind in turn, measures it and frees it. A row with a layer that would
/// not fit in memory is skipped, its counts are there all the same. An error is a wrong result.
base::Result<AttentionRow> MeasureAttention(const AttentionSetting& setting,
                                            const ComparedModel& model, int64_t context);

}  // namespace fathom::measure
