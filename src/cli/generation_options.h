// The options of commands that let a model answer: `run` and `chat`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/model_options.h"
#include "engine/engine.h"
#include "text/prompt_encoder.h"

namespace fathom::cli {

struct EngineFlags {
  std::string model;
  int threads = 0;
  int64_t context = 0;
  int64_t batch_tokens = engine::EngineOptions().batch_tokens;
  uint64_t expert_memory = 0;
  PlacementFlags placement;
};

struct GenerationFlags {
  std::string system;
  text::ThinkingEffort think = text::ThinkingEffort::kNone;
  int64_t max_tokens = -1;
  std::vector<std::string> stop;
  engine::SamplingOptions sampling;
};

/// Adds --model, --threads, --context, --batch-tokens, --expert-memory, --pin, --interleave and
/// --huge-pages.
void AddEngineOptions(CLI::App& app, EngineFlags* flags);

/// Adds --system, --think, -n, --stop and the options of sampling.
void AddGenerationOptions(CLI::App& app, GenerationFlags* flags);

/// Sets what the flags say.
void ApplyEngineFlags(const EngineFlags& flags, engine::EngineOptions* options);

/// Opens the model, with a progress bar while its weights are read.
base::Result<std::unique_ptr<engine::Engine>> OpenEngine(const EngineFlags& flags);

/// A request with everything that the flags say; the prompt is left to the caller.
engine::Request MakeRequest(const GenerationFlags& flags);

/// Tokens of the prompt for a conversation in the JSON of PrintConversation.
base::Result<std::vector<int32_t>> EncodeConversation(const engine::Engine& engine,
                                                      const std::string& json,
                                                      text::ThinkingEffort think);

/// Fails if `text` is not UTF-8, naming `source` and the first byte that is wrong: the JSON in
/// which a conversation goes to the engine could not hold it.
base::Status CheckUtf8(const std::string& text, const std::string& source);

}  // namespace fathom::cli
