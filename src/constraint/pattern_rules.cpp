#include "constraint/pattern_rules.h"

#include <algorithm>
#include <set>

#include "constraint/pattern.h"

namespace fathom::constraint {
namespace {

using Members = std::vector<bool>;  // classes of characters, by number

constexpr size_t kFewCharacters = 10;  // what allows no more is soon walked

Members FindAlive(const CharacterAutomaton::State& state) {
  Members alive;
  for (const int32_t next : state.next) alive.push_back(next != CharacterAutomaton::kDead);
  return alive;
}

CharacterSet UniteClasses(const CharacterAutomaton& automaton, const Members& members) {
  CharacterSet all;
  for (size_t c = 0; c < members.size(); ++c)
    if (members[c]) all.insert(all.end(), automaton.classes[c].begin(), automaton.classes[c].end());
  return Normalize(std::move(all));
}

// Of each state, whether many tokens may come there.
std::vector<bool> FindWide(const CharacterAutomaton& automaton) {
  std::vector<bool> wide;
  for (const CharacterAutomaton::State& state : automaton.states) {
    const CharacterSet alive = UniteClasses(automaton, FindAlive(state));
    wide.push_back(state.is_free || CountCharacters(alive) > kFewCharacters);
  }
  return wide;
}

// The nodes of states from which a walk of the vocabulary takes long: what is wide, and what comes
// there after a character.
std::vector<NodeId> FindPlaces(const CharacterAutomaton& automaton,
                               const std::vector<NodeId>& nodes) {
  const std::vector<bool> wide = FindWide(automaton);
  std::vector<NodeId> places;
  for (size_t i = 0; i < nodes.size(); ++i) {
    const CharacterAutomaton::State& state = automaton.states[i];
    const bool leads_on = std::any_of(state.next.begin(), state.next.end(), [&](int32_t next) {
      return next != CharacterAutomaton::kDead && wide[static_cast<size_t>(next)];
    });
    if (!state.is_free && (wide[i] || leads_on)) places.push_back(nodes[i]);
  }
  return places;
}

}  // namespace

std::optional<NodeId> PatternRules::Add(std::string_view pattern, const LengthBounds& bounds,
                                        Spelling spelling) {
  const Key key = {std::string(pattern), bounds.least, bounds.most, spelling};
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  return known_[key] = Make(pattern, bounds, spelling);
}

std::optional<NodeId> PatternRules::Make(std::string_view pattern, const LengthBounds& bounds,
                                         Spelling spelling) {
  const base::Result<Pattern> read = ReadPattern(pattern);
  if (!read.ok()) return std::nullopt;
  const std::optional<CharacterAutomaton> automaton = MakeAutomaton(*read, &budget_);
  if (!automaton) return std::nullopt;
  const bool is_bounded = bounds.least > 0 || bounds.most;
  const std::optional<CharacterAutomaton> bounded =
      is_bounded ? BoundLength(*automaton, bounds, &budget_) : std::nullopt;
  if (is_bounded && !bounded) return std::nullopt;
  const std::vector<NodeId> free = AddStates(*automaton, spelling);
  const std::vector<NodeId> nodes = is_bounded ? AddStates(*bounded, spelling) : free;
  const std::vector<NodeId> slow = FindPlaces(is_bounded ? *bounded : *automaton, nodes);
  if (slow.empty() || grammar_->places().size() == Grammar::kMaxPlaces) return nodes[0];
  Grammar::Places places = {FindPlaces(*automaton, free)};
  if (is_bounded) places.counter = common_.Counter(spelling);
  const uint8_t number = grammar_->AddPlaces(std::move(places));
  for (const NodeId node : slow) grammar_->SetPlaces(node, number);
  return nodes[0];
}

// Says what a state is by a node of the same number.
std::vector<NodeId> PatternRules::AddStates(const CharacterAutomaton& automaton,
                                            Spelling spelling) {
  std::vector<NodeId> nodes(automaton.states.size());
  // From the end, as Grammar::Finish likes it.
  for (size_t i = nodes.size(); i-- > 0;) {
    const CharacterAutomaton::State& state = automaton.states[i];
    nodes[i] = state.is_free ? AddFreeEnd(state.rest, spelling) : grammar_->AddConsumer({});
  }
  const NodeId closing = AddClosing(spelling, grammar_->end(), grammar_);
  const std::vector<Edge> ends = grammar_->node(closing).edges;
  for (size_t i = nodes.size(); i-- > 0;) {
    const CharacterAutomaton::State& state = automaton.states[i];
    AddCharacters(automaton, i, nodes, spelling);
    if (!state.accepts || state.is_free) continue;
    for (const Edge& edge : ends) grammar_->AddEdge(nodes[i], edge);
  }
  return nodes;
}

// Lets the node of a state lead on by each of its characters.
void PatternRules::AddCharacters(const CharacterAutomaton& automaton, size_t state,
                                 const std::vector<NodeId>& nodes, Spelling spelling) {
  const std::vector<int32_t>& next = automaton.states[state].next;
  std::map<int32_t, Members> ways;  // by where they lead
  for (size_t c = 0; c < next.size(); ++c) {
    if (next[c] == CharacterAutomaton::kDead) continue;
    Members& way = ways[next[c]];
    way.resize(next.size());
    way[c] = true;
  }
  for (const auto& [target, classes] : ways) {
    const CharacterSet set = UniteClasses(automaton, classes);
    for (const Edge& edge :
         MakeCharacterEdges(set, spelling, nodes[static_cast<size_t>(target)], grammar_))
      grammar_->AddEdge(nodes[state], edge);
  }
}

NodeId PatternRules::AddFreeEnd(const LengthBounds& rest, Spelling spelling) {
  if (rest.least == 0 && !rest.most) return common_.StringRule(spelling);
  return AddBoundedString(spelling, rest, common_.PlacesOf(spelling), grammar_);
}

}  // namespace fathom::constraint
