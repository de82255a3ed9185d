// `fathom serve`: the engine, the routes and the transport together.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "server/options.h"

namespace fathom::server {

class Server {
 public:
  /// Listens. Errors name the option, the address or the file. An address that other machines can
  /// reach needs a key, unless AccessOptions::allow_everybody.
  static base::Result<std::unique_ptr<Server>> Listen(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;

  /// Opens the model, meanwhile telling clients that it is being opened, and serves until Stop or,
  /// if it handles signals, the first SIGTERM or SIGINT. Fails if the model cannot be opened.
  base::Status Run();

  /// Ends Run: requests under way get ServerOptions::drain_seconds, then the engine saves what it
  /// keeps. May be called from any thread.
  void Stop();

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::server
