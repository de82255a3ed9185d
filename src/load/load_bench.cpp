#include "load/load_bench.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/random.h"

namespace fathom::load {
namespace {

/// A client whose requests fail one after the other asks no more: the server is gone.
constexpr int64_t kMostFailuresInRow = 10;
/// As long as a server may ask to stay away.
constexpr double kMostPause = 10;
/// Bytes of documents that show how many tokens a server makes of one.
constexpr int64_t kSmallDocument = 500;
constexpr int64_t kLargeDocument = 1500;
/// Of the conversation that asks for both: LoadBench::Begin counts up from 0.
constexpr uint64_t kProbeNumber = ~uint64_t{0};
/// Seconds between two questions whether a server has its model by now, and after which nobody asks
/// any more.
constexpr double kLoadingPause = 0.05;
constexpr double kMostLoading = 600;

/// Asks once, or until the server has its model.
class ProbeClient final : public Client {
 public:
  explicit ProbeClient(std::string body) : body_(std::move(body)) {}

  std::optional<std::string> NextRequest() override {
    const bool waits = last_ && last_->status == 503 && ReadClock() - begun_ < kMostLoading;
    return !last_ || waits ? std::optional(body_) : std::nullopt;
  }
  double Hear(const Exchange& exchange) override {
    last_ = exchange;
    return exchange.status == 503 ? kLoadingPause : 0;
  }

  /// Nothing if it was stopped.
  const std::optional<Exchange>& last() const { return last_; }

 private:
  std::string body_;
  double begun_ = ReadClock();
  std::optional<Exchange> last_;
};

/// What the clients of a phase share.
struct PhaseRun {
  const LoadOptions& options;
  const LoadProgress& progress;
  LoadRow row;
  double begun = ReadClock();
  int64_t total = 0;    // requests
  double last_end = 0;  // of an exchange

  bool IsOver() const {
    return options.most_seconds > 0 && ReadClock() - begun >= options.most_seconds;
  }
};

/// Goes on with each of some conversations in turn, until each had so many turns.
class PhaseClient final : public Client {
 public:
  PhaseClient(std::vector<Conversation*> conversations, int64_t turns, PhaseRun& run)
      : conversations_(std::move(conversations)),
        requests_(std::ssize(conversations_) * turns),
        run_(run) {
    run_.total += requests_;
  }

  std::optional<std::string> NextRequest() override {
    if (asked_ == requests_ || failures_in_row_ == kMostFailuresInRow) return std::nullopt;
    if (run_.IsOver()) return std::nullopt;
    return Current().MakeRequest();
  }

  double Hear(const Exchange& exchange) override {
    run_.row.Add(exchange, run_.options.goals);
    run_.last_end = std::max(run_.last_end, exchange.ended);
    if (run_.progress) run_.progress(run_.row.requests, run_.total);
    const bool failed = exchange.failure != Failure::kNone;
    failures_in_row_ = failed ? failures_in_row_ + 1 : 0;
    // What failed is asked again when the conversation's turn comes.
    if (!failed) Current().Continue(exchange.answer);
    ++asked_;
    return std::min(exchange.retry_seconds.value_or(0), kMostPause);
  }

 private:
  Conversation& Current() {
    return *conversations_[static_cast<size_t>(asked_) % conversations_.size()];
  }

  std::vector<Conversation*> conversations_;
  int64_t requests_;
  PhaseRun& run_;
  int64_t asked_ = 0;
  int64_t failures_in_row_ = 0;
};

int64_t CountTurns(Phase phase, const LoadOptions& options) {
  return phase == Phase::kWarm ? options.turns - 1 : 1;
}

/// Those that are to go on: what the server has not seen would not be warm.
std::vector<Conversation*> ChooseConversations(std::vector<Conversation>& all, Phase phase) {
  std::vector<Conversation*> chosen;
  for (Conversation& conversation : all)
    if (conversation.has_begun() == (phase != Phase::kCold)) chosen.push_back(&conversation);
  return chosen;
}

}  // namespace

base::Result<LoadBench> LoadBench::Open(const Target& target, const LoadOptions& options) {
  LoadBench bench(target, options);
  FATHOM_TRY(bench.FitDocument());
  return bench;
}

base::Status LoadBench::FitDocument() {
  FATHOM_ASSIGN(const Usage small, Probe(kSmallDocument));
  FATHOM_ASSIGN(const Usage large, Probe(kLargeDocument));
  const auto more = static_cast<double>(large.prompt_tokens - small.prompt_tokens);
  if (more <= 0)
    return base::MakeError("{}: a longer prompt has {} tokens, a shorter one {}", target_.url,
                           large.prompt_tokens, small.prompt_tokens);
  const double bytes_per_token = (kLargeDocument - kSmallDocument) / more;
  const auto missing = static_cast<double>(options_.prompt_tokens - small.prompt_tokens);
  document_bytes_ = kSmallDocument + std::llround(missing * bytes_per_token);
  document_bytes_ = std::max<int64_t>(document_bytes_, 0);
  return {};
}

ConversationOptions LoadBench::MakeConversationOptions(int64_t document_bytes) const {
  return {.model = options_.model,
          .document_bytes = document_bytes,
          .answer_tokens = options_.answer_tokens,
          .fixes_length = options_.fixes_length};
}

base::Result<Usage> LoadBench::Probe(int64_t document_bytes) {
  const uint64_t seed = data::MixSeed(options_.seed, kProbeNumber);
  ProbeClient client(Conversation(MakeConversationOptions(document_bytes), seed).MakeRequest());
  Client* const clients[] = {&client};
  FATHOM_TRY(RunClients(target_, options_.http, clients));
  if (!client.last()) return base::MakeError("{}: stopped", target_.url);
  const Exchange& exchange = *client.last();
  // A probe asks for the usage alone.
  if (exchange.failure != Failure::kNone && exchange.failure != Failure::kEmpty)
    return base::MakeError("{}: {}: {}", target_.url, NameFailure(exchange), exchange.problem);
  return *exchange.answer.usage;
}

base::Status LoadBench::AwaitServer() {
  FATHOM_TRY(Probe(kSmallDocument));
  return {};
}

void LoadBench::Begin(int64_t clients) {
  clients_.clear();
  for (int64_t i = 0; i < clients; ++i) {
    std::vector<Conversation>& conversations = clients_.emplace_back();
    for (int64_t j = 0; j < options_.conversations; ++j)
      conversations.emplace_back(MakeConversationOptions(document_bytes_),
                                 data::MixSeed(options_.seed, conversations_begun_++));
  }
}

base::Result<LoadRow> LoadBench::Measure(Phase phase, const LoadProgress& progress) {
  PhaseRun run = {.options = options_,
                  .progress = progress,
                  .row = {.clients = std::ssize(clients_), .phase = phase}};
  std::vector<std::unique_ptr<PhaseClient>> owned;
  std::vector<Client*> clients;
  for (std::vector<Conversation>& conversations : clients_) {
    owned.push_back(std::make_unique<PhaseClient>(ChooseConversations(conversations, phase),
                                                  CountTurns(phase, options_), run));
    clients.push_back(owned.back().get());
  }
  FATHOM_TRY(RunClients(target_, options_.http, clients));
  run.row.seconds = std::max(run.last_end - run.begun, 0.0);
  return std::move(run.row);
}

}  // namespace fathom::load
