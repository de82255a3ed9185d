#include "server/generation_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "server/log.h"
#include "text/json.h"

namespace fathom::server {
namespace {

double SecondsBetween(std::chrono::steady_clock::time_point from,
                      std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string_view FinishName(const api::Ending& ending) {
  if (ending.finish == api::Finish::kRepetition) return "repetition";
  return api::IsCut(ending.finish) ? "length" : "stop";
}

}  // namespace

HttpResponse MakeErrorResponse(api::Dialect dialect, const api::Error& error,
                               std::string_view request_id) {
  return {.status = api::HttpStatus(error.kind),
          .body = api::EncodeError(dialect, error, request_id)};
}

GenerationExchange::Run::Run(GenerationExchange& exchange, int index,
                             std::shared_ptr<const TurnGuard> turn_guard)
    : owner(exchange),
      number(index),
      choice(exchange.request_, exchange.context_.tokenizer,
             exchange.context_.engine.info().end_token, exchange.is_constrained_),
      guard(std::move(turn_guard)) {}

GenerationExchange::GenerationExchange(const GenerationContext& context,
                                       PreparedGeneration prepared)
    : context_(context),
      request_(std::move(prepared.request)),
      response_(std::move(prepared.response)),
      waiting_(std::move(prepared.runs)),
      guards_(std::move(prepared.guards)),
      is_constrained_(prepared.is_constrained),
      check_(std::move(prepared.check)),
      place_(std::move(prepared.place)),
      opening_(prepared.opening) {}

GenerationExchange::~GenerationExchange() {
  for (const auto& run : runs_)
    if (!run->is_done) context_.metrics.NoteEnd("abort");
}

void GenerationExchange::Begin(Reply& reply) {
  reply_ = &reply;
  begun_ = Clock::now();
  EngineThread& engine = context_.engine;
  if (engine.state() != EngineThread::State::kReady)
    return Fail({.kind = api::ErrorKind::kUnavailable, .message = "the server is stopping"});
  if (!engine.HasRoom(std::ssize(waiting_))) {
    return Fail({.kind = api::ErrorKind::kBusy,
                 .message = fmt::format("{} requests are under way or wait; try again later",
                                        engine.outstanding())});
  }
  context_.metrics.NoteRequest(std::ssize(waiting_.front().prompt), request_.choices,
                               request_.max_tokens);
  left_ = waiting_.size();
  if (request_.stream) {
    encoder_ = api::MakeStreamEncoder(request_, response_);
    reply.BeginStream();
    reply.Write(encoder_->Open());
  }
  for (engine::Request& request : waiting_) {
    const size_t number = runs_.size();
    runs_.push_back(
        std::make_unique<Run>(*this, static_cast<int>(number), std::move(guards_[number])));
    runs_.back()->ticket = engine.Submit(std::move(request), *runs_.back());
  }
  waiting_.clear();
}

std::string GenerationExchange::Heartbeat() {
  return encoder_ && !is_over_ ? encoder_->Heartbeat() : std::string();
}

void GenerationExchange::Hear(Run& run, const engine::TokenEvent& token) {
  NoteTime(run);
  Tell(run, run.choice.Read(token));
  if (run.choice.stopped()) run.ticket.Cancel();
}

void GenerationExchange::NoteTime(Run& run) {
  const Clock::time_point now = Clock::now();
  if (run.choice.tokens() == 0) {
    context_.metrics.NoteFirstToken(SecondsBetween(begun_, now));
  } else {
    context_.metrics.NoteNextToken(SecondsBetween(run.last_token, now));
  }
  run.last_token = now;
}

void GenerationExchange::Hear(Run& run, const engine::Completion& completion) {
  using engine::FinishReason;
  run.stats = completion.stats;
  run.is_done = true;
  if (is_over_) return;
  if (completion.finish == FinishReason::kError) {
    Log(completion.error);
    context_.metrics.NoteEnd("error");
    return Fail({.kind = api::ErrorKind::kInternal, .message = "the model could not be computed"});
  }
  if (completion.finish == FinishReason::kCancelled && !run.choice.stopped())
    return Fail({.kind = api::ErrorKind::kUnavailable, .message = "the server is stopping"});
  Tell(run, run.choice.Finish(completion.finish, run.guard->notes()));
  NoteDone(run, completion);
  CheckSchemas(run);
  NoteTurn(run);
  Remember(run, completion);
  if (encoder_) reply_->Write(encoder_->Finish(run.number, run.choice.ending()));
  if (--left_ == 0) Finish();
}

void GenerationExchange::NoteDone(const Run& run, const engine::Completion& completion) {
  const engine::RequestStats& stats = completion.stats;
  outcome_ = FinishName(run.choice.ending());
  context_.metrics.NoteChoice({.finish = outcome_,
                               .generated_tokens = run.choice.tokens(),
                               .queue_seconds = stats.queue_seconds,
                               .prefill_seconds = stats.prefill_seconds,
                               .decode_seconds = stats.decode_seconds});
}

// The answer is delivered as it is: who asked may still make something of it, and often it was sent
// already.
void GenerationExchange::CheckSchemas(const Run& run) const {
  if (!check_) return;
  for (const std::string& field : run.choice.FindViolations(*check_)) {
    context_.metrics.NoteSchemaViolation();
    if (!context_.log) continue;
    context_.log(FormatEvent("schema_violation",
                             fmt::format("\"id\":\"req_{}\",\"choice\":{},\"field\":{}",
                                         response_.id, run.number, text::QuoteJson(field))));
  }
}

void GenerationExchange::NoteTurn(const Run& run) {
  for (const api::TurnNote note : run.choice.ending().notes) {
    context_.metrics.NoteTurn(note);
    if (!context_.log) continue;
    context_.log(FormatEvent("turn", fmt::format("\"id\":\"req_{}\",\"choice\":{},\"kind\":\"{}\"",
                                                 response_.id, run.number, api::NameOf(note))));
  }
}

// What went wrong here is for those who run the server; clients are told that it did.
void GenerationExchange::Log(const std::string& message) const {
  if (context_.log) context_.log(FormatEvent("failure", "\"message\":" + text::QuoteJson(message)));
}

void GenerationExchange::Tell(const Run& run, const ChoicePiece& piece) {
  if (!encoder_ || piece.empty()) return;
  std::string bytes = encoder_->Add(run.number, piece.events, piece.logprobs);
  if (!bytes.empty()) reply_->Write(std::move(bytes));
}

// What comes behind a stop string or a stop token was not told, and without an end of the sentence
// there is no turn.
void GenerationExchange::Remember(const Run& run, const engine::Completion& completion) {
  const api::Ending& ending = run.choice.ending();
  const bool is_turn = ending.finish != api::Finish::kStopSequence && !request_.ignore_end;
  if (request_.dialect == api::Dialect::kCompletions || !is_turn) return;
  AnswerMemory::Answer answer{.place = place_, .opening = opening_};
  answer.content = run.choice.content();
  for (size_t call = 0; call < run.choice.calls(); ++call)
    answer.call_ids.push_back(api::MakeCallId(request_.dialect, response_, run.number, call));
  answer.tokens = completion.tokens;
  // The end that stopped a repetition does not end the call that it was in.
  const bool has_end = ending.finish == api::Finish::kRepetition;
  if (has_end && ending.Has(api::TurnNote::kCutCall)) answer.tokens.pop_back();
  const base::Status remembered = context_.answers.Remember(std::move(answer));
  if (!remembered.ok()) Log(remembered.error().message);
}

void GenerationExchange::Finish() {
  is_over_ = true;
  const api::Totals totals = SumTotals();
  if (encoder_) {
    reply_->Write(encoder_->Close(totals));
    reply_->End();
    return;
  }
  std::vector<api::Answer> answers;
  for (const auto& run : runs_) answers.push_back(run->choice.TakeAnswer());
  reply_->Respond({.body = api::EncodeResponse(request_, response_, answers, totals)});
}

void GenerationExchange::Fail(const api::Error& error) {
  is_over_ = true;
  outcome_ = "error";
  for (const auto& run : runs_) run->ticket.Cancel();
  if (encoder_) {
    reply_->Write(encoder_->Fail(error));
    reply_->End();
    return;
  }
  HttpResponse response = MakeErrorResponse(request_.dialect, error, "req_" + response_.id);
  if (error.kind == api::ErrorKind::kBusy || error.kind == api::ErrorKind::kUnavailable) {
    response.headers.emplace_back("Retry-After",
                                  fmt::format("{:.0f}", context_.engine.EstimateWait()));
  }
  reply_->Respond(std::move(response));
}

// The choices of one prompt share it, so it counts once.
api::Totals GenerationExchange::SumTotals() const {
  api::Totals totals;
  const auto seconds = [&](double api::Timings::*member, double value) {
    totals.timings.*member = std::max(totals.timings.*member, value);
  };
  for (const auto& run : runs_) {
    if (run->number % request_.choices == 0) {
      totals.usage.prompt_tokens += run->stats.prompt_tokens;
      totals.usage.cached_tokens += run->stats.cached_tokens;
    }
    totals.usage.completion_tokens += run->choice.tokens();
    totals.usage.reasoning_tokens += run->choice.reasoning_tokens();
    seconds(&api::Timings::queue_seconds, run->stats.queue_seconds);
    seconds(&api::Timings::prefill_seconds, run->stats.prefill_seconds);
    seconds(&api::Timings::decode_seconds, run->stats.decode_seconds);
  }
  return totals;
}

std::string GenerationExchange::Describe() const {
  const api::Totals totals = SumTotals();
  const auto& [usage, timings] = totals;
  return fmt::format(
      "\"model\":{},\"stream\":{},\"outcome\":\"{}\",\"prompt_tokens\":{},\"cached_tokens\":{},"
      "\"completion_tokens\":{},\"reasoning_tokens\":{},\"queue_seconds\":{:.3f},"
      "\"prefill_seconds\":{:.3f},\"decode_seconds\":{:.3f}",
      text::QuoteJson(response_.model), request_.stream, outcome_, usage.prompt_tokens,
      usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens, timings.queue_seconds,
      timings.prefill_seconds, timings.decode_seconds);
}

}  // namespace fathom::server
