// What keeps a turn from going wrong where models do.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/answer.h"
#include "engine/request.h"
#include "server/format_tokens.h"
#include "server/repetition.h"
#include "text/tokenizer.h"

namespace fathom::server {

struct TurnRules {
  bool starts_in_reasoning = false;
  bool may_call = false;          ///< whether a call may follow the reasoning
  bool ends = true;               ///< whether the end of the sentence ends it
  int64_t thinking_tokens = -1;   ///< most tokens of reasoning; negative: no limit
  int64_t repetition_tokens = 0;  ///< most that repeat one another, see RepetitionDetector; 0: all
};

/// Holds one turn to rules that depend on nothing but its tokens, beside whatever else it is held
/// to:
/// - A call that begins inside the reasoning begins behind it: where the marker of a tag is drawn,
///   the end of the reasoning and an empty line come instead.
/// - A reasoning ends at its limit, and when it goes in circles for a quarter of what an answer
///   may: nobody needs to read it.
/// - An answer after a reasoning does not end before it says anything: for a few times its end is
///   drawn again, without the end. Nor does the sentence end inside the reasoning.
/// - An answer that goes in circles ends, inside a call too. Then the call is not finished: an end
///   that the model did not give it would be a call that nobody meant.
class TurnGuard final : public engine::TokenConstraint {
 public:
  /// `inner`, which may be null, is what the turn is held to besides. `tokenizer` outlives this.
  TurnGuard(const TurnRules& rules, const FormatTokens& format, const text::Tokenizer& tokenizer,
            std::shared_ptr<engine::TokenConstraint> inner);

  bool IsFree() const override { return !inner_ && !bans_end_; }
  void Fill(std::span<uint64_t> mask) override;
  bool Refuses(int32_t token) override;
  /// Always true. What `inner` does not accept is the end of it alone.
  bool Accept(int32_t token) override;
  std::vector<int32_t> FindForced() override;
  std::string Describe() const override { return description_; }

  /// What happened, in its order, each once.
  const std::vector<api::TurnNote>& notes() const { return notes_; }

 private:
  bool WatchesForCalls() const { return in_reasoning_ && rules_.may_call && inner_; }
  bool RefusesInReasoning(int32_t token);
  bool IsBlank(int32_t token) const;
  void FollowReasoning(int32_t token);
  void FollowAnswer(int32_t token);
  void Note(api::TurnNote note);

  const TurnRules rules_;
  const std::string description_;
  const FormatTokens format_;
  const text::Tokenizer& tokenizer_;
  std::shared_ptr<engine::TokenConstraint> inner_;
  std::vector<api::TurnNote> notes_;

  bool in_reasoning_;
  bool is_blank_;  // nothing was said since the reasoning
  bool bans_end_ = false;
  int ends_refused_ = 0;
  int64_t reasoning_tokens_ = 0;
  RepetitionDetector repetition_;
  std::vector<int32_t> forced_;  // what comes next
};

}  // namespace fathom::server
