// What an engine does, told as it happens.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "engine.h"
#include "request.h"

namespace fathom::engine {

/// The engine was opened: the first event.
struct EngineOpened {
  const EngineInfo& info;
  const EngineOptions& options;
  std::string fingerprint;  ///< of the checkpoint, 32 hexadecimal digits
  int64_t files = 0;        ///< that EngineOptions::kv_directory held
};

/// Engine::Step begins.
struct StepBegun {};

/// Engine::Park begins.
struct ParkBegun {};

/// Submit took a request. Numbers count from 1.
struct RequestTaken {
  int64_t number = 0;
  const Request& request;
};

/// Cancel ends a request that was not over.
struct RequestCancelled {
  int64_t number = 0;
};

enum class TokenOrigin : uint8_t {
  kDrawn,
  kForced,  ///< Request::constraint left no choice
  kSaid,    ///< Request::force
};

/// The next token of an answer.
struct TokenTaken {
  int64_t number = 0;
  int32_t id = 0;
  TokenOrigin origin = TokenOrigin::kDrawn;
};

/// A request is over. Its on_done is about to be called.
struct RequestDone {
  int64_t number = 0;
  FinishReason finish = FinishReason::kStop;
};

/// What was found in the prefix cache, and what becomes of what it keeps. All but `look` and what
/// files do (kWritten, kRemoved, kFailed) follow from the options and from the order of calls; with
/// the same `look`s (EngineOptions::await_written) and no failures, these do too.
struct CacheDecision {
  enum class Kind : uint8_t {
    kFound,    ///< `request` begins, and `tokens` of its prompt are in memory; 0: none
    kRead,     ///< so many are in a file, and were read from there
    kKept,     ///< the position of `request` is kept
    kEvicted,  ///< and no more
    kQueued,   ///< it is on its way to a file
    kWritten,  ///< a file was written
    kRemoved,  ///< a file was deleted to make room
    kFailed,   ///< a file could not be written or read
  };
  Kind kind = Kind::kFound;
  int64_t request = 0;   ///< kFound, kRead, kKept: its number
  int64_t position = 0;  ///< counted from 1 as they are kept; 0: none, or one in a file
  int64_t tokens = 0;    ///< that lead to the position
  int64_t bytes = 0;     ///< of the file
  int64_t look = 0;      ///< how often the engine had looked for files that were written

  bool operator==(const CacheDecision&) const = default;
};

using EngineEvent = std::variant<EngineOpened, StepBegun, ParkBegun, RequestTaken, RequestCancelled,
                                 TokenTaken, RequestDone, CacheDecision>;

class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  /// Called from within Open, Submit, Cancel, Step and Park, in the order in which things happen.
  /// What an event refers to is there until this returns. It may not call the engine.
  virtual void OnEvent(const EngineEvent& event) = 0;

  /// Hears nothing.
  static EngineObserver& Nobody();
};

}  // namespace fathom::engine
