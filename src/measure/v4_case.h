// DeepSeek-V4's attention layers as cases to measure: the engine's own operations on its own cache.
#pragma once

#include "measure/attention_case.h"

namespace fathom::measure {

AttentionWork CountV4Work(const model::ModelConfig& config, const model::LayerPlan& plan,
                          int64_t tokens);

/// `config` must outlive the case.
std::unique_ptr<AttentionCase> MakeV4Case(const AttentionSetting& setting,
                                          const model::ModelConfig& config,
                                          const model::LayerPlan& plan, int64_t tokens);

}  // namespace fathom::measure
