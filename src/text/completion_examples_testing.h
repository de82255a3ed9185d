// Texts as models write them, and what the parser is to make of each.
#pragma once

#include <string>
#include <vector>

#include "text/completion_parser.h"

namespace fathom::text {

inline constexpr CompletionOptions kChat{};
inline constexpr CompletionOptions kThinking{.starts_in_reasoning = true};

struct CompletionExample {
  const char* name;
  CompletionOptions options;
  const char* text;
  const char* reasoning;
  const char* content;
  std::vector<std::string> calls;  ///< "name arguments", with "..." after an incomplete one
  std::vector<std::string> problems;
};

std::vector<CompletionExample> CompletionExamples();

}  // namespace fathom::text
