// Documents of the kind that the bundled model was trained to look facts up in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fathom::cli {

/// As many as there are pairs of its words.
inline constexpr int64_t kMaxRecallFacts = 114 * 114;

/// "The code of NAME is CODE."
struct RecallFact {
  std::string name{};  ///< two words; no two facts of a document have the same
  std::string code{};  ///< four digits, the first not 0
  int64_t offset = 0;  ///< of its line, in bytes of the text
};

struct RecallOptions {
  uint64_t seed = 1;
  int64_t facts = 40;    ///< 1 to kMaxRecallFacts
  int64_t bytes = 2000;  ///< lines of filler make up what the facts lack to this
};

struct RecallDocument {
  std::string text;               ///< a line for each fact, lines of filler after them
  std::vector<RecallFact> facts;  ///< in the order of the text
};

/// Depends on the options alone, on every platform.
RecallDocument MakeRecallDocument(const RecallOptions& options);

/// The question that the model was trained to answer with the fact's code.
std::string RecallQuestion(const RecallFact& fact);

}  // namespace fathom::cli
