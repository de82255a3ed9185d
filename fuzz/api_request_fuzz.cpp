// Any bytes as the body of a request, to every API: an error of one line, or a request that has a
// prompt and whose answer can be told. The answer is made of the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/parse.h"
#include "api/response.h"
#include "base/check.h"
#include "text/completion_parser.h"
#include "text/prompt_encoder.h"

namespace {

using namespace fathom;

constexpr api::Dialect kDialects[] = {api::Dialect::kChat, api::Dialect::kCompletions,
                                      api::Dialect::kResponses, api::Dialect::kMessages};

void CheckError(const base::Error& error) {
  FATHOM_CHECK(!error.message.empty() && error.message.size() < 1000);
  FATHOM_CHECK(error.message.find('\n') == std::string::npos);
  for (const api::Dialect dialect : kDialects) {
    const std::string body = api::EncodeError(dialect, api::MakeRequestError(error), "req");
    FATHOM_CHECK(body.find('\n') == std::string::npos);
  }
}

// Each event of a stream is one line of data between blank lines.
void CheckFrames(std::string_view frames) {
  FATHOM_CHECK(frames.empty() || frames.ends_with("\n\n"));
  FATHOM_CHECK(frames.find("\n\n\n") == frames.npos);
}

void TellStream(const api::Request& request, std::string_view text) {
  const auto encoder = api::MakeStreamEncoder(request, {.id = "0", .created = 0, .model = "m"});
  text::CompletionParser parser({.starts_in_reasoning = request.StartsInReasoning()});
  CheckFrames(encoder->Open());
  for (; !text.empty(); text.remove_prefix(std::min<size_t>(7, text.size()))) {
    CheckFrames(encoder->Add(0, parser.Feed(text.substr(0, 7)), {}));
    CheckFrames(encoder->Heartbeat());
  }
  CheckFrames(encoder->Add(0, parser.Finish(), {}));
  CheckFrames(encoder->Finish(0, {}));
  CheckFrames(encoder->Close({}));
}

void Answer(const api::Request& request, const std::string& text) {
  TellStream(request, text);
  const api::Answer answer = {.completion = text::ParseCompletion(
                                  text, {.starts_in_reasoning = request.StartsInReasoning()}),
                              .ending = {},
                              .logprobs = {}};
  const std::string body =
      api::EncodeResponse(request, {.id = "0", .created = 0, .model = "m"}, {&answer, 1}, {});
  FATHOM_CHECK(body.starts_with("{") && body.find('\n') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const api::Dialect dialect : kDialects) {
    const auto request = api::ParseRequest(dialect, body);
    if (!request.ok()) {
      CheckError(request.error());
      continue;
    }
    if (dialect != api::Dialect::kCompletions) {
      FATHOM_CHECK(text::EncodePrompt(request->conversation, {.effort = request->effort}).ok());
    }
    Answer(*request, body);
  }
  const auto tokenize = api::ParseTokenizeRequest(body);
  if (!tokenize.ok()) CheckError(tokenize.error());
  const auto detokenize = api::ParseDetokenizeRequest(body);
  if (!detokenize.ok()) CheckError(detokenize.error());
  return 0;
}
