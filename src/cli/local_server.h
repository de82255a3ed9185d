// A server that this process runs to measure it.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "server/server.h"

namespace fathom::cli {

/// `fathom serve` on a thread, at a free port of loopback, with a temporary directory for its
/// cache.
class LocalServer {
 public:
  /// Listens, and opens the model meanwhile. Errors are those of the server, or name the directory.
  static base::Result<std::unique_ptr<LocalServer>> Start(server::ServerOptions options);
  /// Stops it and removes the directory.
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

  std::string url() const;
  const std::string& model() const { return options_.model_directory; }

  /// Stops it, so that it saves its cache, and starts it over on the same directory and port.
  base::Status Restart();
  /// Stops it. Fails if it has ended before, since it could not open the model.
  base::Status Stop();

 private:
  LocalServer(server::ServerOptions options, std::string directory)
      : options_(std::move(options)), directory_(std::move(directory)) {}

  base::Status Begin();

  server::ServerOptions options_;
  std::string directory_;
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  base::Status status_;  // the thread's until it is joined
};

}  // namespace fathom::cli
