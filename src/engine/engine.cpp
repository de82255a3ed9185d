#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <list>

#include "base/cores.h"
#include "engine/generation.h"
#include "engine/session.h"
#include "engine/validate.h"
#include "kernels/dispatch.h"
#include "model/fingerprint.h"
#include "model/model.h"
#include "model/weights_loader.h"
#include "text/prompt_encoder.h"
#include "text/tokenizer.h"

namespace fathom::engine {
namespace {

constexpr const char* kBusy = "the sequence serves another request";

// Turns a Result into the interface's "value, or nothing and an error".
template <typename T>
std::optional<T> ValueOr(base::Result<T> result, std::string* error) {
  if (result.ok()) return std::move(result).value();
  *error = result.error().message;
  return std::nullopt;
}

class LocalEngine final : public Engine {
 public:
  static base::Result<std::unique_ptr<LocalEngine>> Open(const std::string& directory,
                                                         const EngineOptions& options);

  const EngineInfo& info() const override { return info_; }

  std::optional<std::vector<int32_t>> Tokenize(std::string_view text, bool raw,
                                               std::string* error) const override;
  std::optional<std::vector<int32_t>> EncodeConversation(std::string_view json, Thinking thinking,
                                                         std::string* error) const override;
  std::optional<std::string> Detokenize(const std::vector<int32_t>& tokens,
                                        std::string* error) const override;

  std::shared_ptr<Sequence> NewSequence() override {
    return std::make_shared<Sequence>(model_->NewSequence());
  }
  std::shared_ptr<Sequence> ForkSequence(const Sequence& sequence) override {
    return std::make_shared<Sequence>(sequence.Fork());
  }
  std::optional<int64_t> CutSequence(Sequence& sequence, int64_t tokens,
                                     std::string* error) override;
  bool SaveSession(const Sequence& sequence, std::string_view note, const std::string& path,
                   std::string* error) override;
  std::optional<Session> LoadSession(const std::string& path, std::string* error) override;
  std::optional<int64_t> Submit(Request request, std::string* error) override;
  void Cancel(int64_t request) override;
  bool Step() override;

 private:
  LocalEngine(EngineInfo info, const EngineOptions& options, model::ModelConfig config,
              std::unique_ptr<base::ThreadPool> pool, model::LoadedWeights weights,
              std::optional<text::Tokenizer> tokenizer, const kernels::KernelTable& kernels);

  base::Status CheckTokenizer() const;
  base::Result<base::Digest> Fingerprint();
  std::shared_ptr<Sequence> PrepareSequence(const Request& request);
  std::vector<Generation*> PlanBatch();
  void ComputeLogits(const std::vector<int32_t>& tokens);
  void ReportFinished();

  EngineInfo info_;
  model::ModelConfig config_;
  std::unique_ptr<base::ThreadPool> pool_;
  model::LoadedWeights weights_;
  const bool reads_experts_;
  std::optional<text::Tokenizer> tokenizer_;
  std::unique_ptr<model::Model> model_;

  std::list<std::unique_ptr<Generation>> generations_;  // by submission
  std::vector<model::Slice> slices_;                    // of the current step
  std::vector<float> logits_;
  int64_t next_number_ = 1;
  std::optional<base::Digest> fingerprint_;  // once a session was saved or loaded
};

base::Result<std::optional<text::Tokenizer>> OpenTokenizer(const std::string& directory) {
  const std::string path = directory + "/tokenizer.json";
  if (!std::filesystem::exists(path)) return std::optional<text::Tokenizer>();
  FATHOM_ASSIGN(text::Tokenizer tokenizer, text::Tokenizer::Load(path));
  return std::optional<text::Tokenizer>(std::move(tokenizer));
}

base::Result<std::unique_ptr<LocalEngine>> LocalEngine::Open(const std::string& directory,
                                                             const EngineOptions& options) {
  FATHOM_ASSIGN(const kernels::KernelTable* kernels, kernels::SelectKernels());
  FATHOM_ASSIGN(model::ModelConfig config, model::LoadConfig(directory));
  FATHOM_TRY(CheckOptions(options, config.max_position_embeddings));
  FATHOM_ASSIGN(std::optional<text::Tokenizer> tokenizer, OpenTokenizer(directory));
  if (options.interleave_memory) FATHOM_TRY(base::InterleaveMemory());
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(base::AvailableCores().size());
  auto pool = std::make_unique<base::ThreadPool>(
      threads, options.pin_threads ? base::ThreadPool::Pinning::kOneCoreEach
                                   : base::ThreadPool::Pinning::kNone);
  FATHOM_ASSIGN(model::LoadedWeights weights,
                model::LoadedWeights::Open(directory, config, *pool,
                                           {.expert_memory = options.expert_memory,
                                            .large_pages = options.large_pages,
                                            .progress = options.on_progress}));
  const EngineInfo info = {
      .directory = directory,
      .isa = kernels->name,
      .threads = pool->size(),
      .context = options.context > 0 ? options.context : config.max_position_embeddings,
      .vocab_size = config.vocab_size,
      .end_token = static_cast<int32_t>(config.eos_token_id),
      .has_tokenizer = tokenizer.has_value(),
  };
  return std::unique_ptr<LocalEngine>(new LocalEngine(info, options, std::move(config),
                                                      std::move(pool), std::move(weights),
                                                      std::move(tokenizer), *kernels));
}

LocalEngine::LocalEngine(EngineInfo info, const EngineOptions& options, model::ModelConfig config,
                         std::unique_ptr<base::ThreadPool> pool, model::LoadedWeights weights,
                         std::optional<text::Tokenizer> tokenizer,
                         const kernels::KernelTable& kernels)
    : info_(std::move(info)),
      config_(std::move(config)),
      pool_(std::move(pool)),
      weights_(std::move(weights)),
      reads_experts_(options.expert_memory > 0),
      tokenizer_(std::move(tokenizer)),
      model_(std::make_unique<model::Model>(config_, weights_.weights(), kernels, *pool_,
                                            options.batch_tokens)) {}

base::Status LocalEngine::CheckTokenizer() const {
  if (tokenizer_) return {};
  return base::MakeError("{}: no tokenizer.json, so text cannot be read or written",
                         info_.directory);
}

std::optional<std::vector<int32_t>> LocalEngine::Tokenize(std::string_view text, bool raw,
                                                          std::string* error) const {
  return ValueOr<std::vector<int32_t>>(
      [&]() -> base::Result<std::vector<int32_t>> {
        FATHOM_TRY(CheckTokenizer());
        return raw ? tokenizer_->EncodeRaw(text) : tokenizer_->EncodePlain(text);
      }(),
      error);
}

std::optional<std::vector<int32_t>> LocalEngine::EncodeConversation(std::string_view json,
                                                                    Thinking thinking,
                                                                    std::string* error) const {
  return ValueOr<std::vector<int32_t>>(
      [&]() -> base::Result<std::vector<int32_t>> {
        FATHOM_TRY(CheckTokenizer());
        FATHOM_ASSIGN(const auto conversation, text::ParseConversation(json, "conversation"));
        text::EncodeOptions options;
        options.effort = static_cast<text::ThinkingEffort>(thinking);
        FATHOM_ASSIGN(const text::Prompt prompt, text::EncodePrompt(conversation, options));
        return tokenizer_->Encode(prompt);
      }(),
      error);
}

std::optional<std::string> LocalEngine::Detokenize(const std::vector<int32_t>& tokens,
                                                   std::string* error) const {
  return ValueOr<std::string>(
      [&]() -> base::Result<std::string> {
        FATHOM_TRY(CheckTokenizer());
        return tokenizer_->Decode(tokens);
      }(),
      error);
}

std::optional<int64_t> LocalEngine::Submit(Request request, std::string* error) {
  const base::Status status = CheckRequest(request, info_);
  if (!status.ok()) {
    *error = status.error().message;
    return std::nullopt;
  }
  if (request.sequence && request.sequence->busy) {
    *error = kBusy;
    return std::nullopt;
  }
  auto sequence = PrepareSequence(request);
  const int64_t number = next_number_++;
  generations_.push_back(std::make_unique<Generation>(
      number, std::move(request), std::move(sequence), tokenizer_ ? &*tokenizer_ : nullptr,
      reads_experts_ ? &weights_.experts() : nullptr,
      GenerationLimits{info_.context, info_.end_token}));
  return number;
}

// What the sequence shares with the prompt is used as far as it can be cut back to it, and as
// something is left to compute logits from.
std::shared_ptr<Sequence> LocalEngine::PrepareSequence(const Request& request) {
  if (!request.sequence) return NewSequence();
  const auto& held = request.sequence->tokens;
  const auto& prompt = request.prompt;
  const auto leaves = std::mismatch(held.begin(), held.end(), prompt.begin(), prompt.end() - 1);
  request.sequence->CutBack(leaves.first - held.begin());
  return request.sequence;
}

std::optional<int64_t> LocalEngine::CutSequence(Sequence& sequence, int64_t tokens,
                                                std::string* error) {
  if (tokens < 0) {
    *error = fmt::format("tokens: {} is negative", tokens);
    return std::nullopt;
  }
  if (sequence.busy) {
    *error = kBusy;
    return std::nullopt;
  }
  sequence.CutBack(tokens);
  return sequence.length();
}

base::Result<base::Digest> LocalEngine::Fingerprint() {
  if (!fingerprint_) {
    FATHOM_ASSIGN(fingerprint_, model::ComputeFingerprint(config_, info_.directory));
  }
  return *fingerprint_;
}

bool LocalEngine::SaveSession(const Sequence& sequence, std::string_view note,
                              const std::string& path, std::string* error) {
  const base::Status status = [&]() -> base::Status {
    FATHOM_ASSIGN(const base::Digest fingerprint, Fingerprint());
    return WriteSequence(sequence, note, fingerprint, path);
  }();
  if (!status.ok()) *error = status.error().message;
  return status.ok();
}

std::optional<Session> LocalEngine::LoadSession(const std::string& path, std::string* error) {
  return ValueOr<Session>(
      [&]() -> base::Result<Session> {
        FATHOM_ASSIGN(const base::Digest fingerprint, Fingerprint());
        return ReadSequence(path, {fingerprint, config_.vocab_size}, model_->NewSequence());
      }(),
      error);
}

void LocalEngine::Cancel(int64_t request) {
  for (auto& generation : generations_)
    if (generation->number() == request && !generation->finished()) generation->Cancel();
}

// Every request that decodes gets its token, then prompts fill what is left of the batch, in the
// order of submission. Requests that did not fit go first in the next step.
std::vector<Generation*> LocalEngine::PlanBatch() {
  std::vector<Generation*> batch;
  slices_.clear();
  int64_t budget = model_->max_batch_tokens();
  for (const bool decoding : {true, false}) {
    for (auto& generation : generations_) {
      if (budget == 0) break;
      if (generation->finished() || generation->decoding() != decoding) continue;
      const auto tokens = generation->NextTokens(budget);
      budget -= static_cast<int64_t>(tokens.size());
      slices_.push_back({&generation->sequence().cache, tokens});
      batch.push_back(generation.get());
    }
  }
  if (budget == 0 && generations_.size() > batch.size())
    generations_.splice(generations_.end(), generations_, generations_.begin());
  return batch;
}

void LocalEngine::ComputeLogits(const std::vector<int32_t>& tokens) {
  logits_.resize(tokens.size() * static_cast<size_t>(config_.vocab_size));
  if (!tokens.empty()) model_->Logits(tokens, logits_.data());
}

bool LocalEngine::Step() {
  ReportFinished();
  const std::vector<Generation*> batch = PlanBatch();
  if (batch.empty()) return !generations_.empty();
  const base::Status computed = model_->Forward(slices_);
  if (!computed.ok()) {
    for (Generation* generation : batch) generation->Fail(computed.error().message);
    ReportFinished();
    return !generations_.empty();
  }

  std::vector<Generation*> sampling;
  std::vector<int32_t> tokens;
  int32_t end = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto count = static_cast<int32_t>(slices_[i].tokens.size());
    end += count;
    if (!batch[i]->Computed(count)) continue;
    sampling.push_back(batch[i]);
    tokens.push_back(end - 1);
  }
  ComputeLogits(tokens);
  const auto vocab = static_cast<size_t>(config_.vocab_size);
  for (size_t i = 0; i < sampling.size(); ++i)
    if (!sampling[i]->finished()) sampling[i]->Sample(std::span(logits_).subspan(i * vocab, vocab));
  ReportFinished();
  return !generations_.empty();
}

// Callbacks may submit further requests: those are appended and stay.
void LocalEngine::ReportFinished() {
  for (auto it = generations_.begin(); it != generations_.end();) {
    if (!(*it)->finished()) {
      ++it;
      continue;
    }
    const std::unique_ptr<Generation> generation = std::move(*it);
    it = generations_.erase(it);
    generation->Report();
  }
}

}  // namespace

Engine::OpenResult Engine::Open(const std::string& directory, const EngineOptions& options) {
  auto engine = LocalEngine::Open(directory, options);
  if (!engine.ok()) return {nullptr, engine.error().message};
  return {std::move(engine).value(), {}};
}

}  // namespace fathom::engine
