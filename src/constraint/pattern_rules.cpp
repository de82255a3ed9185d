#include "constraint/pattern_rules.h"

#include <algorithm>

#include "constraint/pattern.h"

namespace fathom::constraint {
namespace {

using Members = std::vector<bool>;  // classes of characters, by number

constexpr size_t kMaxRunsOfPattern = 4;
constexpr size_t kFewCharacters = 8;  // what allows no more is soon walked
constexpr uint8_t kManySteps = 16;    // more than most tokens have characters

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

// Of each state, how many characters of these classes may come from there on, whichever they are.
std::vector<uint8_t> MeasureRuns(const CharacterAutomaton& automaton, const Members& members) {
  std::vector<uint8_t> lengths;
  for (const CharacterAutomaton::State& state : automaton.states) {
    const uint64_t free = state.rest.most.value_or(Grammar::kLongRun);
    lengths.push_back(static_cast<uint8_t>(
        state.is_free ? std::min<uint64_t>(free, Grammar::kLongRun) : Grammar::kLongRun));
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = automaton.states.size(); i-- > 0;) {
      const CharacterAutomaton::State& state = automaton.states[i];
      for (size_t c = 0; c < state.next.size(); ++c) {
        if (!members[c]) continue;
        const bool is_dead = state.next[c] == CharacterAutomaton::kDead;
        const int after = is_dead ? -1 : lengths[static_cast<size_t>(state.next[c])];
        if (after == Grammar::kLongRun || after + 1 >= lengths[i]) continue;
        lengths[i] = static_cast<uint8_t>(after + 1);
        changed = true;
      }
    }
  }
  return lengths;
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
  std::optional<CharacterAutomaton> automaton = MakeAutomaton(*read, &budget_);
  if (automaton && (bounds.least > 0 || bounds.most))
    automaton = BoundLength(*automaton, bounds, &budget_);
  if (!automaton) return std::nullopt;
  return AddRules(*automaton, spelling);
}

NodeId PatternRules::AddRules(const CharacterAutomaton& automaton, Spelling spelling) {
  const NodeId closing = AddClosing(spelling, grammar_->end(), grammar_);
  std::vector<NodeId> nodes(automaton.states.size());
  // From the end, as Grammar::Finish likes it.
  for (size_t i = nodes.size(); i-- > 0;) {
    const CharacterAutomaton::State& state = automaton.states[i];
    nodes[i] = state.is_free ? AddFreeEnd(state.rest, spelling) : grammar_->AddConsumer({});
  }
  for (size_t i = nodes.size(); i-- > 0;) {
    const CharacterAutomaton::State& state = automaton.states[i];
    std::map<int32_t, Members> ways;  // by where they lead
    for (size_t c = 0; c < state.next.size(); ++c) {
      if (state.next[c] == CharacterAutomaton::kDead) continue;
      Members& way = ways[state.next[c]];
      way.resize(state.next.size());
      way[c] = true;
    }
    for (const auto& [next, classes] : ways) {
      const CharacterSet set = UniteClasses(automaton, classes);
      for (const Edge& edge :
           MakeCharacterEdges(set, spelling, nodes[static_cast<size_t>(next)], grammar_))
        grammar_->AddEdge(nodes[i], edge);
    }
    if (!state.accepts || state.is_free) continue;
    const std::vector<Edge> closing_edges = grammar_->node(closing).edges;
    for (const Edge& edge : closing_edges) grammar_->AddEdge(nodes[i], edge);
  }
  AddRuns(automaton, nodes, spelling);
  return nodes[0];
}

NodeId PatternRules::AddFreeEnd(const LengthBounds& rest, Spelling spelling) {
  const bool is_raw = spelling == Spelling::kRaw;
  if (rest.least == 0 && !rest.most) return is_raw ? common_.raw_string : common_.json_string;
  const NodeId unbounded = is_raw ? common_.counted_raw_string : common_.counted_json_string;
  return AddCountedString(spelling, rest, unbounded, grammar_).begin;
}

// For each state the run that spares most of the vocabulary a walk.
void PatternRules::AddRuns(const CharacterAutomaton& automaton, const std::vector<NodeId>& nodes,
                           Spelling spelling) {
  struct Candidate {
    Members members;
    size_t characters = 0;
    std::vector<uint8_t> lengths{};
  };
  std::vector<Candidate> candidates;
  for (const CharacterAutomaton::State& state : automaton.states) {
    Members alive = FindAlive(state);
    const auto is_same = [&](const Candidate& other) { return other.members == alive; };
    if (state.is_free || std::any_of(candidates.begin(), candidates.end(), is_same)) continue;
    const size_t characters = CountCharacters(UniteClasses(automaton, alive));
    if (characters > kFewCharacters) candidates.push_back({std::move(alive), characters});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.characters > b.characters; });
  if (candidates.size() > kMaxRunsOfPattern) candidates.resize(kMaxRunsOfPattern);
  for (Candidate& candidate : candidates)
    candidate.lengths = MeasureRuns(automaton, candidate.members);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const Candidate* best = nullptr;
    const auto length_of = [&](const Candidate& c) { return std::min(c.lengths[i], kManySteps); };
    for (const Candidate& candidate : candidates)
      if (length_of(candidate) > (best == nullptr ? 0 : length_of(*best))) best = &candidate;
    if (best == nullptr || automaton.states[i].is_free) continue;
    const auto run = FindRun(UniteClasses(automaton, best->members), spelling);
    if (run) grammar_->SetRun(nodes[i], *run, best->lengths[i]);
  }
}

std::optional<uint8_t> PatternRules::FindRun(const CharacterSet& set, Spelling spelling) {
  const auto known = runs_.find({set, spelling});
  if (known != runs_.end()) return known->second;
  if (grammar_->runs().size() == Grammar::kMaxRuns) return std::nullopt;
  const NodeId loop = grammar_->AddConsumer({});
  for (const Edge& edge : MakeCharacterEdges(set, spelling, loop, grammar_))
    grammar_->AddEdge(loop, edge);
  // No rule leads here, but what has no end would be taken away.
  grammar_->AddEdge(loop, {kEndOfSentence, kEndOfSentence, grammar_->end()});
  return runs_[{set, spelling}] = grammar_->AddRun(loop);
}

}  // namespace fathom::constraint
