#include "cli/recall_document.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <string_view>
#include <unordered_set>

#include "base/check.h"

namespace fathom::cli {
namespace {

constexpr auto kWords = std::to_array<std::string_view>({
    "amber",  "anvil",   "apple",  "arrow",  "badge",  "basil",   "beach",   "birch",  "blade",
    "bloom",  "board",   "brick",  "brook",  "cabin",  "candle",  "canyon",  "cedar",  "chalk",
    "cliff",  "cloud",   "coral",  "crane",  "creek",  "crown",   "daisy",   "delta",  "drift",
    "eagle",  "ember",   "fable",  "falcon", "fern",   "field",   "flint",   "forge",  "frost",
    "garden", "ginger",  "glade",  "grove",  "harbor", "hazel",   "heron",   "honey",  "island",
    "ivory",  "jade",    "jasper", "kettle", "lagoon", "lantern", "larch",   "lemon",  "lilac",
    "linen",  "lotus",   "maple",  "marble", "meadow", "mint",    "mirror",  "misty",  "north",
    "oasis",  "ocean",   "olive",  "onyx",   "opal",   "orchid",  "otter",   "pearl",  "pebble",
    "pepper", "petal",   "pine",   "plum",   "pond",   "poppy",   "prairie", "quartz", "raven",
    "reed",   "river",   "robin",  "rose",   "ruby",   "saddle",  "sage",    "sand",   "scarlet",
    "shadow", "silver",  "slate",  "spruce", "star",   "stone",   "storm",   "summit", "sunny",
    "swan",   "thistle", "thorn",  "tiger",  "timber", "topaz",   "tulip",   "valley", "velvet",
    "violet", "walnut",  "willow", "winter", "wolf",   "zephyr",
});
constexpr uint64_t kPairs = kWords.size() * kWords.size();
static_assert(kPairs == kMaxRecallFacts);

// The distributions of the standard library differ from one implementation to another; this does
// not. The bias of the remainder is below 2^-50.
class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}

  uint64_t Below(uint64_t bound) { return bits_() % bound; }
  std::string_view Word() { return kWords[Below(kWords.size())]; }

 private:
  std::mt19937_64 bits_;
};

std::vector<RecallFact> MakeFacts(int64_t count, Random& random) {
  std::vector<RecallFact> facts;
  std::unordered_set<std::string> names;
  while (facts.size() < static_cast<size_t>(count)) {
    std::string name(random.Word());
    (name += ' ') += random.Word();
    if (!names.insert(name).second) continue;
    facts.push_back({.name = name, .code = std::to_string(1000 + random.Below(9000))});
  }
  return facts;
}

std::string MakeFillerLine(Random& random) {
  std::string line;
  for (uint64_t words = 2 + random.Below(4); words > 0; --words)
    (line += random.Word()) += words > 1 ? " " : ".\n";
  return line;
}

std::string FactLine(const RecallFact& fact) {
  return "The code of " + fact.name + " is " + fact.code + ".\n";
}

// Lines of filler of at least `bytes` in all, none of them before the first fact and spread so that
// no place between facts has two more than another.
std::vector<std::string> MakeFiller(int64_t bytes, size_t places, Random& random) {
  std::vector<std::string> filler(places);
  std::vector<size_t> order(places);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t next = 0; bytes > 0; ++next) {
    const size_t at = next % places;
    std::swap(order[at], order[at + random.Below(places - at)]);
    const std::string line = MakeFillerLine(random);
    filler[order[at]] += line;
    bytes -= static_cast<int64_t>(line.size());
  }
  return filler;
}

}  // namespace

RecallDocument MakeRecallDocument(const RecallOptions& options) {
  FATHOM_CHECK(options.facts >= 1 && options.facts <= kMaxRecallFacts);
  Random random(options.seed);
  RecallDocument document;
  document.facts = MakeFacts(options.facts, random);
  int64_t filler_bytes = options.bytes;
  for (const RecallFact& fact : document.facts)
    filler_bytes -= static_cast<int64_t>(FactLine(fact).size());
  const auto filler = MakeFiller(filler_bytes, document.facts.size(), random);
  for (size_t i = 0; i < document.facts.size(); ++i) {
    document.facts[i].offset = static_cast<int64_t>(document.text.size());
    document.text += FactLine(document.facts[i]) + filler[i];
  }
  return document;
}

std::string RecallQuestion(const RecallFact& fact) { return "Code of " + fact.name + "?"; }

}  // namespace fathom::cli
