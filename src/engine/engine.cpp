#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "base/cores.h"
#include "engine/generation.h"
#include "engine/kv_memory.h"
#include "engine/observer.h"
#include "engine/scheduler.h"
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

// What the sequence shares with the prompt is used as far as it can be cut back to it, and as
// something is left to compute logits from.
void CutToPrompt(Sequence& sequence, const std::vector<int32_t>& prompt) {
  const auto& held = sequence.tokens;
  const auto leaves = std::mismatch(held.begin(), held.end(), prompt.begin(), prompt.end() - 1);
  sequence.CutBack(leaves.first - held.begin());
}

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
    return std::make_shared<Sequence>(memory_.NewCache());
  }
  std::shared_ptr<Sequence> ForkSequence(const Sequence& sequence) override {
    return std::make_shared<Sequence>(sequence.Fork());
  }
  std::optional<int64_t> CutSequence(Sequence& sequence, int64_t tokens,
                                     std::string* error) override;
  bool SaveSession(const Sequence& sequence, std::string_view note, const std::string& path,
                   std::string* error) override;
  std::optional<Session> LoadSession(const std::string& path, std::string* error) override;
  Submission Submit(Request request) override;
  void Cancel(int64_t request) override;
  bool Step() override;
  void Park() override;
  EngineStatistics statistics() const override;
  std::vector<RequestStatus> requests() const override { return scheduler_.ListRequests(); }

 private:
  LocalEngine(EngineInfo info, const EngineOptions& options, model::ModelConfig config,
              std::unique_ptr<base::ThreadPool> pool, model::LoadedWeights weights,
              std::optional<text::Tokenizer> tokenizer, const kernels::KernelTable& kernels);

  base::Status CheckTokenizer() const;
  base::Result<base::Digest> Fingerprint();
  base::Status CheckMemory() const;
  base::Status OpenFiles(const EngineOptions& options);
  base::Status TellOpened(const EngineOptions& options);
  bool Compute(const std::vector<Scheduler::Piece>& pieces);
  void Sample(const std::vector<Scheduler::Piece>& pieces);

  EngineObserver& observer_;
  EngineInfo info_;
  model::ModelConfig config_;
  std::unique_ptr<base::ThreadPool> pool_;
  model::LoadedWeights weights_;
  std::optional<text::Tokenizer> tokenizer_;
  std::unique_ptr<model::Model> model_;
  KvMemory memory_;
  ConstraintStatistics constraints_;
  const GenerationContext context_;
  Scheduler scheduler_;

  std::vector<model::Slice> slices_;  // of the current step
  std::vector<float> logits_;
  int64_t next_number_ = 1;
  int64_t kv_disk_ = 0;
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
      .kv_directory = {},
  };
  std::unique_ptr<LocalEngine> engine(new LocalEngine(info, options, std::move(config),
                                                      std::move(pool), std::move(weights),
                                                      std::move(tokenizer), *kernels));
  if (!options.kv_directory.empty()) FATHOM_TRY(engine->OpenFiles(options));
  FATHOM_TRY(engine->CheckMemory());
  if (options.observer != nullptr) FATHOM_TRY(engine->TellOpened(options));
  return engine;
}

KvMemory MakeMemory(const model::Model& model, uint64_t limit_bytes, EngineObserver& observer) {
  auto meter = std::make_shared<kv::MemoryMeter>();
  kv::SequenceCache empty = model.NewSequence(meter);
  return KvMemory(static_cast<int64_t>(limit_bytes), std::move(meter), std::move(empty), observer);
}

LocalEngine::LocalEngine(EngineInfo info, const EngineOptions& options, model::ModelConfig config,
                         std::unique_ptr<base::ThreadPool> pool, model::LoadedWeights weights,
                         std::optional<text::Tokenizer> tokenizer,
                         const kernels::KernelTable& kernels)
    : observer_(options.observer != nullptr ? *options.observer : EngineObserver::Nobody()),
      info_(std::move(info)),
      config_(std::move(config)),
      pool_(std::move(pool)),
      weights_(std::move(weights)),
      tokenizer_(std::move(tokenizer)),
      model_(std::make_unique<model::Model>(config_, weights_.weights(), kernels, *pool_,
                                            options.batch_tokens)),
      memory_(MakeMemory(*model_, options.kv_memory, observer_)),
      context_{.tokenizer = tokenizer_ ? &*tokenizer_ : nullptr,
               .experts = options.expert_memory > 0 ? &weights_.experts() : nullptr,
               .memory = &memory_,
               .constraints = &constraints_,
               .observer = &observer_,
               .context = info_.context,
               .end_token = info_.end_token},
      scheduler_({.batch_tokens = options.batch_tokens,
                  .chunk_tokens = options.chunk_tokens,
                  .max_batch = std::min(options.max_batch, options.batch_tokens),
                  .max_queue = options.max_queue},
                 memory_) {}

base::Status LocalEngine::OpenFiles(const EngineOptions& options) {
  FATHOM_ASSIGN(const base::Digest fingerprint, Fingerprint());
  info_.kv_directory = fmt::format("{}/{}", options.kv_directory, base::ToHex(fingerprint));
  kv_disk_ = static_cast<int64_t>(options.kv_disk);
  FATHOM_ASSIGN(auto files, kv::PrefixFiles::Open({.directory = info_.kv_directory,
                                                   .limit_bytes = kv_disk_,
                                                   .model = {fingerprint, config_.vocab_size},
                                                   .log = options.on_log,
                                                   .await_written = options.await_written},
                                                  memory_.NewCache()));
  memory_.UseFiles(std::move(files));
  return {};
}

base::Status LocalEngine::TellOpened(const EngineOptions& options) {
  FATHOM_ASSIGN(const base::Digest fingerprint, Fingerprint());
  observer_.OnEvent(EngineOpened{.info = info_,
                                 .options = options,
                                 .fingerprint = base::ToHex(fingerprint),
                                 .files = memory_.file_statistics().files});
  return {};
}

// Then every request that Submit takes can be admitted once the others have ended.
base::Status LocalEngine::CheckMemory() const {
  if (memory_.limit_bytes() == 0) return {};
  const int64_t needed = memory_.bytes() + memory_.MostBytes(info_.context);
  if (needed <= memory_.limit_bytes()) return {};
  return base::MakeError("kv_memory: {} bytes are not enough for one sequence of {} tokens, {}",
                         memory_.limit_bytes(), info_.context, needed);
}

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

Submission LocalEngine::Submit(Request request) {
  const base::Status status = CheckRequest(request, info_);
  if (!status.ok()) return {.error = status.error().message};
  if (request.sequence && request.sequence->busy) return {.error = kBusy};
  if (scheduler_.full())
    return {.error = fmt::format("{} requests wait already", scheduler_.waiting()),
            .retry_seconds = scheduler_.EstimateWait()};
  if (request.sequence) CutToPrompt(*request.sequence, request.prompt);
  const int64_t number = next_number_++;
  observer_.OnEvent(RequestTaken{number, request});
  scheduler_.Add(std::make_unique<Generation>(number, std::move(request), context_));
  return {.number = number};
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
        return ReadSequence(path, {fingerprint, config_.vocab_size}, memory_.NewCache());
      }(),
      error);
}

void LocalEngine::Cancel(int64_t request) {
  if (scheduler_.Cancel(request)) observer_.OnEvent(RequestCancelled{request});
}

void LocalEngine::Park() {
  observer_.OnEvent(ParkBegun{});
  memory_.Park();
}

bool LocalEngine::Step() {
  observer_.OnEvent(StepBegun{});
  scheduler_.ReportFinished();
  const std::vector<Scheduler::Piece> pieces = scheduler_.Plan();
  if (!pieces.empty() && Compute(pieces)) {
    scheduler_.UpdatePromised();
    Sample(pieces);
  }
  scheduler_.ReportFinished();
  return !scheduler_.idle();
}

// Returns whether all went well; else the generations have failed.
bool LocalEngine::Compute(const std::vector<Scheduler::Piece>& pieces) {
  slices_.clear();
  for (const auto& [generation, tokens] : pieces)
    slices_.push_back({&generation->sequence().cache, tokens});
  const base::Status computed = model_->Forward(slices_);
  if (computed.ok()) return true;
  for (const Scheduler::Piece& piece : pieces) piece.generation->Fail(computed.error().message);
  return false;
}

void LocalEngine::Sample(const std::vector<Scheduler::Piece>& pieces) {
  std::vector<Generation*> sampling;
  std::vector<int32_t> tokens;  // of the batch, whose logits are wanted
  int32_t end = 0;
  for (const Scheduler::Piece& piece : pieces) {
    end += static_cast<int32_t>(piece.tokens.size());
    if (!piece.generation->Computed(piece.tokens)) continue;
    sampling.push_back(piece.generation);
    tokens.push_back(end - 1);
  }
  if (tokens.empty()) return;
  const auto vocab = static_cast<size_t>(config_.vocab_size);
  logits_.resize(tokens.size() * vocab);
  model_->Logits(tokens, logits_.data());
  // A callback may cancel any of them.
  for (size_t i = 0; i < sampling.size(); ++i)
    if (!sampling[i]->finished()) sampling[i]->Sample(std::span(logits_).subspan(i * vocab, vocab));
}

EngineStatistics LocalEngine::statistics() const {
  const kv::PrefixFiles::Statistics files = memory_.file_statistics();
  return {.running = scheduler_.running(),
          .waiting = scheduler_.waiting(),
          .kv_bytes = memory_.bytes(),
          .kv_promised_bytes = scheduler_.CountPromised(),
          .kv_limit_bytes = memory_.limit_bytes(),
          .prefixes = memory_.prefix_count(),
          .prefix_query_tokens = memory_.statistics().query_tokens,
          .prefix_hit_tokens = memory_.statistics().hit_tokens,
          .prefix_evictions = memory_.statistics().evictions,
          .disk_prefixes = files.files,
          .disk_bytes = files.bytes,
          .disk_limit_bytes = kv_disk_,
          .disk_hits = memory_.statistics().file_hits,
          .disk_hit_tokens = memory_.statistics().file_hit_tokens,
          .disk_bytes_read = files.bytes_read,
          .disk_bytes_written = files.bytes_written,
          .disk_failures = files.failures,
          .steps = scheduler_.statistics().steps,
          .step_requests = scheduler_.statistics().step_requests,
          .prompt_tokens = scheduler_.statistics().prompt_tokens,
          .generated_tokens = scheduler_.statistics().generated_tokens,
          .constrained_requests = constraints_.requests,
          .forced_tokens = constraints_.forced_tokens,
          .masks = constraints_.masks,
          .constraint_seconds = constraints_.seconds};
}

}  // namespace

Engine::OpenResult Engine::Open(const std::string& directory, const EngineOptions& options) {
  auto engine = LocalEngine::Open(directory, options);
  if (!engine.ok()) return {nullptr, engine.error().message};
  return {std::move(engine).value(), {}};
}

}  // namespace fathom::engine
