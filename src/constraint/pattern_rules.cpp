#include "constraint/pattern_rules.h"

#include <algorithm>
#include <set>

#include "constraint/pattern.h"

namespace fathom::constraint {
namespace {

using Members = std::vector<bool>;  // classes of characters, by number

constexpr size_t kMaxTablesOfPattern = 48;
constexpr size_t kManyTables = 16;  // where one run does as well
constexpr size_t kMaxStatesWithTables = 128;
constexpr size_t kMaxRunsOfPattern = 4;
constexpr size_t kFewCharacters = 10;  // what allows no more is soon walked
constexpr uint8_t kManySteps = 16;     // more than most tokens have characters

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

// Whether the walk from there takes so long that it should be done beforehand.
bool IsWide(const CharacterAutomaton& automaton, const CharacterAutomaton::State& state) {
  return !state.is_free &&
         CountCharacters(UniteClasses(automaton, FindAlive(state))) > kFewCharacters;
}

// Of each state, the characters that it takes at least to where the string may end.
std::vector<size_t> MeasureLacking(const CharacterAutomaton& automaton) {
  constexpr size_t kEndless = SIZE_MAX;
  std::vector<size_t> lacking;
  for (const CharacterAutomaton::State& state : automaton.states)
    lacking.push_back(state.accepts ? 0 : kEndless);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = automaton.states.size(); i-- > 0;) {
      for (const int32_t next : automaton.states[i].next) {
        if (next == CharacterAutomaton::kDead) continue;
        const size_t after = lacking[static_cast<size_t>(next)];
        if (after == kEndless || after + 1 >= lacking[i]) continue;
        lacking[i] = after + 1;
        changed = true;
      }
    }
  }
  return lacking;
}

// Whether from each state on the string may have any number of characters that is not less than
// what it lacks. It may if some character leads to another such state that lacks at most one less.
bool HasAllLengths(const CharacterAutomaton& automaton, const std::vector<size_t>& lacking) {
  for (size_t i = 0; i < lacking.size(); ++i) {
    const CharacterAutomaton::State& state = automaton.states[i];
    const size_t most = lacking[i] - std::min<size_t>(lacking[i], 1);
    const bool goes_on = std::any_of(state.next.begin(), state.next.end(), [&](int32_t next) {
      return next != CharacterAutomaton::kDead && lacking[static_cast<size_t>(next)] <= most;
    });
    if (!state.is_free && !goes_on) return false;
  }
  return true;
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
  const std::optional<CharacterAutomaton> automaton = MakeAutomaton(*read, &budget_);
  if (!automaton) return std::nullopt;
  const bool has_tables = HasRoomForTables(*automaton);
  if (bounds.least == 0 && !bounds.most) {
    const std::vector<NodeId> nodes = AddStates(*automaton, spelling);
    has_tables ? AddTables(*automaton, nodes) : AddRuns(*automaton, nodes, spelling);
    return nodes[0];
  }
  const std::optional<CharacterAutomaton> bounded = BoundLength(*automaton, bounds, &budget_);
  if (!bounded) return std::nullopt;
  const std::vector<NodeId> nodes = AddStates(*bounded, spelling);
  if (!has_tables || !HasAllLengths(*automaton, MeasureLacking(*automaton))) {
    AddRuns(*bounded, nodes, spelling);
    return nodes[0];
  }
  const std::vector<NodeId> unbounded = AddStates(*automaton, spelling);
  AddTables(*automaton, unbounded);
  for (size_t i = 0; i < nodes.size(); ++i) {
    const CharacterAutomaton::State& state = bounded->states[i];
    const NodeId origin = unbounded[state.origin];
    const Grammar::Bounds rest = {state.rest.least, state.rest.most.value_or(Grammar::kNoBound)};
    if (!state.is_free && grammar_->node(origin).unbounded != 0)
      grammar_->SetBounds(nodes[i], StringPart::kBetween, rest, origin);
  }
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
  const NodeId closing = AddStringEnd(spelling, grammar_);
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
  const auto first = static_cast<NodeId>(grammar_->size());
  for (const auto& [target, classes] : ways) {
    const CharacterSet set = UniteClasses(automaton, classes);
    for (const Edge& edge :
         MakeCharacterEdges(set, spelling, nodes[static_cast<size_t>(target)], grammar_))
      grammar_->AddEdge(nodes[state], edge);
  }
  for (NodeId node = first; node < grammar_->size(); ++node) grammar_->SetInside(node);
}

NodeId PatternRules::AddFreeEnd(const LengthBounds& rest, Spelling spelling) {
  const NodeId any = spelling == Spelling::kRaw ? common_.raw_string : common_.json_string;
  if (rest.least == 0 && !rest.most) return any;
  return AddBoundedString(spelling, rest, any, grammar_);
}

bool PatternRules::HasRoomForTables(const CharacterAutomaton& automaton) const {
  size_t tables = 0;
  std::set<Members> sets;  // that states allow
  for (const CharacterAutomaton::State& state : automaton.states) {
    if (!IsWide(automaton, state)) continue;
    ++tables;
    sets.insert(FindAlive(state));
  }
  const size_t most = sets.size() > 1 ? kMaxTablesOfPattern : kManyTables;
  return automaton.states.size() <= kMaxStatesWithTables && tables <= most &&
         grammar_->tables().size() + tables <= Grammar::kMaxTables;
}

// For each state that is not soon walked.
void PatternRules::AddTables(const CharacterAutomaton& automaton,
                             const std::vector<NodeId>& nodes) {
  const std::vector<size_t> lacking = MeasureLacking(automaton);
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (automaton.states[i].is_free) continue;
    grammar_->SetBetween(nodes[i], static_cast<uint8_t>(lacking[i]));
    if (IsWide(automaton, automaton.states[i])) grammar_->SetTable(nodes[i]);
  }
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
