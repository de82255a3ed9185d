#include "trace/trace_lines.h"

#include <fmt/format.h>

#include <iterator>
#include <vector>

#include "text/json.h"

namespace fathom::trace {
namespace {

using engine::CacheDecision;
using engine::FinishReason;
using engine::SamplingOptions;
using engine::TokenOrigin;

template <typename... Args>
void Append(std::string* out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(*out), format, std::forward<Args>(args)...);
}

void AppendTime(EventTime time, std::string_view event, std::string* out) {
  Append(out, R"({{"time":{:.6f},"step":{},"event":"{}")", time.seconds, time.step, event);
}

// A member that is left out where it says nothing.
void AppendMember(std::string_view name, int64_t value, int64_t usual, std::string* out) {
  if (value != usual) Append(out, R"(,"{}":{})", name, value);
}
void AppendMember(std::string_view name, bool value, std::string* out) {
  if (value) Append(out, R"(,"{}":true)", name);
}

template <typename Integer>
void AppendList(std::string_view name, std::span<const Integer> values, std::string* out) {
  if (!values.empty()) Append(out, R"(,"{}":[{}])", name, fmt::join(values, ","));
}

void AppendStops(const std::vector<std::string>& stops, std::string* out) {
  if (stops.empty()) return;
  *out += R"(,"stop":[)";
  for (const std::string& stop : stops) *out += text::QuoteJson(stop) + ",";
  out->back() = ']';
}

void AppendSampling(const SamplingOptions& sampling, std::string* out) {
  Append(out, R"(,"sampling":{{"seed":{})", sampling.seed);
  for (const auto& [name, value] : SamplingFields())
    if (sampling.*value != SamplingOptions().*value)
      Append(out, R"(,"{}":{})", name, sampling.*value);
  AppendMember("top_k", sampling.top_k, 0, out);
  if (!sampling.logit_bias.empty()) {
    *out += R"(,"logit_bias":[)";
    for (const auto& [id, bias] : sampling.logit_bias) Append(out, "[{},{}],", id, bias);
    out->back() = ']';
  }
  *out += '}';
}

}  // namespace

std::span<const text::Named<CacheDecision::Kind>> DecisionNames() {
  using enum CacheDecision::Kind;
  static constexpr text::Named<CacheDecision::Kind> kNames[] = {
      {"found", kFound},   {"read", kRead},       {"kept", kKept},       {"evicted", kEvicted},
      {"queued", kQueued}, {"written", kWritten}, {"removed", kRemoved}, {"failed", kFailed}};
  return kNames;
}

std::span<const text::Named<FinishReason>> FinishNames() {
  using enum FinishReason;
  static constexpr text::Named<FinishReason> kNames[] = {{"stop", kStop},
                                                         {"length", kLength},
                                                         {"context", kContext},
                                                         {"cancelled", kCancelled},
                                                         {"error", kError}};
  return kNames;
}

std::span<const text::Named<TokenOrigin>> OriginNames() {
  using enum TokenOrigin;
  static constexpr text::Named<TokenOrigin> kNames[] = {
      {"drawn", kDrawn}, {"forced", kForced}, {"said", kSaid}};
  return kNames;
}

std::span<const SamplingField> SamplingFields() {
  static constexpr SamplingField kFields[] = {
      {"temperature", &SamplingOptions::temperature},
      {"top_p", &SamplingOptions::top_p},
      {"min_p", &SamplingOptions::min_p},
      {"repetition_penalty", &SamplingOptions::repetition_penalty},
      {"presence_penalty", &SamplingOptions::presence_penalty},
      {"frequency_penalty", &SamplingOptions::frequency_penalty}};
  return kFields;
}

void AppendHeader(const TraceHeader& header, std::string* out) {
  Append(out, R"({{"trace":{},"began":{},"program":{},"model":{},"fingerprint":{},"isa":{})",
         kTraceVersion, text::QuoteJson(header.began), text::QuoteJson(header.program),
         text::QuoteJson(header.model), text::QuoteJson(header.fingerprint),
         text::QuoteJson(header.isa));
  Append(out, R"(,"context":{},"batch_tokens":{},"chunk_tokens":{},"max_batch":{},"max_queue":{})",
         header.context, header.batch_tokens, header.chunk_tokens, header.max_batch,
         header.max_queue);
  Append(out, R"(,"kv_memory":{})", header.kv_memory);
  if (header.files) Append(out, R"(,"kv_disk":{},"files":{})", header.kv_disk, *header.files);
  *out += "}\n";
}

void AppendRequest(EventTime time, int64_t number, const engine::Request& request,
                   std::string_view constraint, const Repetition& repeated,
                   std::span<const int32_t> rest, std::string* out) {
  AppendTime(time, kRequestEvent, out);
  Append(out, R"(,"request":{})", number);
  if (repeated.request != 0)
    Append(out, R"(,"repeats":[{},{}])", repeated.request, repeated.tokens);
  Append(out, R"(,"prompt":[{}])", fmt::join(rest, ","));
  AppendList(std::string_view("boundaries"), std::span<const int64_t>(request.boundaries), out);
  AppendMember("max_tokens", request.max_tokens, -1, out);
  AppendSampling(request.sampling, out);
  AppendStops(request.stop, out);
  AppendList(std::string_view("stop_tokens"), std::span<const int32_t>(request.stop_tokens), out);
  AppendMember("ignore_end", request.ignore_end, out);
  AppendMember("logprobs", request.logprobs, out);
  AppendMember("top_logprobs", request.top_logprobs, 0, out);
  AppendMember("priority", request.priority, 0, out);
  if (!constraint.empty()) Append(out, R"(,"constraint":{})", constraint);
  *out += "}\n";
}

void AppendCancel(EventTime time, const engine::RequestCancelled& event, std::string* out) {
  AppendTime(time, kCancelEvent, out);
  Append(out, R"(,"request":{})", event.number);
  *out += "}\n";
}

void AppendToken(EventTime time, const engine::TokenTaken& event, std::string* out) {
  AppendTime(time, kTokenEvent, out);
  Append(out, R"(,"request":{},"id":{})", event.number, event.id);
  if (event.origin != TokenOrigin::kDrawn)
    Append(out, R"(,"origin":"{}")", NameOf(OriginNames(), event.origin));
  *out += "}\n";
}

void AppendDone(EventTime time, const engine::RequestDone& event, std::string* out) {
  AppendTime(time, kDoneEvent, out);
  Append(out, R"(,"request":{},"finish":"{}")", event.number, NameOf(FinishNames(), event.finish));
  *out += "}\n";
}

void AppendDecision(EventTime time, const CacheDecision& decision, std::string* out) {
  AppendTime(time, NameOf(DecisionNames(), decision.kind), out);
  AppendMember("request", decision.request, 0, out);
  AppendMember("position", decision.position, 0, out);
  Append(out, R"(,"tokens":{})", decision.tokens);
  AppendMember("bytes", decision.bytes, 0, out);
  AppendMember("look", decision.look, 0, out);
  *out += "}\n";
}

void AppendPark(EventTime time, std::string* out) {
  AppendTime(time, kParkEvent, out);
  *out += "}\n";
}

std::string DescribeDecision(const CacheDecision& decision) {
  std::string text(NameOf(DecisionNames(), decision.kind));
  if (decision.request != 0) Append(&text, ", request {}", decision.request);
  if (decision.position != 0) Append(&text, ", position {}", decision.position);
  Append(&text, ", {} tokens", decision.tokens);
  if (decision.bytes != 0) Append(&text, ", {} bytes", decision.bytes);
  if (decision.look != 0) Append(&text, ", look {}", decision.look);
  return text;
}

}  // namespace fathom::trace
