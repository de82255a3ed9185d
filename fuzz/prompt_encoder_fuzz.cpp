// Any bytes as a conversation, encoded in every way: an error of one line, or a prompt whose plain
// ranges are in order. The JSON, printed and read again, is the same conversation.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "text/json.h"
#include "text/message.h"
#include "text/prompt_encoder.h"

namespace {

using fathom::text::Conversation;
using fathom::text::EncodeOptions;
using fathom::text::Prompt;
using fathom::text::ThinkingEffort;

void CheckOneLine(const fathom::base::Error& error) {
  FATHOM_CHECK(!error.message.empty());
  FATHOM_CHECK(error.message.find('\n') == std::string::npos);
}

void CheckPrompt(const Prompt& prompt) {
  size_t at = 0;
  for (const Prompt::Span& span : prompt.plain()) {
    FATHOM_CHECK(span.begin >= at && span.end > span.begin && span.end <= prompt.text().size());
    at = span.end + 1;
  }
}

void CheckEncodings(const Conversation& conversation, const Conversation& again) {
  for (const auto effort : {ThinkingEffort::kNone, ThinkingEffort::kHigh, ThinkingEffort::kMax}) {
    for (const int flags : {0, 1, 2, 3}) {
      const EncodeOptions options{.effort = effort,
                                  .drop_thinking = (flags & 1) != 0,
                                  .add_generation_prompt = (flags & 2) != 0};
      const auto prompt = EncodePrompt(conversation, options);
      if (!prompt.ok()) {
        CheckOneLine(prompt.error());
        continue;
      }
      CheckPrompt(*prompt);
      FATHOM_CHECK(EncodePrompt(again, options)->text() == prompt->text());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto json = fathom::text::ReadJson(text, "fuzz");
  const auto conversation = fathom::text::ParseConversation(text, "fuzz");
  if (!json.ok()) CheckOneLine(json.error());
  if (!conversation.ok()) {
    CheckOneLine(conversation.error());
    return 0;
  }
  const std::string printed = fathom::text::PrintJson(*json);
  const auto again = fathom::text::ParseConversation(printed, "fuzz");
  FATHOM_CHECK(again.ok());
  CheckEncodings(*conversation, *again);
  return 0;
}
