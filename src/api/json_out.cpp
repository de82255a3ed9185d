#include "api/json_out.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "base/check.h"

namespace fathom::api {
namespace {

constexpr const char* kLastEvent = "data: [DONE]\n\n";

// The names in OpenAI's error bodies.
struct OpenAiNames {
  const char* type;
  const char* code;  // nullptr: none
};

OpenAiNames OpenAiNamesOf(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kMethodNotAllowed:
    case ErrorKind::kTimeout:
    case ErrorKind::kTooLarge:
      return {"invalid_request_error", nullptr};
    case ErrorKind::kContextLength:
      return {"invalid_request_error", "context_length_exceeded"};
    case ErrorKind::kUnauthorized:
      return {"authentication_error", "invalid_api_key"};
    case ErrorKind::kForbidden:
      return {"permission_error", nullptr};
    case ErrorKind::kNotFound:
      return {"not_found_error", "not_found"};
    case ErrorKind::kBusy:
      return {"rate_limit_error", "rate_limit_exceeded"};
    case ErrorKind::kInternal:
      return {"server_error", "server_error"};
    case ErrorKind::kUnavailable:
      return {"server_error", "server_is_overloaded"};
  }
  FATHOM_CHECK(false);
}

OutJson MakeBytes(std::string_view bytes) {
  OutJson list = OutJson::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

OutJson MakeLogprob(std::string_view bytes, float logprob) {
  return {{"token", bytes}, {"logprob", MakeNumber(logprob)}, {"bytes", MakeBytes(bytes)}};
}

void AddCacheFields(const Usage& usage, OutJson* json) {
  (*json)["prompt_cache_hit_tokens"] = usage.cached_tokens;
  (*json)["prompt_cache_miss_tokens"] = usage.prompt_tokens - usage.cached_tokens;
  (*json)["cache_read_input_tokens"] = usage.cached_tokens;
  (*json)["cache_creation_input_tokens"] = 0;
}

double PerSecond(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

}  // namespace

std::string Print(const OutJson& json) {
  return json.dump(-1, ' ', false, OutJson::error_handler_t::replace);
}

std::string PrintDataEvent(const OutJson& json) { return fmt::format("data: {}\n\n", Print(json)); }

std::string PrintNamedEvent(const OutJson& json) {
  return fmt::format("event: {}\ndata: {}\n\n", json.at("type").get_ref<const std::string&>(),
                     Print(json));
}

OutJson MakeNumber(float value) {
  // JSON has no infinity; this is what OpenAI says for a token that is next to impossible.
  if (!std::isfinite(value)) return -9999.0;
  return std::strtod(fmt::format("{}", value).c_str(), nullptr);
}

OutJson MakeOpenAiError(const Error& error) {
  const OpenAiNames names = OpenAiNamesOf(error.kind);
  OutJson json = {{"message", error.message}, {"type", names.type}};
  json["param"] = error.param.empty() ? OutJson() : OutJson(error.param);
  json["code"] = names.code == nullptr ? OutJson() : OutJson(names.code);
  return json;
}

std::string_view OpenAiFinishReason(const Ending& ending, bool has_calls) {
  if (IsCut(ending.finish)) return "length";
  return has_calls && !ending.Has(TurnNote::kCutCall) ? "tool_calls" : "stop";
}

std::string PrintOpenAiEnd(OutJson head, const Totals& totals, bool include_usage) {
  std::string frames;
  if (include_usage) {
    head["choices"] = OutJson::array();
    head["usage"] = MakeOpenAiUsage(totals.usage);
    head["timings"] = MakeTimings(totals);
    frames = PrintDataEvent(head);
  }
  return frames + kLastEvent;
}

std::string PrintOpenAiFailure(const Error& error) {
  return PrintDataEvent({{"error", MakeOpenAiError(error)}}) + kLastEvent;
}

void AddNotes(const Ending& ending, OutJson* json) {
  if (ending.notes.empty()) return;
  OutJson notes = OutJson::array();
  for (const TurnNote note : ending.notes) notes.push_back(NameOf(note));
  (*json)["fathom"] = {{"notes", std::move(notes)}};
}

OutJson MakeOpenAiUsage(const Usage& usage) {
  OutJson json = {{"prompt_tokens", usage.prompt_tokens},
                  {"completion_tokens", usage.completion_tokens},
                  {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
                  {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                  {"completion_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}}};
  AddCacheFields(usage, &json);
  return json;
}

OutJson MakeResponsesUsage(const Usage& usage) {
  OutJson json = {{"input_tokens", usage.prompt_tokens},
                  {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                  {"output_tokens", usage.completion_tokens},
                  {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
                  {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  AddCacheFields(usage, &json);
  return json;
}

OutJson MakeAnthropicUsage(const Usage& usage) {
  OutJson json = {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
                  {"output_tokens", usage.completion_tokens},
                  {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                  {"output_tokens_details", {{"thinking_tokens", usage.reasoning_tokens}}}};
  AddCacheFields(usage, &json);
  return json;
}

OutJson MakeTimings(const Totals& totals) {
  const Usage& usage = totals.usage;
  const Timings& timings = totals.timings;
  const int64_t computed = usage.prompt_tokens - usage.cached_tokens;
  return {{"queue_ms", timings.queue_seconds * 1e3},
          {"cache_n", usage.cached_tokens},
          {"prompt_n", computed},
          {"prompt_ms", timings.prefill_seconds * 1e3},
          {"prompt_per_second", PerSecond(computed, timings.prefill_seconds)},
          {"predicted_n", usage.completion_tokens},
          {"predicted_ms", timings.decode_seconds * 1e3},
          {"predicted_per_second", PerSecond(usage.completion_tokens, timings.decode_seconds)}};
}

OutJson MakeLogprobs(std::span<const TokenLogprob> tokens, bool of_reasoning) {
  OutJson list = OutJson::array();
  for (const TokenLogprob& token : tokens) {
    if (token.is_reasoning != of_reasoning) continue;
    OutJson entry = MakeLogprob(token.bytes, token.logprob);
    OutJson top = OutJson::array();
    for (const Alternative& other : token.top) {
      top.push_back(MakeLogprob(other.bytes, other.logprob));
    }
    entry["top_logprobs"] = std::move(top);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace fathom::api
