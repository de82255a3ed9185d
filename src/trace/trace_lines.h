// The lines of a trace, as docs/formats/trace.md describes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/observer.h"
#include "engine/request.h"
#include "text/field.h"
#include "trace/recording.h"

namespace fathom::trace {

inline constexpr int64_t kTraceVersion = 1;

/// Names of events that have nothing to do with the cache.
inline constexpr std::string_view kRequestEvent = "request";
inline constexpr std::string_view kCancelEvent = "cancel";
inline constexpr std::string_view kTokenEvent = "token";
inline constexpr std::string_view kDoneEvent = "done";
inline constexpr std::string_view kParkEvent = "park";

std::span<const text::Named<engine::CacheDecision::Kind>> DecisionNames();
std::span<const text::Named<engine::FinishReason>> FinishNames();
std::span<const text::Named<engine::TokenOrigin>> OriginNames();

/// The name of one of the values above.
template <typename Value>
std::string_view NameOf(std::span<const text::Named<Value>> names, Value value) {
  for (const text::Named<Value>& named : names)
    if (named.value == value) return named.name;
  return {};
}

/// The sampling options that are fractions, by their names.
struct SamplingField {
  std::string_view name;
  float engine::SamplingOptions::*value;
};
std::span<const SamplingField> SamplingFields();

/// When an event happened.
struct EventTime {
  double seconds = 0;  ///< since the trace began
  int64_t step = 0;    ///< calls of Engine::Step so far, one that is under way included
};

/// Each appends one line.
void AppendHeader(const TraceHeader& header, std::string* out);
/// Of the prompt, what follows the repetition is `rest`.
void AppendRequest(EventTime time, int64_t number, const engine::Request& request,
                   std::string_view constraint, const Repetition& repeated,
                   std::span<const int32_t> rest, std::string* out);
void AppendCancel(EventTime time, const engine::RequestCancelled& event, std::string* out);
void AppendToken(EventTime time, const engine::TokenTaken& event, std::string* out);
void AppendDone(EventTime time, const engine::RequestDone& event, std::string* out);
void AppendDecision(EventTime time, const engine::CacheDecision& decision, std::string* out);
void AppendPark(EventTime time, std::string* out);

/// A decision for people: "kept, request 3, position 7, 2048 tokens".
std::string DescribeDecision(const engine::CacheDecision& decision);

}  // namespace fathom::trace
