#include "data/recall_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "data/random.h"
#include "data/words.h"

namespace fathom::data {
namespace {

static_assert(kWords.size() * kWords.size() == kMaxRecallFacts);

std::string MakeCode(bool words, Random& random) {
  return words ? std::string(PickAnyWord(random)) : std::to_string(1000 + random.Below(9000));
}

std::string MakeInventedName(Random& random) {
  std::string name = InventWord(random);
  if (random.Chance(0.15)) name.front() = static_cast<char>(name.front() - 'a' + 'A');
  for (uint64_t more = random.Below(3); more > 0; --more) (name += ' ') += InventWord(random);
  return name;
}

std::string MakeName(const RecallOptions& options, Random& random) {
  if (options.numbers) return std::to_string(100 + random.Below(kMaxNumberedFacts));
  if (options.invented) return MakeInventedName(random);
  std::string name(random.Pick(kWords));
  (name += ' ') += random.Pick(kWords);
  return name;
}

std::vector<RecallFact> MakeFacts(const RecallOptions& options, Random& random) {
  std::vector<RecallFact> facts;
  std::unordered_set<std::string> names;
  while (facts.size() < static_cast<size_t>(options.facts)) {
    const std::string name = MakeName(options, random);
    if (!names.insert(name).second) continue;
    facts.push_back({.name = name, .code = MakeCode(options.words, random)});
  }
  return facts;
}

// A line of the document that states a fact.
struct Statement {
  size_t fact;
  bool is_again;
  std::string code;

  std::string Line(const std::vector<RecallFact>& facts) const {
    return "The code of " + facts[fact].name + (is_again ? " is now " : " is ") + code + ".\n";
  }
};

// Every fact once, and those that are restated again at a later place.
std::vector<Statement> MakeStatements(const std::vector<RecallFact>& facts,
                                      const RecallOptions& options, Random& random) {
  std::vector<Statement> statements;
  for (size_t i = 0; i < facts.size(); ++i) statements.push_back({i, false, facts[i].code});
  if (options.restated <= 0) return statements;
  for (size_t i = 0; i < facts.size(); ++i) {
    if (!random.Chance(options.restated)) continue;
    const auto first = std::find_if(statements.begin(), statements.end(),
                                    [&](const Statement& s) { return s.fact == i; }) -
                       statements.begin();
    const int64_t place = random.Between(first + 1, std::ssize(statements));
    statements.insert(statements.begin() + place, {i, true, MakeCode(options.words, random)});
  }
  return statements;
}

std::string MakeFillerLine(const RecallOptions& options, const std::vector<RecallFact>& facts,
                           Random& random) {
  if (!options.prose.empty() && random.Chance(0.5)) return random.Pick(options.prose) + "\n";
  std::vector<std::string_view> words(2 + random.Below(4));
  for (std::string_view& word : words) word = random.Pick(kWords);
  if (options.decoys > 0 && random.Chance(options.decoys)) words.back() = random.Pick(facts).name;
  return fmt::format("{}.\n", fmt::join(words, " "));
}

// Lines of filler of at least `bytes` in all, none of them before the first statement and spread so
// that no place between statements has two more than another.
std::vector<std::string> MakeFiller(int64_t bytes, size_t places, const RecallOptions& options,
                                    const std::vector<RecallFact>& facts, Random& random) {
  std::vector<std::string> filler(places);
  std::vector<size_t> order(places);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t next = 0; bytes > 0; ++next) {
    const size_t at = next % places;
    std::swap(order[at], order[at + random.Below(places - at)]);
    const std::string line = MakeFillerLine(options, facts, random);
    filler[order[at]] += line;
    bytes -= static_cast<int64_t>(line.size());
  }
  return filler;
}

template <typename Text>
std::string JoinFacts(std::span<const RecallFact> facts, std::string_view last, const Text& text) {
  std::string joined;
  for (size_t i = 0; i < facts.size(); ++i) {
    if (i > 0) joined += i + 1 < facts.size() ? ", " : last;
    joined += text(facts[i]);
  }
  return joined;
}

}  // namespace

RecallDocument MakeRecallDocument(const RecallOptions& options) {
  const int64_t most = options.numbers ? kMaxNumberedFacts : kMaxRecallFacts;
  FATHOM_CHECK(options.facts >= 1 && options.facts <= most);
  Random random(options.seed);
  RecallDocument document;
  document.facts = MakeFacts(options, random);
  const auto statements = MakeStatements(document.facts, options, random);
  int64_t filler_bytes = options.bytes;
  for (const Statement& statement : statements)
    filler_bytes -= std::ssize(statement.Line(document.facts));
  const auto filler = MakeFiller(filler_bytes, statements.size(), options, document.facts, random);
  for (size_t i = 0; i < statements.size(); ++i) {
    RecallFact& fact = document.facts[statements[i].fact];
    fact.code = statements[i].code;
    fact.offset = std::ssize(document.text);
    document.text += statements[i].Line(document.facts) + filler[i];
  }
  return document;
}

std::string RecallQuestion(const RecallFact& fact) { return "Code of " + fact.name + "?"; }

std::string RecallQuestion(std::span<const RecallFact> facts) {
  return "Codes of " + JoinFacts(facts, " and ", [](const RecallFact& f) { return f.name; }) + "?";
}

std::string RewordedRecallQuestion(const RecallFact& fact, uint64_t wording) {
  // What stands before the name, and behind it.
  constexpr std::pair<std::string_view, std::string_view> kWordings[kRecallWordings] = {
      {"What is the code of ", "?"},
      {"What's the code of ", "?"},
      {"Tell me the code of ", "."},
      {"the code of ", ""},
      {"", "?"},
  };
  const auto& [before, behind] = kWordings[wording % kRecallWordings];
  return fmt::format("{}{}{}", before, fact.name, behind);
}

std::string RecallAnswer(std::span<const RecallFact> facts) {
  return JoinFacts(facts, ", ", [](const RecallFact& f) { return f.name + ": " + f.code; });
}

}  // namespace fathom::data
