// How the server is to run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/parse.h"
#include "engine/engine.h"

namespace fathom::server {

/// The transport. Seconds are bounds on silence or slowness, after which a connection is closed.
struct HttpOptions {
  std::string host = "127.0.0.1";  ///< an address, or "localhost"
  uint16_t port = 8000;            ///< 0: any that is free
  /// Files in PEM form; both or none.
  std::string tls_certificate{};
  std::string tls_key{};
  uint64_t max_body_bytes = uint64_t{32} << 20;
  uint32_t max_header_bytes = 16 << 10;
  int64_t max_connections = 256;
  double header_seconds = 15;  ///< for the whole head of a request
  double body_seconds = 120;   ///< for the whole body
  double idle_seconds = 75;    ///< between two requests of a connection
  double write_seconds = 120;  ///< in which a client reads nothing of what is sent to it
  double heartbeat_seconds = 10;
};

/// Who may ask.
struct AccessOptions {
  std::vector<std::string> keys{};  ///< None: everybody who can reach the address.
  /// Whether an address that other machines can reach may go without a key.
  bool allow_everybody = false;
  /// Origins of pages in browsers that may ask, beside those of this server; "*": all.
  std::vector<std::string> allowed_origins{};
};

/// What no turn may do, whatever its request says; see TurnGuard.
struct TurnLimits {
  int64_t thinking_tokens = -1;      ///< most tokens of reasoning; negative: no limit
  int64_t repetition_tokens = 4096;  ///< most that repeat one another; 0: no limit
};

struct ServerOptions {
  HttpOptions http{};
  AccessOptions access{};
  std::string model_directory{};
  std::string model_name{};  ///< Empty: the last part of the directory.
  std::string version{};
  engine::EngineOptions engine{};
  api::ParseOptions parse{};
  /// Whether answers are held to tools that are there and to schemas. Without it calls are what the
  /// parser makes of the text.
  bool constrain = true;
  TurnLimits turn{};
  /// How long requests that are under way may go on once the server is told to stop.
  double drain_seconds = 20;
  bool handles_signals = true;  ///< Whether SIGTERM and SIGINT stop it.
  /// Takes one line of the log, a JSON object. From any thread.
  std::function<void(std::string_view)> log{};
  /// For tests: gives Request::force for the answer to a prompt, or an empty function. From any
  /// thread.
  std::function<engine::Request::Force(const std::vector<int32_t>& prompt)> script{};
};

}  // namespace fathom::server
