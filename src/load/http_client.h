// The transport: streamed chat completions of many clients side by side, over HTTP/1.1.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "load/exchange.h"
#include "load/target.h"

namespace fathom::load {

/// One client, which has one request under way at a time.
class Client {
 public:
  virtual ~Client() = default;
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The body of the next request; nothing once it is done.
  virtual std::optional<std::string> NextRequest() = 0;
  /// Takes what came of it. Returns how many seconds the client waits before it goes on.
  virtual double Hear(const Exchange& exchange) = 0;
};

struct HttpClientOptions {
  std::string api_key{};         ///< empty: none is sent
  double silence_seconds = 300;  ///< in which nothing comes, after which a request has failed
  /// Asked ten times a second: whether to drop what is under way, of which no client hears.
  std::function<bool()> stops{};
};

/// Lets each client ask until it is done, or it is told to stop. All runs on the calling thread. A
/// request has a connection of its own, whose making is part of its time; certificates have to be
/// valid for the host. Whatever the server does becomes an Exchange; an error, which begins with
/// the URL, is a host that has no address.
base::Status RunClients(const Target& target, const HttpClientOptions& options,
                        std::span<Client* const> clients);

/// Seconds of the clock of exchanges.
double ReadClock();

}  // namespace fathom::load
