// Which tokens an answer was made of, for when it comes back as text.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fathom::kv {

/// Remembers the exact tokens of answers under keys that a client will send back: the ids of an
/// answer's tool calls or of its reasoning, or a digest of its text and of what came before it (the
/// same words may have been reached by other reasoning elsewhere). A client may drop the reasoning,
/// reorder the arguments' JSON or change white space; with the tokens that were generated, the next
/// prompt still begins like the sequence that is kept. What was used least recently is forgotten.
class ReplayMap {
 public:
  struct Answer {
    std::vector<std::string> keys;  ///< not empty, none of them twice
    std::vector<int32_t> tokens;
  };

  /// Keys and tokens take at most `limit_bytes`.
  explicit ReplayMap(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ReplayMap(const ReplayMap&) = delete;
  ReplayMap& operator=(const ReplayMap&) = delete;

  /// Remembers an answer under every one of its keys, in place of what they stood for. Empty keys
  /// are left out. An answer without keys, or larger than the limit, is not remembered.
  void Remember(Answer answer);

  /// The tokens that `keys` stand for: those of the one answer that was remembered under all of
  /// them. Nothing if a key is unknown, if they stand for different answers, or if there are none.
  std::optional<std::vector<int32_t>> Find(std::span<const std::string> keys);

  int64_t bytes() const { return bytes_; }
  int64_t size() const { return std::ssize(answers_); }

  /// Calls visit(const Answer&) for all answers, the least recently used first.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const Answer& answer : answers_) visit(answer);
  }

 private:
  using Place = std::list<Answer>::iterator;

  void Forget(Place answer);
  void ForgetKey(const std::string& key);

  int64_t limit_bytes_;
  int64_t bytes_ = 0;
  std::list<Answer> answers_;  // least recently used first
  std::unordered_map<std::string, Place> by_key_;
};

/// The bytes of one answer in a replay file: their number, their checksum, and then keys and
/// tokens.
std::string EncodeAnswer(const ReplayMap::Answer& answer);

/// Takes an answer from the front of `bytes`; nothing if what is there is not a whole one.
std::optional<ReplayMap::Answer> DecodeAnswer(std::string_view* bytes);

}  // namespace fathom::kv
