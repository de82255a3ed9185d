// Where a second run of a recording goes another way.
#pragma once

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/observer.h"
#include "trace/recording.h"

namespace fathom::trace {

/// Something that was not as recorded.
struct Difference {
  enum class Kind : uint8_t { kToken, kFinish, kDecision };
  Kind kind = Kind::kToken;
  int64_t request = 0;   ///< its number; 0: of kDecision
  int64_t position = 0;  ///< of a token in the answer or of a decision, counted from 1
  std::string expected;  ///< as recorded, for people; "nothing" if it is one too many
  std::string got;
};

/// One line: "request 3, token 17: the trace has 81; this run has 9".
std::string DescribeDifference(const Difference& difference);

/// Holds what an engine does against a recording, event by event.
class Comparison final : public engine::EngineObserver {
 public:
  Comparison(const Recording& recording, bool compares_decisions)
      : recording_(recording),
        compares_decisions_(compares_decisions),
        progress_(recording.requests.size()) {
    for (const RecordedRequest& request : recording.requests)
      tokens_left_ += std::ssize(request.tokens);
  }

  int64_t steps() const { return steps_; }
  int64_t tokens() const { return tokens_; }
  int64_t tokens_left() const { return tokens_left_; }
  int64_t decisions() const { return decisions_; }
  const std::optional<Difference>& difference() const { return difference_; }

  void OnEvent(const engine::EngineEvent& event) override {
    std::visit([this](const auto& what) { Hear(what); }, event);
  }

  /// Whether all that was recorded has happened.
  bool is_complete() const { return !FindMissing(); }
  /// The first of what was recorded and has not happened.
  std::optional<Difference> FindMissing() const;

 private:
  struct Progress {
    int64_t tokens = 0;
    bool is_done = false;
  };

  void Hear(const engine::EngineOpened& /*event*/) {}
  void Hear(const engine::StepBegun& /*event*/) { ++steps_; }
  void Hear(const engine::ParkBegun& /*event*/) {}
  void Hear(const engine::RequestTaken& /*event*/) {}
  void Hear(const engine::RequestCancelled& /*event*/) {}
  void Hear(const engine::TokenTaken& event);
  void Hear(const engine::RequestDone& event);
  void Hear(const engine::CacheDecision& event);

  // How a request ended, if that says something: those that were cut off end otherwise now.
  std::optional<engine::FinishReason> FindFinish(int64_t number) const;
  void Note(Difference difference) {
    if (!difference_) difference_ = std::move(difference);
  }

  const Recording& recording_;
  const bool compares_decisions_;
  std::vector<Progress> progress_;  // of each request
  int64_t steps_ = 0;
  int64_t tokens_ = 0;
  int64_t tokens_left_ = 0;
  int64_t decisions_ = 0;
  std::optional<Difference> difference_;
};

}  // namespace fathom::trace
