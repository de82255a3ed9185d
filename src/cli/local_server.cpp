#include "cli/local_server.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace fathom::cli {
namespace {

base::Result<std::string> MakeTemporaryDirectory() {
  const char* const parent = std::getenv("TMPDIR");
  std::string pattern = fmt::format("{}/fathom-XXXXXX", parent != nullptr ? parent : "/tmp");
  if (::mkdtemp(pattern.data()) == nullptr)
    return base::MakeError("{}: {}", pattern, std::strerror(errno));
  return pattern;
}

}  // namespace

base::Result<std::unique_ptr<LocalServer>> LocalServer::Start(server::ServerOptions options) {
  FATHOM_ASSIGN(std::string directory, MakeTemporaryDirectory());
  options.engine.kv_directory = directory;
  options.http.host = "127.0.0.1";
  options.http.port = 0;
  options.handles_signals = false;
  std::unique_ptr<LocalServer> local(new LocalServer(std::move(options), std::move(directory)));
  FATHOM_TRY(local->Begin());
  return local;
}

LocalServer::~LocalServer() {
  static_cast<void>(Stop());
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string LocalServer::url() const {
  return fmt::format("http://{}:{}", options_.http.host, options_.http.port);
}

base::Status LocalServer::Begin() {
  FATHOM_ASSIGN(server_, server::Server::Listen(options_));
  options_.http.port = server_->port();
  thread_ = std::thread([this] { status_ = server_->Run(); });
  return {};
}

base::Status LocalServer::Stop() {
  if (thread_.joinable()) {
    server_->Stop();
    thread_.join();
  }
  return status_;
}

base::Status LocalServer::Restart() {
  FATHOM_TRY(Stop());
  server_.reset();
  return Begin();
}

}  // namespace fathom::cli
