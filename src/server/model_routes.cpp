#include "server/model_routes.h"

#include <algorithm>
#include <ctime>
#include <random>
#include <utility>

#include "engine/validate.h"
#include "server/sequence_report.h"

namespace fathom::server {
namespace {

std::unique_ptr<Exchange> RefuseExchange(api::Dialect dialect, const api::Error& error,
                                         const RequestHead& head) {
  return MakeExchange(MakeErrorResponse(dialect, error, "req_" + head.id));
}

std::unique_ptr<Exchange> AnswerExchange(std::variant<std::string, api::Error> outcome,
                                         api::Dialect dialect, const RequestHead& head) {
  if (const auto* error = std::get_if<api::Error>(&outcome))
    return RefuseExchange(dialect, *error, head);
  return MakeExchange(HttpResponse{.body = std::get<std::string>(std::move(outcome))});
}

uint64_t DrawSeed() {
  thread_local std::mt19937_64 generator{std::random_device()()};
  return generator();
}

bool CanCall(const text::Conversation& conversation) {
  return !conversation.tools.empty() ||
         std::ranges::any_of(conversation.messages,
                             [](const text::Message& message) { return !message.tools.empty(); });
}

// The lower of two limits, of which negative ones are none.
int64_t LowerLimit(int64_t a, int64_t b) { return a < 0 || (b >= 0 && b < a) ? b : a; }

}  // namespace

base::Result<std::unique_ptr<ModelRoutes>> ModelRoutes::Make(
    std::shared_ptr<const text::Tokenizer> tokenizer,
    std::shared_ptr<const constraint::ConstraintVocabulary> vocabulary, engine::EngineInfo info,
    const ServerOptions& options, EngineThread& engine, Metrics& metrics) {
  FATHOM_ASSIGN(const FormatTokens format, FindFormatTokens(*tokenizer));
  FATHOM_ASSIGN(std::unique_ptr<AnswerMemory> answers,
                AnswerMemory::Open(options.engine.kv_directory, *tokenizer, format));
  FATHOM_ASSIGN(model::ModelConfig config, model::LoadConfig(info.directory));
  std::unique_ptr<ConstraintCache> constraints;
  if (vocabulary)
    constraints = std::make_unique<ConstraintCache>(std::move(vocabulary), options.log);
  return std::unique_ptr<ModelRoutes>(
      new ModelRoutes(std::move(tokenizer), format, std::move(answers), std::move(constraints),
                      std::move(config), std::move(info), options, engine, metrics));
}

ModelRoutes::ModelRoutes(std::shared_ptr<const text::Tokenizer> tokenizer,
                         const FormatTokens& format, std::unique_ptr<AnswerMemory> answers,
                         std::unique_ptr<ConstraintCache> constraints, model::ModelConfig config,
                         engine::EngineInfo info, const ServerOptions& options,
                         EngineThread& engine, Metrics& metrics)
    : tokenizer_(std::move(tokenizer)),
      format_(format),
      answers_(std::move(answers)),
      constraints_(std::move(constraints)),
      prompts_(*tokenizer_, format_, *answers_),
      config_(std::move(config)),
      info_(std::move(info)),
      options_(options),
      context_{engine, metrics, *tokenizer_, *answers_, options.log} {}

std::unique_ptr<Exchange> ModelRoutes::Generate(const HttpRequest& request,
                                                api::Dialect dialect) const {
  Outcome<PreparedGeneration> prepared = PrepareGeneration(request, dialect);
  if (const auto* error = std::get_if<api::Error>(&prepared))
    return RefuseExchange(dialect, *error, request.head);
  return std::make_unique<GenerationExchange>(context_,
                                              std::get<PreparedGeneration>(std::move(prepared)));
}

ModelRoutes::Outcome<PreparedGeneration> ModelRoutes::PrepareGeneration(
    const HttpRequest& request, api::Dialect dialect) const {
  base::Result<api::Request> parsed = api::ParseRequest(dialect, request.body, options_.parse);
  if (!parsed.ok()) return api::MakeRequestError(parsed.error());
  const base::Result<std::vector<PromptTokens>> prompts = prompts_.Encode(*parsed);
  if (!prompts.ok()) return api::MakeRequestError(prompts.error());
  PreparedGeneration prepared{.request = std::move(*parsed)};
  prepared.response = {.id = request.head.id,
                       .created = std::time(nullptr),
                       .model = options_.model_name,
                       .prompt_tokens = std::ssize(prompts->front().tokens)};
  const std::vector<int32_t>& first = prompts->front().tokens;
  if (dialect != api::Dialect::kCompletions) {
    prepared.place = AnswerMemory::NamePlace(first);
    prepared.opening = first.back();
  }
  for (const PromptTokens& prompt : *prompts) {
    const int64_t tokens = std::ssize(prompt.tokens);
    if (tokens >= info_.context) return api::MakeContextLengthError(tokens, info_.context);
    for (int i = 0; i < prepared.request.choices; ++i) {
      const auto& seed = prepared.request.seed;
      const uint64_t nth = prepared.runs.size();
      prepared.runs.push_back(MakeRun(prepared.request, prompt, seed ? *seed + nth : DrawSeed()));
      const base::Status valid = engine::CheckRequest(prepared.runs.back(), info_);
      if (!valid.ok()) return api::MakeRequestError(valid.error());
    }
  }
  const base::Status constrained = Constrain(&prepared);
  if (!constrained.ok()) return api::MakeRequestError(constrained.error());
  Guard(&prepared);
  return prepared;
}

// A completion is any text.
base::Status ModelRoutes::Constrain(PreparedGeneration* prepared) const {
  if (!constraints_ || prepared->request.dialect == api::Dialect::kCompletions) return {};
  FATHOM_ASSIGN(const auto constraints, constraints_->Find(prepared->request));
  for (engine::Request& run : prepared->runs)
    run.constraint = std::make_shared<constraint::AnswerConstraint>(constraints);
  prepared->is_constrained = true;
  prepared->check = {constraints, &constraints->check()};
  return {};
}

void ModelRoutes::Guard(PreparedGeneration* prepared) const {
  const api::Request& request = prepared->request;
  const TurnRules rules = {.starts_in_reasoning = request.StartsInReasoning(),
                           .may_call = CanCall(request.conversation),
                           .ends = !request.ignore_end,
                           .thinking_tokens = LowerLimit(request.thinking_budget.value_or(-1),
                                                         options_.turn.thinking_tokens),
                           .repetition_tokens = options_.turn.repetition_tokens};
  for (engine::Request& run : prepared->runs) {
    auto guard =
        std::make_shared<TurnGuard>(rules, format_, *tokenizer_, std::move(run.constraint));
    prepared->guards.push_back(guard);
    run.constraint = std::move(guard);
  }
}

// Stop strings are the exchange's matter, see Choice.
engine::Request ModelRoutes::MakeRun(const api::Request& request, const PromptTokens& prompt,
                                     uint64_t seed) const {
  engine::Request run;
  run.prompt = prompt.tokens;
  run.boundaries = prompt.boundaries;
  run.max_tokens = request.max_tokens;
  run.sampling = request.sampling;
  run.sampling.seed = seed;
  run.stop_tokens = request.stop_tokens;
  run.ignore_end = request.ignore_end;
  run.logprobs = request.logprobs;
  run.top_logprobs = request.top_logprobs;
  // A lower number goes first with clients, a higher one with the engine.
  run.priority = request.priority == INT32_MIN ? INT32_MAX : -request.priority;
  if (options_.script) run.force = options_.script(prompt.tokens);
  return run;
}

std::unique_ptr<Exchange> ModelRoutes::CountTokens(const HttpRequest& request) const {
  constexpr auto kDialect = api::Dialect::kMessages;
  const auto count = [&]() -> Outcome<std::string> {
    const base::Result<api::Request> parsed =
        api::ParseRequest(kDialect, request.body, options_.parse);
    if (!parsed.ok()) return api::MakeRequestError(parsed.error());
    const base::Result<std::vector<PromptTokens>> prompts = prompts_.Encode(*parsed);
    if (!prompts.ok()) return api::MakeRequestError(prompts.error());
    return api::EncodeTokenCount(std::ssize(prompts->front().tokens));
  };
  return AnswerExchange(count(), kDialect, request.head);
}

std::unique_ptr<Exchange> ModelRoutes::Tokenize(const HttpRequest& request) const {
  return AnswerExchange(TokenizeBody(request.body), api::Dialect::kChat, request.head);
}

std::unique_ptr<Exchange> ModelRoutes::Detokenize(const HttpRequest& request) const {
  return AnswerExchange(DetokenizeBody(request.body), api::Dialect::kChat, request.head);
}

std::unique_ptr<Exchange> ModelRoutes::ShowSequences() const {
  return MakeExchange([this] {
    const EngineThread& engine = context_.engine;
    return HttpResponse{.body = EncodeSequences({.model_name = options_.model_name,
                                                 .config = config_,
                                                 .info = info_,
                                                 .statistics = engine.statistics(),
                                                 .requests = engine.requests()})};
  });
}

ModelRoutes::Outcome<std::string> ModelRoutes::TokenizeBody(std::string_view body) const {
  const auto request = api::ParseTokenizeRequest(body, options_.parse);
  if (!request.ok()) return api::MakeRequestError(request.error());
  base::Result<std::vector<int32_t>> tokens = prompts_.Encode(*request);
  if (!tokens.ok()) return api::MakeRequestError(tokens.error());
  api::Tokenization tokenization;
  tokenization.tokens = std::move(*tokens);
  tokenization.context = info_.context;
  if (request->return_token_strings) {
    auto& strings = tokenization.token_strings.emplace();
    for (const int32_t id : tokenization.tokens) strings.emplace_back(tokenizer_->BytesOf(id));
  }
  return api::EncodeTokenization(tokenization);
}

ModelRoutes::Outcome<std::string> ModelRoutes::DetokenizeBody(std::string_view body) const {
  const auto tokens = api::ParseDetokenizeRequest(body, options_.parse);
  if (!tokens.ok()) return api::MakeRequestError(tokens.error());
  const base::Result<std::string> text = tokenizer_->Decode(*tokens);
  if (!text.ok()) return api::MakeRequestError(text.error());
  return api::EncodeDetokenization(*text);
}

}  // namespace fathom::server
