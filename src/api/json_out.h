// What the answers of several APIs have in common, as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "api/answer.h"
#include "api/error.h"

namespace fathom::api {

/// Keys stay in the order in which they were added.
using OutJson = nlohmann::ordered_json;

/// One line. Bytes that are not UTF-8, as a model may produce them, become U+FFFD.
std::string Print(const OutJson& json);

/// A server-sent event without a name: "data: JSON".
std::string PrintDataEvent(const OutJson& json);
/// A server-sent event that is named as its "type" says.
std::string PrintNamedEvent(const OutJson& json);

/// The number as a person would write the float: 0.9, not 0.8999999761581421.
OutJson MakeNumber(float value);

/// {"message", "type", "param", "code"}
OutJson MakeOpenAiError(const Error& error);

/// The word of OpenAI's older APIs for how an answer ended.
std::string_view OpenAiFinishReason(const Ending& ending, bool has_calls);

/// The end of a stream of OpenAI's older APIs: usage, if it is wanted, in a chunk of its own that
/// begins like `head`, and the mark behind the last event.
std::string PrintOpenAiEnd(OutJson head, const Totals& totals, bool include_usage);
/// Such a stream's end if it fails.
std::string PrintOpenAiFailure(const Error& error);

/// Adds what no API has a word for: "fathom": {"notes"}, if there are any.
void AddNotes(const Ending& ending, OutJson* json);

// Usage. Clients look for cached tokens under the names of the API that they were written for, or
// of DeepSeek's; so every usage has all of them. Only input_tokens means two things: with Anthropic
// it leaves out what was cached.
OutJson MakeOpenAiUsage(const Usage& usage);
OutJson MakeResponsesUsage(const Usage& usage);
OutJson MakeAnthropicUsage(const Usage& usage);

/// Tokens, milliseconds and tokens per second of the prompt and of the answer.
OutJson MakeTimings(const Totals& totals);

/// [{"token", "logprob", "bytes", "top_logprobs"}] of the tokens that are reasoning, or of the
/// others.
OutJson MakeLogprobs(std::span<const TokenLogprob> tokens, bool of_reasoning);

}  // namespace fathom::api
