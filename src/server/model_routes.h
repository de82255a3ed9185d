// The routes that ask the model or its tokenizer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/error.h"
#include "api/request.h"
#include "api/service.h"
#include "base/result.h"
#include "constraint/answer_constraint.h"
#include "engine/engine.h"
#include "model/config.h"
#include "server/answer_memory.h"
#include "server/constraint_cache.h"
#include "server/format_tokens.h"
#include "server/generation_exchange.h"
#include "server/http.h"
#include "server/options.h"
#include "server/prompt_tokenizer.h"
#include "text/tokenizer.h"

namespace fathom::server {

/// The open model, as far as requests can be read without its engine.
class ModelRoutes {
 public:
  /// Fails if the tokenizer is not one for the prompt format, and if the model's configuration or
  /// what earlier processes left in EngineOptions::kv_directory cannot be read. Without
  /// `vocabulary` nothing is constrained. `options` outlives this.
  static base::Result<std::unique_ptr<ModelRoutes>> Make(
      std::shared_ptr<const text::Tokenizer> tokenizer,
      std::shared_ptr<const constraint::ConstraintVocabulary> vocabulary, engine::EngineInfo info,
      const ServerOptions& options, EngineThread& engine, Metrics& metrics);

  // Each may run on any thread.
  std::unique_ptr<Exchange> Generate(const HttpRequest& request, api::Dialect dialect) const;
  std::unique_ptr<Exchange> CountTokens(const HttpRequest& request) const;
  std::unique_ptr<Exchange> Tokenize(const HttpRequest& request) const;
  std::unique_ptr<Exchange> Detokenize(const HttpRequest& request) const;
  std::unique_ptr<Exchange> ShowSequences() const;

 private:
  template <typename Value>
  using Outcome = std::variant<Value, api::Error>;

  ModelRoutes(std::shared_ptr<const text::Tokenizer> tokenizer, const FormatTokens& format,
              std::unique_ptr<AnswerMemory> answers, std::unique_ptr<ConstraintCache> constraints,
              model::ModelConfig config, engine::EngineInfo info, const ServerOptions& options,
              EngineThread& engine, Metrics& metrics);

  Outcome<PreparedGeneration> PrepareGeneration(const HttpRequest& request,
                                                api::Dialect dialect) const;
  base::Status Constrain(PreparedGeneration* prepared) const;
  void Guard(PreparedGeneration* prepared) const;
  engine::Request MakeRun(const api::Request& request, const PromptTokens& prompt,
                          uint64_t seed) const;
  Outcome<std::string> TokenizeBody(std::string_view body) const;
  Outcome<std::string> DetokenizeBody(std::string_view body) const;

  std::shared_ptr<const text::Tokenizer> tokenizer_;
  const FormatTokens format_;
  const std::unique_ptr<AnswerMemory> answers_;
  const std::unique_ptr<ConstraintCache> constraints_;  // null: none
  const PromptTokenizer prompts_;
  const model::ModelConfig config_;
  engine::EngineInfo info_;
  const ServerOptions& options_;
  GenerationContext context_;
};

}  // namespace fathom::server
