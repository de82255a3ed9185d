// Which request is answered how, who may ask, and what is written down of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/error.h"
#include "api/request.h"
#include "api/service.h"
#include "server/access.h"
#include "server/engine_thread.h"
#include "server/http.h"
#include "server/metrics.h"
#include "server/model_routes.h"
#include "server/options.h"

namespace fathom::server {

class Service final : public Handler {
 public:
  /// `options`, `engine` and `metrics` outlive it.
  Service(const ServerOptions& options, const EngineThread& engine, Metrics& metrics);

  /// From now on there is a model. On the I/O thread.
  void SetModel(std::unique_ptr<ModelRoutes> model) { model_ = std::move(model); }

  std::optional<HttpResponse> Refuse(const RequestHead& head) override;
  HttpResponse RefuseUnread(const RequestHead& head, api::ErrorKind kind) override;
  std::unique_ptr<Exchange> Prepare(HttpRequest request) override;
  HeaderList CommonHeaders(const RequestHead& head) override;
  void Note(const RequestRecord& record) override;

 private:
  // What has to be there before a request is answered.
  enum class Needs : uint8_t { kNothing, kAccess, kModelAndAccess };

  struct Route {
    std::string_view path;    // one that ends in '/' stands for all that begin so, "/" for itself
    std::string_view method;  // GET: HEAD too
    api::Dialect dialect;
    Needs needs;
    std::unique_ptr<Exchange> (Service::*prepare)(const HttpRequest& request, api::Dialect dialect);
  };

  static std::span<const Route> AllRoutes();
  static const Route* FindRoute(std::string_view path);

  std::optional<api::Error> Check(const RequestHead& head) const;
  std::optional<api::Error> CheckModel() const;
  HttpResponse MakeError(const RequestHead& head, const api::Error& error) const;

  std::unique_ptr<Exchange> Generate(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> CountTokens(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> Tokenize(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> Detokenize(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ListModels(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ShowModel(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ShowHealth(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ShowMetrics(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ShowVersion(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ShowSequences(const HttpRequest& request, api::Dialect dialect);
  std::unique_ptr<Exchange> ShowPage(const HttpRequest& request, api::Dialect dialect);
  api::ModelCard MakeCard() const;

  const ServerOptions& options_;
  const EngineThread& engine_;
  Metrics& metrics_;
  const int64_t created_;
  const Access access_;
  std::unique_ptr<ModelRoutes> model_;
};

}  // namespace fathom::server
