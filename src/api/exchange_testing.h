// One request and its answer, as tests play them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/json_out.h"
#include "api/response.h"
#include "text/completion_parser.h"

namespace fathom::api {

/// What a response is made of; fixed, so that it can be compared.
inline ResponseContext MakeTestContext() {
  return {.id = "0a1b", .created = 1700000000, .model = "test-model", .prompt_tokens = 100};
}

inline Totals MakeTestTotals() {
  return {.usage = {.prompt_tokens = 100,
                    .cached_tokens = 80,
                    .completion_tokens = 16,
                    .reasoning_tokens = 4},
          .timings = {.queue_seconds = 0.5, .prefill_seconds = 2, .decode_seconds = 4}};
}

inline text::TextEnd TextEndOf(const Ending& ending) {
  return IsCut(ending.finish) ? text::TextEnd::kCut : text::TextEnd::kWhole;
}

/// `ending` of an answer that was parsed.
inline Ending AddCutCall(const text::Completion& completion, Ending ending) {
  const auto& calls = completion.tool_calls;
  if (IsCut(ending.finish) && !calls.empty() && !calls.back().is_complete)
    ending.notes.push_back(TurnNote::kCutCall);
  return ending;
}

/// The stream of an answer that arrives in `pieces`. With `beats`, there is silence before each.
inline std::string PlayStream(const Request& request, const std::vector<std::string>& pieces,
                              const Ending& ending, bool beats) {
  const auto encoder = MakeStreamEncoder(request, MakeTestContext());
  text::CompletionParser parser({.starts_in_reasoning = request.StartsInReasoning()});
  std::string stream = encoder->Open();
  for (const std::string& piece : pieces) {
    if (beats) stream += encoder->Heartbeat();
    stream += encoder->Add(0, parser.Feed(piece), {});
  }
  stream += encoder->Add(0, parser.Finish(TextEndOf(ending)), {});
  stream += encoder->Finish(0, AddCutCall(parser.completion(), ending));
  stream += encoder->Close(MakeTestTotals());
  return stream;
}

/// The body of the same answer without a stream.
inline OutJson PlayResponse(const Request& request, const std::vector<std::string>& pieces,
                            const Ending& ending) {
  text::CompletionParser parser({.starts_in_reasoning = request.StartsInReasoning()});
  for (const std::string& piece : pieces) parser.Feed(piece);
  parser.Finish(TextEndOf(ending));
  Answer answer;
  answer.completion = parser.completion();
  answer.ending = AddCutCall(answer.completion, ending);
  return OutJson::parse(EncodeResponse(request, MakeTestContext(), {&answer, 1}, MakeTestTotals()));
}

/// The events of a stream as a client sees them: their data, and nothing of names and comments.
/// Fails the test if the stream is not made of whole events.
std::vector<OutJson> ReadStream(std::string_view stream);

}  // namespace fathom::api
