#include "constraint/pattern_automaton.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace fathom::constraint {
namespace {

constexpr size_t kMaxStates = 2048;
constexpr size_t kMaxParts = 16384;
constexpr size_t kMaxSets = 256;  // that differ
// Merging takes up to the square of the states in steps. Of larger automata what counts from
// behind is the most, and nothing in it is alike.
constexpr size_t kMaxMerged = 256;
constexpr size_t kFreePart = SIZE_MAX;
constexpr int32_t kDead = CharacterAutomaton::kDead;

const CharacterSet kScalars = {{0, 0xD7FF}, {0xE000, kLastCharacter}};

// The expression as states that are in several places at once. It is built from its end.
struct Part {
  enum class Kind : uint8_t { kSet, kFork, kBegin, kEnd, kFound };
  Kind kind = Kind::kFound;
  size_t set = 0;  // in PartList::sets
  size_t next = 0;
  size_t other = 0;  // of kFork
};

class PartList {
 public:
  // Whether there was room.
  bool Build(const Pattern& pattern) {
    Add({.kind = Part::Kind::kFound});
    start_ = Add(pattern, 0);
    return parts_.size() < kMaxParts && sets_.size() < kMaxSets;
  }
  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<CharacterSet>& sets() const { return sets_; }
  size_t start() const { return start_; }

 private:
  size_t Add(const Part& part) {
    if (parts_.size() < kMaxParts) parts_.push_back(part);
    return parts_.size() - 1;
  }
  size_t AddFork(size_t next, size_t other) {
    return Add({.kind = Part::Kind::kFork, .next = next, .other = other});
  }

  size_t Add(const Pattern& pattern, size_t next) {
    switch (pattern.kind) {
      case Pattern::Kind::kSet:
        return Add({.kind = Part::Kind::kSet, .set = FindSet(pattern.set), .next = next});
      case Pattern::Kind::kBegin:
        return Add({.kind = Part::Kind::kBegin, .next = next});
      case Pattern::Kind::kEnd:
        return Add({.kind = Part::Kind::kEnd, .next = next});
      case Pattern::Kind::kSequence:
        for (size_t i = pattern.parts.size(); i-- > 0;) next = Add(pattern.parts[i], next);
        return next;
      case Pattern::Kind::kChoice: {
        size_t choice = Add(pattern.parts[0], next);
        for (size_t i = 1; i < pattern.parts.size(); ++i)
          choice = AddFork(choice, Add(pattern.parts[i], next));
        return choice;
      }
      case Pattern::Kind::kRepeat:
        return AddRepeat(pattern, next);
    }
    return next;
  }

  size_t AddRepeat(const Pattern& repeat, size_t next) {
    const Pattern& part = repeat.parts[0];
    size_t begin = next;
    if (!repeat.most) {
      begin = AddFork(next, next);
      const size_t inside = Add(part, begin);
      parts_[begin].other = inside;
    } else {
      for (uint32_t i = repeat.least; i < *repeat.most && parts_.size() < kMaxParts; ++i)
        begin = AddFork(Add(part, begin), next);
    }
    for (uint32_t i = 0; i < repeat.least && parts_.size() < kMaxParts; ++i)
      begin = Add(part, begin);
    return begin;
  }

  size_t FindSet(const CharacterSet& set) {
    const auto found = std::find(sets_.begin(), sets_.end(), set);
    const auto place = static_cast<size_t>(found - sets_.begin());
    if (found == sets_.end() && sets_.size() < kMaxSets) sets_.push_back(set);
    return place;
  }

  std::vector<Part> parts_;
  std::vector<CharacterSet> sets_;
  size_t start_ = 0;
};

// Characters by the sets that have them.
std::map<std::vector<bool>, CharacterSet> ClassifyCharacters(
    const std::vector<CharacterSet>& sets) {
  std::set<char32_t> begins = {0};
  for (const CharacterSet& set : sets) {
    for (const CharacterRange& range : set) {
      begins.insert(range.first);
      if (range.last < kLastCharacter) begins.insert(range.last + 1);
    }
  }
  std::map<std::vector<bool>, CharacterSet> classes;
  for (auto begin = begins.begin(); begin != begins.end(); ++begin) {
    const auto after = std::next(begin);
    const CharacterRange range = {*begin, after == begins.end() ? kLastCharacter : *after - 1};
    std::vector<bool> members;
    for (const CharacterSet& set : sets) members.push_back(Contains(set, range.first));
    classes[members].push_back(range);
  }
  return classes;
}

// Takes away what leads to states from which no string can be ended.
void Prune(CharacterAutomaton* automaton) {
  std::vector<CharacterAutomaton::State>& states = automaton->states;
  std::vector<bool> can_end(states.size());
  const auto leads_on = [&](int32_t next) {
    return next != kDead && can_end[static_cast<size_t>(next)];
  };
  // Most states come before those that they lead to.
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = states.size(); i-- > 0;) {
      if (can_end[i]) continue;
      const CharacterAutomaton::State& state = states[i];
      can_end[i] = state.accepts || state.is_free ||
                   std::any_of(state.next.begin(), state.next.end(), leads_on);
      changed = changed || can_end[i];
    }
  }
  for (CharacterAutomaton::State& state : states)
    for (int32_t& next : state.next)
      if (!leads_on(next)) next = kDead;
}

// Makes one state of those from which the same strings can be ended. Each round tells apart what
// differs by one character more.
void Merge(CharacterAutomaton* automaton) {
  std::vector<CharacterAutomaton::State>& states = automaton->states;
  std::vector<int32_t> kinds;
  for (const CharacterAutomaton::State& state : states)
    kinds.push_back((state.is_free ? 2 : 0) + (state.accepts ? 1 : 0));
  for (size_t count = 0;;) {
    std::map<std::vector<int32_t>, int32_t> known;
    std::vector<int32_t> finer;
    for (size_t i = 0; i < states.size(); ++i) {
      std::vector<int32_t> key = {kinds[i]};
      for (const int32_t next : states[i].next)
        key.push_back(next == kDead ? kDead : kinds[static_cast<size_t>(next)]);
      const auto number = static_cast<int32_t>(known.size());
      finer.push_back(known.try_emplace(std::move(key), number).first->second);
    }
    kinds = std::move(finer);
    if (std::exchange(count, known.size()) == known.size()) break;
  }
  std::vector<CharacterAutomaton::State> merged;
  for (size_t i = 0; i < states.size(); ++i) {
    if (static_cast<size_t>(kinds[i]) < merged.size()) continue;
    for (int32_t& next : states[i].next)
      if (next != kDead) next = kinds[static_cast<size_t>(next)];
    merged.push_back(std::move(states[i]));
  }
  states = std::move(merged);
}

// Makes states of sets of parts.
class AutomatonBuilder {
 public:
  AutomatonBuilder(const PartList& list, AutomatonBudget* budget)
      : list_(list), budget_(budget), marks_(list.parts().size()) {
    for (auto& [members, characters] : ClassifyCharacters(list.sets())) {
      CharacterSet scalars = Intersect(characters, kScalars);
      if (scalars.empty()) continue;
      members_.push_back(members);
      automaton_.classes.push_back(std::move(scalars));
    }
  }

  std::optional<CharacterAutomaton> Build() && {
    // If the expression is found nowhere, there is a state without any way.
    if (FindState({list_.start()}, true) == kDead) FindKnown({}, {});
    for (size_t i = 0; i < automaton_.states.size(); ++i) {
      if (automaton_.states[i].is_free) continue;
      for (size_t c = 0; c < automaton_.classes.size(); ++c) {
        const int32_t next = FindState(Step(sets_of_parts_[i], c), false);
        automaton_.states[i].next.push_back(next);
        if (has_failed_) return std::nullopt;
      }
    }
    Prune(&automaton_);
    if (automaton_.states.size() <= kMaxMerged) Merge(&automaton_);
    return std::move(automaton_);
  }

 private:
  // Parts that wait for a character, and whether the end of the expression was reached.
  struct Closure {
    std::vector<size_t> waiting{};
    bool found = false;
  };

  Closure Close(const std::vector<size_t>& from, bool at_begin, bool at_end) {
    Closure closure;
    std::vector<size_t> pending = from;
    ++mark_;
    while (!pending.empty()) {
      const size_t at = pending.back();
      pending.pop_back();
      if (std::exchange(marks_[at], mark_) == mark_) continue;
      Spend(1);
      const Part& part = list_.parts()[at];
      const bool may_pass = part.kind == Part::Kind::kBegin ? at_begin
                            : part.kind == Part::Kind::kEnd ? at_end
                                                            : part.kind == Part::Kind::kFork;
      if (may_pass) pending.push_back(part.next);
      if (part.kind == Part::Kind::kFork) pending.push_back(part.other);
      if (part.kind == Part::Kind::kSet) closure.waiting.push_back(at);
      if (part.kind == Part::Kind::kFound) closure.found = true;
    }
    std::sort(closure.waiting.begin(), closure.waiting.end());
    return closure;
  }

  // A search may begin anew at each character.
  std::vector<size_t> Step(const std::vector<size_t>& waiting, size_t character_class) {
    std::vector<size_t> after = {list_.start()};
    Spend(waiting.size());
    for (const size_t at : waiting) {
      const Part& part = list_.parts()[at];
      if (members_[character_class][part.set]) after.push_back(part.next);
    }
    return after;
  }

  int32_t FindState(const std::vector<size_t>& parts, bool at_begin) {
    const Closure open = Close(parts, at_begin, false);
    if (open.found) return FindKnown({{kFreePart}, true}, {.accepts = true, .is_free = true});
    const bool accepts = Close(parts, at_begin, true).found;
    if (open.waiting.empty() && !accepts) return kDead;
    return FindKnown({open.waiting, accepts}, {.accepts = accepts});
  }

  using Key = std::pair<std::vector<size_t>, bool>;
  int32_t FindKnown(const Key& key, CharacterAutomaton::State state) {
    const auto [place, is_new] =
        known_.try_emplace(key, static_cast<int32_t>(automaton_.states.size()));
    if (!is_new) return place->second;
    AddState(std::move(state));
    sets_of_parts_.push_back(key.first);
    return place->second;
  }

  void AddState(CharacterAutomaton::State state) {
    automaton_.states.push_back(std::move(state));
    if (automaton_.states.size() > kMaxStates) has_failed_ = true;
  }

  void Spend(size_t steps) {
    if (steps > budget_->steps) has_failed_ = true;
    budget_->steps -= std::min(steps, budget_->steps);
  }

  const PartList& list_;
  AutomatonBudget* budget_;
  CharacterAutomaton automaton_;
  std::vector<std::vector<bool>> members_;  // by class: the sets that have it
  std::map<Key, int32_t> known_;
  std::vector<std::vector<size_t>> sets_of_parts_;  // by state
  std::vector<size_t> marks_;                       // when a part was last closed over
  size_t mark_ = 0;
  bool has_failed_ = false;
};

bool SpendStates(const CharacterAutomaton& automaton, AutomatonBudget* budget) {
  if (automaton.states.size() > budget->states) return false;
  budget->states -= automaton.states.size();
  return true;
}

}  // namespace

std::optional<CharacterAutomaton> MakeAutomaton(const Pattern& pattern, AutomatonBudget* budget) {
  PartList parts;
  if (!parts.Build(pattern)) return std::nullopt;
  std::optional<CharacterAutomaton> automaton = AutomatonBuilder(parts, budget).Build();
  if (automaton && !SpendStates(*automaton, budget)) return std::nullopt;
  return automaton;
}

std::optional<CharacterAutomaton> BoundLength(const CharacterAutomaton& automaton,
                                              const LengthBounds& bounds, AutomatonBudget* budget) {
  CharacterAutomaton bounded = {automaton.classes, {}};
  std::vector<std::pair<size_t, uint64_t>> origins;  // of each state, and its characters so far
  std::map<std::pair<size_t, uint64_t>, int32_t> known;
  const auto find = [&](size_t origin, uint64_t count) {
    // Beyond the least, only what may still come matters.
    if (!bounds.most) count = std::min(count, bounds.least);
    const auto [place, is_new] =
        known.try_emplace({origin, count}, static_cast<int32_t>(origins.size()));
    if (!is_new) return place->second;
    const CharacterAutomaton::State& state = automaton.states[origin];
    CharacterAutomaton::State copy = {.accepts = state.accepts && count >= bounds.least,
                                      .is_free = state.is_free};
    copy.rest.least = bounds.least - std::min(count, bounds.least);
    if (bounds.most) copy.rest.most = *bounds.most - count;
    bounded.states.push_back(std::move(copy));
    origins.emplace_back(origin, count);
    return place->second;
  };
  find(0, 0);
  for (size_t i = 0; i < origins.size() && origins.size() <= kMaxStates; ++i) {
    const auto [origin, count] = origins[i];
    const bool is_full = bounds.most && count == *bounds.most;
    for (const int32_t next : automaton.states[origin].next) {
      const bool leads_on = next != kDead && !is_full;
      const int32_t after = leads_on ? find(static_cast<size_t>(next), count + 1) : kDead;
      bounded.states[i].next.push_back(after);
    }
  }
  if (origins.size() > kMaxStates || !SpendStates(bounded, budget)) return std::nullopt;
  Prune(&bounded);
  return bounded;
}

}  // namespace fathom::constraint
