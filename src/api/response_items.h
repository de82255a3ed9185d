// The output items of OpenAI's responses, and the response object around them.
#pragma once

#include <string>
#include <string_view>

#include "api/json_out.h"
#include "api/request.h"

namespace fathom::api {

/// Makes the parts of one response. Item `index` counts from 0 over the output.
class ResponseItems {
 public:
  ResponseItems(const Request& request, ResponseContext context);

  const ResponseContext& context() const { return context_; }

  /// The id of item `index`: `prefix` says of which type it is.
  std::string MakeId(std::string_view prefix, size_t index) const;

  OutJson MakeReasoning(size_t index, std::string_view status, std::string_view text) const;
  OutJson MakeMessage(size_t index, std::string_view status, std::string_view text,
                      OutJson logprobs) const;
  /// `call` counts over the calls. The name is the one in the prompt.
  OutJson MakeCall(size_t index, size_t call, std::string_view status, std::string_view name,
                   std::string_view arguments) const;

  /// A part of a reasoning item, and one of a message.
  static OutJson MakeReasoningPart(std::string_view text);
  static OutJson MakeTextPart(std::string_view text, OutJson logprobs);

  /// The response as it is before its end: "in_progress", without output.
  const OutJson& MakeOpenResponse() const { return open_; }
  OutJson MakeClosedResponse(const Ending& ending, OutJson output, const Totals& totals) const;
  OutJson MakeFailedResponse(const Error& error, OutJson output) const;

 private:
  ResponseContext context_;
  std::map<std::string, NamespacedTool, std::less<>> namespaced_tools_;
  bool seals_reasoning_;
  OutJson open_;
};

/// "completed" or "incomplete": of the response, and of its last call.
std::string_view ResponseStatus(Finish finish);
std::string_view LastCallStatus(const Ending& ending);

}  // namespace fathom::api
