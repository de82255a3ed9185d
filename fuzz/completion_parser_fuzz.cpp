// Any bytes as a completion. The first byte chooses where it starts and how it is split; the split
// must not matter, and arguments must be JSON objects, but for those of a call that is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/completion_parser.h"
#include "text/json.h"

namespace {

using fathom::text::Completion;
using fathom::text::CompletionOptions;
using fathom::text::CompletionParser;
using fathom::text::TextEnd;

Completion ParseInPieces(std::string_view text, size_t length, const CompletionOptions& options) {
  CompletionParser parser(options);
  size_t emitted = 0;
  for (; !text.empty(); text.remove_prefix(std::min(length, text.size()))) {
    for (const auto& event : parser.Feed(text.substr(0, length))) emitted += event.text.size();
  }
  for (const auto& event : parser.Finish()) emitted += event.text.size();
  const Completion& completion = parser.completion();
  size_t told = completion.reasoning.size() + completion.content.size();
  for (const auto& call : completion.tool_calls) told += call.name.size() + call.arguments.size();
  FATHOM_CHECK(emitted == told);
  return completion;
}

void CheckCut(std::string_view text, const CompletionOptions& options) {
  CompletionParser parser(options);
  parser.Feed(text);
  parser.Finish(TextEnd::kCut);
  FATHOM_CHECK(parser.cut_end().tag_bytes <= text.size());
  for (const auto& call : parser.completion().tool_calls)
    FATHOM_CHECK(call.is_complete == fathom::text::ReadJson(call.arguments, "fuzz").ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const CompletionOptions options{.starts_in_reasoning = (data[0] & 1) != 0};
  const Completion whole = fathom::text::ParseCompletion(text, options);
  FATHOM_CHECK(ParseInPieces(text, 1, options) == whole);
  FATHOM_CHECK(ParseInPieces(text, 2 + data[0] / 8, options) == whole);
  CheckCut(text, options);
  for (const auto& call : whole.tool_calls) {
    const auto json = fathom::text::ReadJson(call.arguments, "fuzz", {.allow_non_finite = false});
    FATHOM_CHECK(json.ok() && json->AsObject() != nullptr);
  }
  for (const std::string& problem : whole.problems) {
    FATHOM_CHECK(problem.find('\n') == std::string::npos);
  }
  return 0;
}
