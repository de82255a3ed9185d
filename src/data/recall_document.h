// Documents to look facts up in: what the bundled model is trained and examined on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fathom::data {

/// As many as there are pairs of its words.
inline constexpr int64_t kMaxRecallFacts = 114 * 114;
/// As many as there are numbers of three digits.
inline constexpr int64_t kMaxNumberedFacts = 900;

/// "The code of NAME is CODE."
struct RecallFact {
  std::string name{};  ///< two words, or what the options say; no two facts have the same
  std::string code{};  ///< four digits, the first not 0, or a word: as stated last
  int64_t offset = 0;  ///< of the line that states it last, in bytes of the text
};

struct RecallOptions {
  uint64_t seed = 1;
  int64_t facts = 40;    ///< 1 to kMaxRecallFacts; with numbers to kMaxNumberedFacts
  int64_t bytes = 2000;  ///< lines of filler make up what the facts lack to this
  /// Share of the facts that are stated again later with another code: "The code of NAME is now
  /// CODE."
  double restated = 0;
  /// Codes are words, of those that tool sessions are about too: who can copy these can fill in
  /// calls.
  bool words = false;
  /// Names are numbers of three digits, as those of orders are in tool sessions.
  bool numbers = false;
  /// Names are one to three invented words, in no list.
  bool invented = false;
  /// Share of the lines of random words that end in the name of a fact. In very long documents
  /// names stand there by chance: any two words side by side are one of kMaxRecallFacts.
  double decoys = 0;
  /// Lines of real text, which are then half of the filler; the other half is words at random.
  std::span<const std::string> prose{};
};

struct RecallDocument {
  std::string text;               ///< a line for each statement, lines of filler after them
  std::vector<RecallFact> facts;  ///< in the order of their first statements
};

/// Depends on the options alone, on every platform.
RecallDocument MakeRecallDocument(const RecallOptions& options);

/// "Code of NAME?", to be answered with the code alone.
std::string RecallQuestion(const RecallFact& fact);

/// The same question in other words, of which there are so many.
inline constexpr uint64_t kRecallWordings = 5;
std::string RewordedRecallQuestion(const RecallFact& fact, uint64_t wording);

/// "Codes of NAME, NAME and NAME?", to be answered in that order, each code after its name: "NAME:
/// CODE, NAME: CODE, NAME: CODE". REQUIRES: at least two.
std::string RecallQuestion(std::span<const RecallFact> facts);
/// Of any number of facts.
std::string RecallAnswer(std::span<const RecallFact> facts);

}  // namespace fathom::data
