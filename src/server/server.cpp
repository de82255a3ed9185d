#include "server/server.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "constraint/answer_constraint.h"
#include "server/engine_thread.h"
#include "server/http_server.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/model_routes.h"
#include "server/service.h"
#include "text/json.h"
#include "text/tokenizer.h"

namespace fathom::server {
namespace {

// "models/DeepSeek-V4-Flash/" is called DeepSeek-V4-Flash.
std::string NameModel(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::weakly_canonical(directory, ignored);
  if (path.filename().empty()) path = path.parent_path();
  return path.filename().string();
}

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, std::unique_ptr<HttpServer> http)
      : options_(std::move(options)), http_(std::move(http)), metrics_(options_.model_name) {}

  uint16_t port() const { return http_->port(); }
  base::Status Run();
  void Stop() {
    http_->Post([this] { BeginStop(); });
  }

 private:
  engine::Engine::OpenResult Open();
  void Hear(EngineThread::State state);
  void BeginStop();
  void Fail(std::string error);
  void Log(std::string_view event, std::string_view details = {}) const;

  ServerOptions options_;
  std::unique_ptr<HttpServer> http_;
  Metrics metrics_;
  // The engine thread's until it is ready.
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  std::shared_ptr<const constraint::ConstraintVocabulary> vocabulary_;  // null: no constraints
  std::optional<EngineThread> engine_;
  std::optional<Service> service_;
  std::string error_;
};

base::Status Server::Impl::Run() {
  const int64_t capacity = options_.engine.max_batch + options_.engine.max_queue;
  Log("loading",
      fmt::format("\"model\":{},\"port\":{}", text::QuoteJson(options_.model_directory), port()));
  engine_.emplace([this] { return Open(); },
                  [this](std::function<void()> function) { http_->Post(std::move(function)); },
                  capacity, [this](EngineThread::State state) { Hear(state); });
  service_.emplace(options_, *engine_, metrics_);
  if (options_.handles_signals) http_->HandleSignals([this] { BeginStop(); });
  http_->Run(*service_);
  Log("stopped");
  return error_.empty() ? base::Status() : base::Error{error_};
}

// On the engine's thread.
engine::Engine::OpenResult Server::Impl::Open() {
  const std::string path = options_.model_directory + "/tokenizer.json";
  base::Result<text::Tokenizer> tokenizer = text::Tokenizer::Load(path);
  if (!tokenizer.ok()) return {nullptr, tokenizer.error().message};
  tokenizer_ = std::make_shared<text::Tokenizer>(std::move(*tokenizer));
  if (options_.constrain) {
    auto vocabulary = constraint::ConstraintVocabulary::Make(*tokenizer_);
    if (!vocabulary.ok())
      return {nullptr, options_.model_directory + "/" + vocabulary.error().message};
    vocabulary_ = std::move(*vocabulary);
  }
  engine::EngineOptions engine = options_.engine;
  engine.on_log = [this](std::string_view line) {
    Log("cache", "\"message\":" + text::QuoteJson(line));
  };
  return engine::Engine::Open(options_.model_directory, engine);
}

void Server::Impl::Hear(EngineThread::State state) {
  switch (state) {
    case EngineThread::State::kLoading:
    case EngineThread::State::kStopping:
      return;
    case EngineThread::State::kFailed:
      return Fail(engine_->error());
    case EngineThread::State::kStopped:
      return http_->Finish();
    case EngineThread::State::kReady:
      break;
  }
  auto routes =
      ModelRoutes::Make(tokenizer_, vocabulary_, engine_->info(), options_, *engine_, metrics_);
  if (!routes.ok()) return Fail(options_.model_directory + "/" + routes.error().message);
  service_->SetModel(std::move(*routes));
  Log("ready", fmt::format("\"context\":{},\"threads\":{},\"isa\":\"{}\"", engine_->info().context,
                           engine_->info().threads, engine_->info().isa));
}

void Server::Impl::BeginStop() {
  if (engine_->state() == EngineThread::State::kFailed) return;
  Log("stopping", fmt::format("\"requests\":{}", engine_->outstanding()));
  http_->StopAccepting();
  engine_->Stop(options_.drain_seconds);
}

void Server::Impl::Fail(std::string error) {
  error_ = std::move(error);
  http_->Finish();
}

void Server::Impl::Log(std::string_view event, std::string_view details) const {
  if (options_.log) options_.log(FormatEvent(event, details));
}

base::Result<std::unique_ptr<Server>> Server::Listen(ServerOptions options) {
  const HttpOptions& http_options = options.http;
  if (http_options.tls_certificate.empty() != http_options.tls_key.empty())
    return base::MakeError("tls-cert and tls-key: one needs the other");
  FATHOM_ASSIGN(std::unique_ptr<HttpServer> http, HttpServer::Listen(http_options));
  const AccessOptions& access = options.access;
  if (!http->is_loopback() && access.keys.empty() && !access.allow_everybody)
    return base::MakeError("{}: other machines can reach this address, so it needs an API key",
                           http_options.host);
  if (options.model_name.empty()) options.model_name = NameModel(options.model_directory);
  return std::unique_ptr<Server>(
      new Server(std::make_unique<Impl>(std::move(options), std::move(http))));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;
uint16_t Server::port() const { return impl_->port(); }
base::Status Server::Run() { return impl_->Run(); }
void Server::Stop() { impl_->Stop(); }

}  // namespace fathom::server
