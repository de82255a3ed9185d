#include "server/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "server/log.h"
#include "server/page.h"

namespace fathom::server {
namespace {

constexpr std::string_view kModelPath = "/v1/models/";

std::string_view StateName(EngineThread::State state) {
  switch (state) {
    case EngineThread::State::kLoading:
      return "loading";
    case EngineThread::State::kReady:
      return "ok";
    case EngineThread::State::kFailed:
      return "failed";
    case EngineThread::State::kStopping:
    case EngineThread::State::kStopped:
      return "stopping";
  }
  return "failed";
}

bool Takes(std::string_view route_method, std::string_view method) {
  return method == route_method || (route_method == "GET" && method == "HEAD");
}

}  // namespace

Service::Service(const ServerOptions& options, const EngineThread& engine, Metrics& metrics)
    : options_(options),
      engine_(engine),
      metrics_(metrics),
      created_(std::time(nullptr)),
      access_(options.access, options.http.host) {}

std::span<const Service::Route> Service::AllRoutes() {
  using enum api::Dialect;
  using enum Needs;
  static const Route kRoutes[] = {
      {"/v1/chat/completions", "POST", kChat, kModelAndAccess, &Service::Generate},
      {"/v1/completions", "POST", kCompletions, kModelAndAccess, &Service::Generate},
      {"/v1/responses", "POST", kResponses, kModelAndAccess, &Service::Generate},
      {"/v1/messages", "POST", kMessages, kModelAndAccess, &Service::Generate},
      {"/v1/messages/count_tokens", "POST", kMessages, kModelAndAccess, &Service::CountTokens},
      {"/tokenize", "POST", kChat, kModelAndAccess, &Service::Tokenize},
      {"/detokenize", "POST", kChat, kModelAndAccess, &Service::Detokenize},
      {"/v1/models", "GET", kChat, kModelAndAccess, &Service::ListModels},
      {kModelPath, "GET", kChat, kModelAndAccess, &Service::ShowModel},
      {"/sequences", "GET", kChat, kModelAndAccess, &Service::ShowSequences},
      {"/metrics", "GET", kChat, kAccess, &Service::ShowMetrics},
      {"/version", "GET", kChat, kAccess, &Service::ShowVersion},
      {"/health", "GET", kChat, kNothing, &Service::ShowHealth},
      {kPagePath, "GET", kChat, kNothing, &Service::ShowPage},
      {kPageFilesPath, "GET", kChat, kNothing, &Service::ShowPage},
  };
  return kRoutes;
}

const Service::Route* Service::FindRoute(std::string_view path) {
  for (const Route& route : AllRoutes()) {
    const bool is_prefix = route.path.size() > 1 && route.path.ends_with('/');
    if (path == route.path || (is_prefix && path.starts_with(route.path))) return &route;
  }
  return nullptr;
}

std::optional<HttpResponse> Service::Refuse(const RequestHead& head) {
  const bool is_preflight = head.method == "OPTIONS" && !access_.MakeHeaders(head).empty();
  if (is_preflight) return HttpResponse{.status = 204};
  const std::optional<api::Error> error = Check(head);
  if (!error) return std::nullopt;
  return MakeError(head, *error);
}

std::optional<api::Error> Service::Check(const RequestHead& head) const {
  const Route* const route = FindRoute(head.path);
  if (route == nullptr || route->needs != Needs::kNothing) {
    if (auto error = access_.Check(head)) return error;
  }
  if (route == nullptr)
    return api::Error{api::ErrorKind::kNotFound, fmt::format("no such path: {}", head.path)};
  if (!Takes(route->method, head.method))
    return api::Error{api::ErrorKind::kMethodNotAllowed,
                      fmt::format("{} takes {}", head.path, route->method)};
  return route->needs == Needs::kModelAndAccess ? CheckModel() : std::nullopt;
}

std::optional<api::Error> Service::CheckModel() const {
  if (engine_.state() == EngineThread::State::kReady && model_) return std::nullopt;
  const bool loading = engine_.state() == EngineThread::State::kLoading;
  return api::Error{api::ErrorKind::kUnavailable,
                    loading ? "the model is being loaded" : "the server is stopping"};
}

HttpResponse Service::RefuseUnread(const RequestHead& head, api::ErrorKind kind) {
  const char* message = kind == api::ErrorKind::kTooLarge  ? "the request is too large"
                        : kind == api::ErrorKind::kTimeout ? "the request took too long to arrive"
                                                           : "the request is not HTTP";
  return MakeError(head, {kind, message});
}

HttpResponse Service::MakeError(const RequestHead& head, const api::Error& error) const {
  const Route* const route = FindRoute(head.path);
  const api::Dialect dialect = route != nullptr ? route->dialect : api::Dialect::kChat;
  HttpResponse response = MakeErrorResponse(dialect, error, "req_" + head.id);
  if (error.kind == api::ErrorKind::kMethodNotAllowed)
    response.headers.emplace_back("Allow", route->method);
  if (error.kind == api::ErrorKind::kUnauthorized)
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.kind == api::ErrorKind::kUnavailable) response.headers.emplace_back("Retry-After", "5");
  return response;
}

std::unique_ptr<Exchange> Service::Prepare(HttpRequest request) {
  const Route* const route = FindRoute(request.head.path);
  return (this->*route->prepare)(request, route->dialect);
}

std::unique_ptr<Exchange> Service::Generate(const HttpRequest& request, api::Dialect dialect) {
  return model_->Generate(request, dialect);
}

std::unique_ptr<Exchange> Service::CountTokens(const HttpRequest& request, api::Dialect) {
  return model_->CountTokens(request);
}

std::unique_ptr<Exchange> Service::Tokenize(const HttpRequest& request, api::Dialect) {
  return model_->Tokenize(request);
}

std::unique_ptr<Exchange> Service::Detokenize(const HttpRequest& request, api::Dialect) {
  return model_->Detokenize(request);
}

api::ModelCard Service::MakeCard() const {
  return {options_.model_name, created_, engine_.info().context};
}

std::unique_ptr<Exchange> Service::ListModels(const HttpRequest&, api::Dialect) {
  return MakeExchange([this] {
    const api::ModelCard card = MakeCard();
    return HttpResponse{.body = api::EncodeModelList({&card, 1})};
  });
}

std::unique_ptr<Exchange> Service::ShowModel(const HttpRequest& request, api::Dialect) {
  const std::string id = request.head.path.substr(kModelPath.size());
  return MakeExchange([this, id, head = request.head] {
    if (id == options_.model_name) return HttpResponse{.body = api::EncodeModel(MakeCard())};
    return MakeError(head, {api::ErrorKind::kNotFound, fmt::format("no model \"{}\"", id)});
  });
}

std::unique_ptr<Exchange> Service::ShowHealth(const HttpRequest&, api::Dialect) {
  return MakeExchange([this] {
    const EngineThread::State state = engine_.state();
    return HttpResponse{.status = state == EngineThread::State::kReady ? 200 : 503,
                        .body = fmt::format("{{\"status\":\"{}\"}}", StateName(state))};
  });
}

std::unique_ptr<Exchange> Service::ShowMetrics(const HttpRequest&, api::Dialect) {
  return MakeExchange([this] {
    return HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .body = metrics_.Print(engine_.statistics())};
  });
}

std::unique_ptr<Exchange> Service::ShowVersion(const HttpRequest&, api::Dialect) {
  return MakeExchange(HttpResponse{.body = api::EncodeVersion(options_.version)});
}

std::unique_ptr<Exchange> Service::ShowSequences(const HttpRequest&, api::Dialect) {
  return model_->ShowSequences();
}

std::unique_ptr<Exchange> Service::ShowPage(const HttpRequest& request, api::Dialect) {
  if (auto response = FindPage(request.head.path)) return MakeExchange(std::move(*response));
  const std::string message = fmt::format("no such path: {}", request.head.path);
  return MakeExchange(MakeError(request.head, {api::ErrorKind::kNotFound, message}));
}

// OpenAI's clients look for the one name, Anthropic's for the other.
HeaderList Service::CommonHeaders(const RequestHead& head) {
  HeaderList headers = access_.MakeHeaders(head);
  headers.emplace_back("x-request-id", "req_" + head.id);
  headers.emplace_back("request-id", "req_" + head.id);
  return headers;
}

// Paths and methods that anybody can make up would fill the memory, so they have one name.
void Service::Note(const RequestRecord& record) {
  const Route* const route = FindRoute(record.head->path);
  const bool is_known = route != nullptr && Takes(route->method, record.head->method);
  metrics_.NoteHttp(is_known ? route->path : "other", is_known ? record.head->method : "other",
                    record.status, record.seconds);
  if (options_.log) options_.log(FormatRequest(record));
}

}  // namespace fathom::server
