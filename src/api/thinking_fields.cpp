#include "api/request_fields.h"

namespace fathom::api {
namespace {

using base::Status;
using text::Field;
using text::ThinkingEffort;

// What the fields of one request say about thinking, taken together.
class ThinkingVotes {
 public:
  // A level of effort; where thinking is off by default it does not turn it on.
  Status ReadLevel(const Field& field) {
    static constexpr text::Named<ThinkingEffort> kLevels[] = {
        {"none", ThinkingEffort::kNone}, {"minimal", ThinkingEffort::kNone},
        {"low", ThinkingEffort::kHigh},  {"medium", ThinkingEffort::kHigh},
        {"high", ThinkingEffort::kHigh}, {"xhigh", ThinkingEffort::kMax},
        {"max", ThinkingEffort::kMax},
    };
    if (field.IsMissingOrNull()) return {};
    FATHOM_ASSIGN(const auto level, text::ReadName<ThinkingEffort>(field, kLevels));
    if (level == ThinkingEffort::kNone) off_ = true;
    if (level == ThinkingEffort::kHigh) high_ = true;
    if (level == ThinkingEffort::kMax) max_ = true;
    return {};
  }

  Status ReadSwitch(const Field& field) {
    FATHOM_ASSIGN(const auto on, text::ReadOptionalBool(field));
    if (on.has_value()) (*on ? on_ : off_) = true;
    return {};
  }

  // Anthropic's and DeepSeek's {"type", "budget_tokens"}; a boolean in vLLM's DeepSeek templates.
  Status ReadThinkingObject(const Field& field) {
    static constexpr text::Named<bool> kTypes[] = {
        {"enabled", true}, {"adaptive", true}, {"auto", true}, {"disabled", false}};
    if (field.IsMissingOrNull()) return {};
    if (!field.IsObject()) return ReadSwitch(field);
    FATHOM_ASSIGN(const bool on, text::ReadName<bool>(field.Member("type"), kTypes));
    (on ? on_ : off_) = true;
    return on ? ReadBudget(field.Member("budget_tokens")) : Status();
  }

  // 0 turns thinking off, a negative number sets no limit.
  Status ReadBudget(const Field& field) {
    FATHOM_ASSIGN(const auto budget, text::ReadOptionalInteger(field));
    if (!budget.has_value() || *budget < 0) return {};
    if (*budget == 0) {
      off_ = true;
    } else if (!budget_.has_value() || *budget < *budget_) {
      budget_ = *budget;
    }
    return {};
  }

  void Decide(ThinkingEffort default_effort, bool level_turns_on, Request* request) const {
    const bool on = on_ || (level_turns_on && (high_ || max_));
    request->effort = default_effort;
    if (off_ || (!on && default_effort == ThinkingEffort::kNone)) {
      request->effort = ThinkingEffort::kNone;
    } else if (max_) {
      request->effort = ThinkingEffort::kMax;
    } else if (high_ || default_effort == ThinkingEffort::kNone) {
      request->effort = ThinkingEffort::kHigh;
    }
    if (request->effort != ThinkingEffort::kNone) request->thinking_budget = budget_;
  }

 private:
  bool off_ = false;
  bool on_ = false;
  bool high_ = false;
  bool max_ = false;
  std::optional<int64_t> budget_;
};

}  // namespace

Status ReadThinking(const Field& root, const ParseOptions& options, Request* request) {
  ThinkingVotes votes;
  FATHOM_TRY(votes.ReadThinkingObject(root.Member("thinking")));
  FATHOM_TRY(votes.ReadLevel(root.Member("reasoning_effort")));
  FATHOM_TRY(votes.ReadLevel(root.Member("output_config").Member("effort")));
  FATHOM_TRY(votes.ReadSwitch(root.Member("enable_thinking")));

  const Field reasoning = root.Member("reasoning");
  FATHOM_TRY(votes.ReadLevel(reasoning.Member("effort")));
  FATHOM_TRY(votes.ReadSwitch(reasoning.Member("enabled")));
  FATHOM_TRY(votes.ReadBudget(reasoning.Member("max_tokens")));

  const Field template_options = root.Member("chat_template_kwargs");
  FATHOM_TRY(votes.ReadSwitch(template_options.Member("thinking")));
  FATHOM_TRY(votes.ReadSwitch(template_options.Member("enable_thinking")));
  FATHOM_TRY(votes.ReadLevel(template_options.Member("reasoning_effort")));

  FATHOM_TRY(votes.ReadBudget(root.Member("thinking_budget")));
  FATHOM_TRY(votes.ReadBudget(root.Member("thinking_token_budget")));

  const bool is_anthropic = request->dialect == Dialect::kMessages;
  votes.Decide(is_anthropic ? ThinkingEffort::kNone : options.default_effort, !is_anthropic,
               request);
  return {};
}

}  // namespace fathom::api
