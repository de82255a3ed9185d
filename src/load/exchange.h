// One request as its client saw it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "load/chat_stream.h"
#include "load/event_stream.h"

namespace fathom::load {

enum class Failure : uint8_t {
  kNone,
  kConnection,  ///< could not be made
  kClosed,      ///< or broke before the answer was complete
  kTimeout,     ///< nothing came for too long
  kStatus,      ///< another one than 200
  kError,       ///< the stream told of an error
  kMalformed,   ///< what came is no stream of a chat completion
  kEmpty,       ///< the answer has no text
};

/// Times are seconds of one steady clock.
struct Exchange {
  double begun = 0;          ///< before its connection was made
  double first = 0;          ///< when the first piece of text had been read; 0: none came
  double last = 0;           ///< when the last one had been
  double ended = 0;          ///< when the answer was complete, or had failed
  std::vector<double> gaps;  ///< between pieces that followed one another
  int status = 0;            ///< 0: no response
  std::optional<double> retry_seconds;  ///< Retry-After
  Failure failure = Failure::kNone;
  std::string problem;  ///< of a failure, one line
  ChatAnswer answer;

  void Fail(Failure kind, std::string what) {
    failure = kind;
    problem = std::move(what);
  }
};

/// "HTTP 429", "timeout", ...
std::string NameFailure(const Exchange& exchange);

/// Reads the body of a response while it arrives.
class ResponseReader {
 public:
  /// The exchange outlives it, and has the response's status.
  explicit ResponseReader(Exchange& exchange) : exchange_(exchange) {}

  /// Takes the next bytes, which may end anywhere, read at `now`. Returns whether what follows is
  /// of interest; after a complete answer it is not looked at.
  bool Take(std::string_view bytes, double now);
  /// No more will come. Not to be called if the exchange has failed otherwise.
  void End();

  bool is_complete() const { return is_complete_; }

 private:
  void Hear(std::string_view data, double now);

  Exchange& exchange_;
  EventStreamParser events_;
  ChatStream chat_;
  std::string error_body_;
  bool is_complete_ = false;
};

}  // namespace fathom::load
