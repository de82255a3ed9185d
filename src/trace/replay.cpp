#include "trace/replay.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <span>
#include <system_error>
#include <utility>

#include "base/digest.h"
#include "model/config.h"
#include "model/fingerprint.h"
#include "trace/comparison.h"

namespace fathom::trace {
namespace {

namespace fs = std::filesystem;
using engine::CacheDecision;
using engine::FinishReason;
using engine::TokenOrigin;

// A directory that is there for as long as this lives.
class TemporaryDirectory {
 public:
  static base::Result<TemporaryDirectory> Make() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "fathom-replay-XXXXXX").string();
    if (error || ::mkdtemp(path.data()) == nullptr)
      return base::MakeError("{}: cannot make this directory", path);
    return TemporaryDirectory(std::move(path));
  }
  TemporaryDirectory(TemporaryDirectory&& other) noexcept
      : path_(std::exchange(other.path_, std::string())) {}
  TemporaryDirectory& operator=(TemporaryDirectory&&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

// Why the cache cannot be expected to decide as it did; empty if it can.
std::string ExplainLeftOut(const Recording& recording, const ReplayOptions& options) {
  if (recording.header.files.value_or(0) > 0 && options.kv_directory.empty())
    return fmt::format("the cache began with {} files that are not given", *recording.header.files);
  for (const CacheDecision& decision : recording.decisions)
    if (decision.kind == CacheDecision::Kind::kFailed)
      return "a file of the cache could not be written or read then";
  for (const RecordedRequest& request : recording.requests)
    if (request.finish == FinishReason::kError) return "a request failed then";
  return {};
}

// Before anything is read that only the trace's model may have.
base::Status CheckFingerprint(const std::string& directory, const std::string& recorded) {
  FATHOM_ASSIGN(const model::ModelConfig config, model::LoadConfig(directory));
  FATHOM_ASSIGN(const base::Digest fingerprint, model::ComputeFingerprint(config, directory));
  if (base::ToHex(fingerprint) == recorded) return {};
  return base::MakeError("{}: not the trace's model: its fingerprint is {}, the trace has {}",
                         directory, base::ToHex(fingerprint), recorded);
}

// One run of a recording.
class Rerun {
 public:
  Rerun(const Recording& recording, const ReplayOptions& options)
      : recording_(recording),
        options_(options),
        left_out_(ExplainLeftOut(recording, options)),
        comparison_(recording, left_out_.empty()) {
    for (const CacheDecision& decision : recording.decisions)
      if (decision.kind == CacheDecision::Kind::kWritten) ++written_[decision.look];
  }

  base::Result<ReplayReport> Run();

 private:
  base::Status Open(const std::string& kv_directory);
  base::Status Do(const RecordedCall& call);
  base::Status Submit(int64_t number);
  base::Result<engine::Request> MakeRequest(int64_t number) const;
  bool Step();
  bool differs() const { return comparison_.difference().has_value(); }
  bool follows_steps() const { return left_out_.empty(); }

  const Recording& recording_;
  const ReplayOptions& options_;
  const std::string left_out_;
  Comparison comparison_;
  std::map<int64_t, int64_t> written_;  // files, by the look that noticed them
  std::optional<TemporaryDirectory> temporary_;
  std::unique_ptr<engine::Engine> engine_;  // last: it uses everything above
};

base::Status Rerun::Open(const std::string& kv_directory) {
  const TraceHeader& header = recording_.header;
  engine::EngineOptions engine = options_.engine;
  engine.context = header.context;
  engine.batch_tokens = header.batch_tokens;
  engine.chunk_tokens = header.chunk_tokens;
  engine.max_batch = header.max_batch;
  engine.max_queue = header.max_queue;
  engine.kv_memory = static_cast<uint64_t>(header.kv_memory);
  engine.kv_directory = kv_directory;
  engine.kv_disk = static_cast<uint64_t>(header.kv_disk);
  engine.observer = &comparison_;
  if (follows_steps()) {
    engine.await_written = [this](int64_t look) {
      const auto found = written_.find(look);
      return found == written_.end() ? 0 : found->second;
    };
  }
  engine::Engine::OpenResult opened = engine::Engine::Open(options_.model_directory, engine);
  if (!opened.engine) return base::Error{opened.error};
  engine_ = std::move(opened.engine);
  return {};
}

bool Rerun::Step() {
  const bool goes_on = engine_->Step();
  if (options_.on_progress)
    options_.on_progress(comparison_.tokens(), comparison_.tokens() + comparison_.tokens_left());
  return goes_on;
}

base::Result<engine::Request> Rerun::MakeRequest(int64_t number) const {
  const RecordedRequest& recorded = recording_.request(number);
  engine::Request request = recorded.request;
  request.prompt = recording_.PromptOf(number);
  if (!recorded.constraint.empty()) {
    if (!options_.make_constraint)
      return base::MakeError("request {}: there is nothing that makes constraints", number);
    auto constraint = options_.make_constraint(recorded.constraint);
    if (!constraint.ok())
      return base::MakeError("request {}: {}", number, constraint.error().message);
    request.constraint = std::move(*constraint);
  }
  request.force = [&recorded](std::span<const int32_t> answer) -> std::optional<int32_t> {
    if (answer.size() >= recorded.tokens.size()) return std::nullopt;
    const RecordedToken& next = recorded.tokens[answer.size()];
    return next.origin == TokenOrigin::kSaid ? std::optional(next.id) : std::nullopt;
  };
  const bool was_cut = !recorded.finish || recorded.finish == FinishReason::kCancelled ||
                       recorded.finish == FinishReason::kError;
  if (was_cut && !follows_steps()) request.max_tokens = std::ssize(recorded.tokens);
  return request;
}

base::Status Rerun::Submit(int64_t number) {
  FATHOM_ASSIGN(engine::Request request, MakeRequest(number));
  engine::Submission submission = engine_->Submit(request);
  while (submission.retry_seconds && !follows_steps() && !differs()) {
    Step();
    submission = engine_->Submit(request);
  }
  if (submission.number || differs()) return {};
  return base::MakeError("request {}: {}", number, submission.error);
}

base::Status Rerun::Do(const RecordedCall& call) {
  while (follows_steps() && comparison_.steps() < call.step && !differs()) Step();
  if (differs()) return {};
  if (call.kind == RecordedCall::Kind::kSubmit) return Submit(call.number);
  if (follows_steps()) engine_->Cancel(call.number);
  return {};
}

base::Result<ReplayReport> Rerun::Run() {
  std::string kv_directory = options_.kv_directory;
  if (recording_.header.files && kv_directory.empty()) {
    FATHOM_ASSIGN(TemporaryDirectory made, TemporaryDirectory::Make());
    temporary_.emplace(std::move(made));
    kv_directory = temporary_->path();
  }
  FATHOM_TRY(CheckFingerprint(options_.model_directory, recording_.header.fingerprint));
  FATHOM_TRY(Open(kv_directory));
  for (const RecordedCall& call : recording_.calls) {
    FATHOM_TRY(Do(call));
    if (differs()) break;
  }
  while (!differs() && !comparison_.is_complete() &&
         (Step() || comparison_.steps() < recording_.steps)) {
  }
  ReplayReport report{.requests = std::ssize(recording_.requests),
                      .tokens = comparison_.tokens(),
                      .decisions = comparison_.decisions(),
                      .difference = comparison_.difference(),
                      .isa = engine_->info().isa,
                      .decisions_left_out = left_out_};
  if (!report.difference) report.difference = comparison_.FindMissing();
  return report;
}

}  // namespace

base::Result<ReplayReport> Replay(const Recording& recording, const ReplayOptions& options) {
  return Rerun(recording, options).Run();
}

}  // namespace fathom::trace
