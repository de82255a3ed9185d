#include "constraint/alike_tokens.h"

#include <algorithm>
#include <map>
#include <utility>

namespace fathom::constraint {
namespace {

constexpr size_t kMaxClasses = 4096;

// Runs a grammar from all places of a string at once. A state is where each of them has come to.
class JointMachine {
 public:
  using State = uint32_t;
  static constexpr State kDead = 0;
  static constexpr State kStart = 1;

  struct Step {
    State from = 0;
    uint8_t byte = 0;
  };

  JointMachine(const Grammar& grammar, const Grammar::Places& places, size_t* budget)
      : machine_(grammar), counter_(places.nodes.size()), budget_(*budget) {
    Intern({}, {});
    Members start;
    for (const NodeId node : places.nodes) start.emplace_back(start.size(), machine_.Begin(node));
    if (places.counter) start.emplace_back(counter_, machine_.Begin(*places.counter));
    Intern(std::move(start), {});
  }

  State Next(State state, uint8_t byte) {
    const size_t place = RowOf(state) + machine_.grammar().ClassOf(byte);
    if (next_[place] == kUnknown) {
      const State next = FindNext(state, byte);
      next_[place] = next;
    }
    return next_[place];
  }
  /// Whether the rule may end here, if it began at some of the places.
  bool MayEnd(State state) const {
    return std::any_of(states_[state].begin(), states_[state].end(),
                       [&](const auto& member) { return machine_.MayEnd(member.second); });
  }
  /// How each state was come to first.
  const std::vector<Step>& steps() const { return steps_; }
  bool has_failed() const { return has_failed_; }

 private:
  // By the number of the place, without those from which nothing leads here.
  using Members = std::vector<std::pair<size_t, Machine::State>>;
  static constexpr State kUnknown = UINT32_MAX;

  size_t RowOf(State state) const { return state * machine_.grammar().class_count(); }

  State FindNext(State state, uint8_t byte) {
    if (states_.size() > kMaxClasses || budget_ < states_[state].size()) has_failed_ = true;
    if (has_failed_) return kDead;
    budget_ -= states_[state].size();
    Members after;
    for (const auto& [number, from] : states_[state]) {
      const Machine::State next = machine_.Next(from, byte);
      if (next != Machine::kDead) after.emplace_back(number, next);
    }
    // A count alone is of no string.
    if (after.size() == 1 && after[0].first == counter_) after.clear();
    return Intern(std::move(after), {state, byte});
  }

  State Intern(Members members, Step step) {
    const auto [place, is_new] = numbers_.try_emplace(members, static_cast<State>(states_.size()));
    if (!is_new) return place->second;
    next_.resize(next_.size() + machine_.grammar().class_count(),
                 members.empty() ? kDead : kUnknown);
    states_.push_back(std::move(members));
    steps_.push_back(step);
    return place->second;
  }

  Machine machine_;
  size_t counter_;
  size_t& budget_;
  bool has_failed_ = false;
  std::vector<Members> states_;
  std::vector<Step> steps_;
  std::vector<State> next_;  // a row for each state, of the classes of bytes
  std::map<Members, State> numbers_;
};

}  // namespace

std::optional<AlikeTokens> AlikeTokens::Make(const TokenTrie& trie, const Grammar& grammar,
                                             const Grammar::Places& places, size_t* budget) {
  JointMachine machine(grammar, places, budget);
  std::vector<std::vector<int32_t>> tokens;  // by state
  std::vector<std::vector<uint32_t>> exits;
  WalkPath path = MakeWalkPath(trie);
  path[0] = JointMachine::kStart;
  Walk(trie, 0, CountNodes(trie), &machine, path, [&](uint32_t i, JointMachine::State state) {
    const TokenTrie::Node& node = trie.nodes()[i];
    tokens.resize(machine.steps().size());
    exits.resize(machine.steps().size());
    const auto ending = trie.TokensOf(node);
    tokens[state].insert(tokens[state].end(), ending.begin(), ending.end());
    if (node.end > i + 1 && machine.MayEnd(state)) exits[state].push_back(i);
    return true;
  });
  if (machine.has_failed()) return std::nullopt;
  AlikeTokens alike(trie);
  for (size_t state = JointMachine::kStart; state < tokens.size(); ++state) {
    const JointMachine::Step& step = machine.steps()[state];
    const uint32_t parent = step.from - std::min(step.from, JointMachine::kStart);
    alike.classes_.push_back({parent, step.byte, TokenSet(std::move(tokens[state]), alike.words_),
                              std::move(exits[state])});
  }
  return alike;
}

NodeTokens AlikeTokens::Select(Machine* machine, Machine::State state) const {
  std::vector<Machine::State> states(classes_.size(), state);
  std::vector<uint64_t> mask(words_);
  NodeTokens selected;
  for (size_t i = 0; i < classes_.size(); ++i) {
    const Class& alike = classes_[i];
    if (i > 0) states[i] = machine->Next(states[alike.parent], alike.byte);
    if (states[i] == Machine::kDead) continue;
    alike.tokens.AddTo(mask);
    if (machine->MayEnd(states[i]))
      selected.exits.insert(selected.exits.end(), alike.exits.begin(), alike.exits.end());
  }
  std::sort(selected.exits.begin(), selected.exits.end());
  selected.tokens = TokenSet(mask);
  return selected;
}

size_t AlikeTokens::size() const {
  size_t size = classes_.size() * sizeof(Class);
  for (const Class& alike : classes_)
    size += alike.tokens.size() + alike.exits.size() * sizeof(alike.exits[0]);
  return size;
}

}  // namespace fathom::constraint
