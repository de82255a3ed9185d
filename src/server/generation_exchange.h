// The exchange of a request that generates: chat completions, completions, responses, messages.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/error.h"
#include "api/request.h"
#include "api/response.h"
#include "constraint/answer_check.h"
#include "engine/request.h"
#include "server/answer_memory.h"
#include "server/choice.h"
#include "server/engine_thread.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/turn_guard.h"
#include "text/tokenizer.h"

namespace fathom::server {

/// What is the same for all exchanges. Outlives them.
struct GenerationContext {
  EngineThread& engine;
  Metrics& metrics;
  const text::Tokenizer& tokenizer;
  AnswerMemory& answers;
  std::function<void(std::string_view)> log;  ///< of one line; may be empty
};

/// A request that is ready for the engine: one engine request for each choice, in their order.
struct PreparedGeneration {
  api::Request request;
  api::ResponseContext response{};
  std::vector<engine::Request> runs{};
  std::vector<std::shared_ptr<const TurnGuard>> guards{};  ///< of these
  bool is_constrained = false;                             ///< whether tools and formats hold them
  /// What their answers are held against once they are there; null: nothing.
  std::shared_ptr<const constraint::AnswerCheck> check{};
  /// Where the answers stand; see AnswerMemory. Not of completions.
  std::string place{};
  int32_t opening = 0;
};

/// A refusal in the words of the request's API.
HttpResponse MakeErrorResponse(api::Dialect dialect, const api::Error& error,
                               std::string_view request_id);

class GenerationExchange final : public Exchange {
 public:
  GenerationExchange(const GenerationContext& context, PreparedGeneration prepared);
  ~GenerationExchange() override;

  void Begin(Reply& reply) override;
  std::string Heartbeat() override;
  std::string Describe() const override;

 private:
  using Clock = std::chrono::steady_clock;

  // One choice under way.
  struct Run final : EngineListener {
    Run(GenerationExchange& owner, int number, std::shared_ptr<const TurnGuard> guard);
    void OnToken(const engine::TokenEvent& token) override { owner.Hear(*this, token); }
    void OnDone(const engine::Completion& completion) override { owner.Hear(*this, completion); }

    GenerationExchange& owner;
    int number;
    Choice choice;
    std::shared_ptr<const TurnGuard> guard;  // the engine's until it is done
    EngineThread::Ticket ticket;
    engine::RequestStats stats;
    Clock::time_point last_token{};
    bool is_done = false;
  };

  void Hear(Run& run, const engine::TokenEvent& token);
  void Hear(Run& run, const engine::Completion& completion);
  void NoteTime(Run& run);
  void NoteDone(const Run& run, const engine::Completion& completion);
  void CheckSchemas(const Run& run) const;
  void NoteTurn(const Run& run);
  void Log(const std::string& message) const;
  void Tell(const Run& run, const ChoicePiece& piece);
  void Remember(const Run& run, const engine::Completion& completion);
  void Finish();
  void Fail(const api::Error& error);
  api::Totals SumTotals() const;

  GenerationContext context_;
  api::Request request_;
  api::ResponseContext response_;
  std::vector<engine::Request> waiting_;  // until it begins
  std::vector<std::shared_ptr<const TurnGuard>> guards_;
  bool is_constrained_;
  std::shared_ptr<const constraint::AnswerCheck> check_;
  std::string place_;
  int32_t opening_;
  std::unique_ptr<api::StreamEncoder> encoder_;  // if it streams
  std::vector<std::unique_ptr<Run>> runs_;
  Reply* reply_ = nullptr;
  Clock::time_point begun_;
  size_t left_ = 0;       // choices that are not done
  bool is_over_ = false;  // the client was told the end
  std::string_view outcome_ = "abort";
};

}  // namespace fathom::server
