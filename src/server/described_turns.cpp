#include "server/described_turns.h"

#include "text/field.h"

namespace fathom::server {
namespace {

using text::Field;
using text::Json;

// Schemas, which may be as deep as requests, stand in here.
constexpr int kMaxTurnDepth = text::JsonReadOptions().max_depth + 16;

base::Result<TurnRules> ReadRules(const Field& object) {
  FATHOM_TRY(RequireObject(object));
  TurnRules rules;
  FATHOM_ASSIGN(rules.starts_in_reasoning, ReadBool(object.Member("starts_in_reasoning")));
  FATHOM_ASSIGN(rules.may_call, ReadBool(object.Member("may_call")));
  FATHOM_ASSIGN(rules.ends, ReadBool(object.Member("ends")));
  FATHOM_ASSIGN(rules.thinking_tokens, ReadInteger(object.Member("thinking_tokens")));
  FATHOM_ASSIGN(rules.repetition_tokens, ReadInteger(object.Member("repetition_tokens")));
  return rules;
}

}  // namespace

std::string DescribeTurn(const TurnRules& rules, const engine::TokenConstraint* inner) {
  const std::string turn = PrintJson(Json(Json::Object{
      {"starts_in_reasoning", Json(rules.starts_in_reasoning)},
      {"may_call", Json(rules.may_call)},
      {"ends", Json(rules.ends)},
      {"thinking_tokens", Json(rules.thinking_tokens)},
      {"repetition_tokens", Json(rules.repetition_tokens)},
  }));
  const std::string answer = inner ? inner->Describe() : "";
  return R"({"turn":)" + turn + (answer.empty() ? "" : R"(,"answer":)" + answer) + "}";
}

base::Result<std::shared_ptr<engine::TokenConstraint>> DescribedTurns::Make(
    const std::string& description) {
  FATHOM_ASSIGN(const Json json,
                text::ReadJson(description, "constraint", {.max_depth = kMaxTurnDepth}));
  const Field object = {.json = &json, .path = "constraint"};
  FATHOM_TRY(RequireObject(object));
  FATHOM_ASSIGN(const TurnRules rules, ReadRules(object.Member("turn")));
  const Field answer = object.Member("answer");
  std::shared_ptr<engine::TokenConstraint> inner;
  if (!answer.IsMissing()) {
    FATHOM_ASSIGN(inner, inner_.Make(PrintJson(*answer.json)));
  }
  FATHOM_ASSIGN(const text::Tokenizer* tokenizer, inner_.ReadTokenizer());
  FATHOM_ASSIGN(const FormatTokens format, FindFormatTokens(*tokenizer));
  return std::shared_ptr<engine::TokenConstraint>(
      std::make_shared<TurnGuard>(rules, format, *tokenizer, std::move(inner)));
}

}  // namespace fathom::server
