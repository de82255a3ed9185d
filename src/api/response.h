// Answers as JSON bodies and as streams of server-sent events, for each API.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/answer.h"
#include "api/error.h"
#include "api/request.h"

namespace fathom::api {

/// The body of a response that is not streamed. REQUIRES: as many answers as the request has
/// prompts times choices (prompts count 1 but for completions), those of one prompt together.
std::string EncodeResponse(const Request& request, const ResponseContext& context,
                           std::span<const Answer> answers, const Totals& totals);

/// Tells one response as it arrives. Each call returns the bytes to send, whole events, perhaps
/// none; what they are depends on the calls so far and nothing else.
///
/// Order: Open; for every choice any number of Add and one Finish, choices in any order; Close.
/// Heartbeat may come anywhere between Open and Close, Fail instead of whatever would be next: then
/// nothing may follow.
class StreamEncoder {
 public:
  virtual ~StreamEncoder() = default;
  StreamEncoder() = default;
  StreamEncoder(const StreamEncoder&) = delete;
  StreamEncoder& operator=(const StreamEncoder&) = delete;

  /// What can be said before the first token. To be sent at once, with the headers.
  virtual std::string Open() = 0;

  /// What a client takes for a sign of life. To be sent whenever nothing else was for 10 s.
  virtual std::string Heartbeat() = 0;

  /// What the parser made of the next tokens of a choice (completions: kContent events), and the
  /// tokens if their probabilities were asked for.
  virtual std::string Add(int choice, std::span<const text::CompletionEvent> events,
                          std::span<const TokenLogprob> logprobs) = 0;

  /// The choice is over; Add has told what the parser's Finish gave.
  virtual std::string Finish(int choice, const Ending& ending) = 0;

  /// The response is over.
  virtual std::string Close(const Totals& totals) = 0;

  /// Something went wrong after Open.
  virtual std::string Fail(const Error& error) = 0;
};

/// `request` and `context` are copied as far as they are needed.
std::unique_ptr<StreamEncoder> MakeStreamEncoder(const Request& request,
                                                 const ResponseContext& context);

/// The id by which a client answers to a call, so that what was generated for it can be found when
/// it comes back. `choice` counts from 0 over all choices, `call` over the calls of one.
std::string MakeCallId(Dialect dialect, const ResponseContext& context, int choice, size_t call);

}  // namespace fathom::api
