// Any bytes are a trace or one line that says which line is not, and of a trace all prompts can be
// put together. Constraints that it holds can be made, or are an error.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "constraint/answer_options_json.h"
#include "trace/trace_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fathom;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto recording = trace::ParseTrace(text, "trace");
  if (!recording.ok()) {
    FATHOM_CHECK(recording.error().message.find('\n') == std::string::npos);
    return 0;
  }
  FATHOM_CHECK(recording->is_torn == !text.ends_with('\n'));
  for (size_t i = 0; i < recording->requests.size(); ++i) {
    const trace::RecordedRequest& request = recording->requests[i];
    const auto prompt = recording->PromptOf(static_cast<int64_t>(i) + 1);
    FATHOM_CHECK(prompt.size() ==
                 static_cast<size_t>(request.repeated.tokens) + request.request.prompt.size());
    if (request.constraint.empty()) continue;
    const auto options = constraint::ReadAnswerOptions(request.constraint);
    FATHOM_CHECK(options.ok() || options.error().message.find('\n') == std::string::npos);
    if (!options.ok()) continue;
    const std::string again = constraint::PrintAnswerOptions(*options);
    FATHOM_CHECK(constraint::PrintAnswerOptions(*constraint::ReadAnswerOptions(again)) == again);
  }
  return 0;
}
