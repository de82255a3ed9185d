// What the engine has under way, for those who watch it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "model/config.h"

namespace fathom::server {

struct SequenceReport {
  std::string_view model_name;
  const model::ModelConfig& config;
  const engine::EngineInfo& info;
  const engine::EngineStatistics& statistics;
  std::span<const engine::RequestStatus> requests;
};

/// GET /sequences: counts, bytes and seconds, and not a word of any prompt or answer. Beside the
/// bytes of each sequence it has those that DeepSeek-V3.2 and grouped-query attention would take
/// for as many tokens (model/cost.h).
std::string EncodeSequences(const SequenceReport& report);

}  // namespace fathom::server
