// What a trace holds of an engine: what it was asked, and what it did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/observer.h"
#include "engine/request.h"

namespace fathom::trace {

/// The engine, and its options as far as answers and the cache's decisions follow from them.
struct TraceHeader {
  std::string began;        ///< when, in UTC
  std::string program;      ///< the version
  std::string model;        ///< the checkpoint's directory
  std::string fingerprint;  ///< of the checkpoint
  std::string isa;          ///< the kernels
  int64_t context = 0;
  int64_t batch_tokens = 0;
  int64_t chunk_tokens = 0;
  int64_t max_batch = 0;
  int64_t max_queue = 0;
  int64_t kv_memory = 0;
  int64_t kv_disk = 0;
  /// Files that the cache began with; nothing: it had no directory.
  std::optional<int64_t> files;
};

struct RecordedToken {
  int32_t id = 0;
  engine::TokenOrigin origin = engine::TokenOrigin::kDrawn;

  bool operator==(const RecordedToken&) const = default;
};

/// Where a prompt repeats what an earlier request had: the beginning of its prompt and tokens.
struct Repetition {
  int64_t request = 0;  ///< its number; 0: nothing is repeated
  int64_t tokens = 0;   ///< so many of its prompt and of what it had answered by then
};

struct RecordedRequest {
  /// Without callbacks, sequence and constraint. The prompt is only what follows the repetition.
  engine::Request request;
  Repetition repeated;
  std::string constraint;  ///< what it described itself as; empty: there was none
  std::vector<RecordedToken> tokens;
  /// Nothing: it was under way when the trace ended.
  std::optional<engine::FinishReason> finish;
};

/// What the engine's owner asked of it.
struct RecordedCall {
  enum class Kind : uint8_t { kSubmit, kCancel };
  Kind kind = Kind::kSubmit;
  int64_t number = 0;  ///< of the request
  int64_t step = 0;    ///< calls of Engine::Step so far
};

struct Recording {
  TraceHeader header;
  std::vector<RecordedRequest> requests;  ///< number 1 first
  std::vector<RecordedCall> calls;        ///< in order
  std::vector<engine::CacheDecision> decisions;
  int64_t steps = 0;       ///< calls of Engine::Step before the last event
  bool is_parked = false;  ///< the engine was parked; the cache's decisions end there
  bool is_torn = false;    ///< the last line was not whole, and is left out

  const RecordedRequest& request(int64_t number) const {
    return requests[static_cast<size_t>(number - 1)];
  }
  /// The whole prompt of a request.
  std::vector<int32_t> PromptOf(int64_t number) const;
};

}  // namespace fathom::trace
