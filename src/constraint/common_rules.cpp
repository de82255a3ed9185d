#include "constraint/common_rules.h"

#include "constraint/numbers.h"

namespace fathom::constraint {
namespace {

// More than any token has.
constexpr LengthBounds kManyCharacters = {.most = 65536};

// Any bytes, half characters too: nothing is held against free text.
NodeId AddFreeText(Symbol end, Grammar* grammar) {
  const NodeId text = grammar->AddConsumer({});
  grammar->AddEdge(text, {0, kBytes - 1, text});
  grammar->AddEdge(text, {end, end, grammar->end()});
  return text;
}

NodeId AddTextToCalls(Grammar* grammar) {
  const NodeId text = grammar->AddConsumer({});
  grammar->AddEdge(text, {0, kBytes - 1, text});
  grammar->AddEdge(text, {'<', '<', grammar->AddSymbol(kDsml, grammar->end())});
  return text;
}

NodeId AddAnyArray(NodeId any_value, Grammar* grammar) {
  const NodeId close = grammar->AddBytes("]", grammar->end());
  const NodeId after_item = grammar->AddFork();
  const NodeId item = grammar->AddCall(any_value, after_item);
  grammar->AddBranch(after_item, {.target = close});
  grammar->AddBranch(after_item, {.target = grammar->AddBytes(", ", item)});
  const NodeId choices[] = {close, item};
  return grammar->AddBytes("[", grammar->AddChoice(choices));
}

NodeId AddAnyObject(NodeId any_value, NodeId json_string, Grammar* grammar) {
  const NodeId close = grammar->AddBytes("}", grammar->end());
  const NodeId after_member = grammar->AddFork();
  const NodeId value = grammar->AddBytes(": ", grammar->AddCall(any_value, after_member));
  const NodeId member = grammar->AddBytes("\"", grammar->AddCall(json_string, value));
  grammar->AddBranch(after_member, {.target = close});
  grammar->AddBranch(after_member, {.target = grammar->AddBytes(", ", member)});
  const NodeId choices[] = {close, member};
  return grammar->AddBytes("{", grammar->AddChoice(choices));
}

}  // namespace

CommonRules AddCommonRules(Grammar* grammar) {
  const NodeId end = grammar->end();
  CommonRules rules;
  rules.json_string = AddStringRule(Spelling::kJson, grammar);
  rules.raw_string = AddStringRule(Spelling::kRaw, grammar);
  rules.json_counter = AddBoundedString(Spelling::kJson, kManyCharacters, 0, grammar);
  rules.raw_counter = AddBoundedString(Spelling::kRaw, kManyCharacters, 0, grammar);
  rules.json_places = grammar->AddPlaces({.nodes = {rules.json_counter}});
  rules.raw_places = grammar->AddPlaces({.nodes = {rules.raw_counter}});
  rules.raw_key = AddRawKeyRule(grammar);
  rules.number = AddNumber({}, end, grammar);
  rules.integer = AddNumber({.is_integer = true}, end, grammar);
  rules.any_value = grammar->AddFork();
  rules.any_object = AddAnyObject(rules.any_value, rules.json_string, grammar);
  const NodeId others[] = {
      rules.any_object,
      AddAnyArray(rules.any_value, grammar),
      rules.number,
      grammar->AddBytes("true", end),
      grammar->AddBytes("false", end),
      grammar->AddBytes("null", end),
  };
  rules.any_but_string = grammar->AddChoice(others);
  grammar->AddBranch(rules.any_value, {.target = rules.any_but_string});
  const NodeId string = grammar->AddBytes("\"", grammar->AddCall(rules.json_string, end));
  grammar->AddBranch(rules.any_value, {.target = string});
  rules.reasoning = AddFreeText(kThinkEnd, grammar);
  rules.text_to_end = AddFreeText(kEndOfSentence, grammar);
  rules.text_to_calls = AddTextToCalls(grammar);
  return rules;
}

}  // namespace fathom::constraint
