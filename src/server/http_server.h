// The transport: HTTP/1.1 over TCP, with TLS or without.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "server/http.h"
#include "server/options.h"

namespace fathom::server {

/// Reads requests, bounded in size and time, and writes what their exchanges reply. All runs on the
/// thread that calls Run, the I/O thread, but for Handler::Prepare. A connection serves one request
/// at a time. When its client leaves, the exchange under way ends at once.
class HttpServer {
 public:
  /// Listens at once, although nothing is accepted before Run. Errors name the address, or the file
  /// of the certificate or the key.
  static base::Result<std::unique_ptr<HttpServer>> Listen(const HttpOptions& options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  /// Whether only this machine can reach it.
  bool is_loopback() const;

  /// Has `on_signal` called when SIGTERM or SIGINT comes first. A second one ends the process.
  void HandleSignals(std::function<void()> on_signal);

  /// Serves until Finish. No exchange is left when it returns.
  void Run(Handler& handler);

  /// Runs a function on the I/O thread, soon. May be called from any thread.
  void Post(std::function<void()> function);

  // On the I/O thread.
  /// Accepts no more connections.
  void StopAccepting();
  /// Ends Run: at once for connections without a request under way, for others once they are
  /// answered, and in any case after some seconds.
  void Finish();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::server
