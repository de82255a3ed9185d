// What the server counts, as Prometheus reads it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "api/answer.h"
#include "engine/engine.h"

namespace fathom::server {

/// Counts of values up to each of some bounds.
class Histogram {
 public:
  /// `bounds` ascend.
  explicit Histogram(std::vector<double> bounds)
      : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

  void Observe(double value);
  /// Appends its lines of the text format. `labels` are "name=\"value\",..." or empty.
  void Print(std::string_view name, std::string_view labels, std::string* out) const;

 private:
  std::vector<double> bounds_;
  std::vector<int64_t> counts_;  // by bound, and of what is above all
  double sum_ = 0;
};

/// A choice that came to its end. Seconds as the engine measured them.
struct ChoiceRecord {
  std::string_view finish;  ///< the reason as vLLM names it: stop, length or repetition
  int64_t generated_tokens = 0;
  double queue_seconds = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

/// Everything that /metrics shows. Names and buckets are vLLM's where vLLM has the thing, so that
/// its dashboards show Fathom; the rest begins with "fathom:". Belongs to one thread.
class Metrics {
 public:
  explicit Metrics(std::string model);

  /// A request that was handed to the engine; `max_tokens` below 0: no limit.
  void NoteRequest(int64_t prompt_tokens, int64_t choices, int64_t max_tokens);
  void NoteFirstToken(double seconds) { first_token_.Observe(seconds); }
  void NoteNextToken(double seconds) { next_token_.Observe(seconds); }
  void NoteChoice(const ChoiceRecord& record);
  /// A call or a content that breaks what no constraint holds of its schema.
  void NoteSchemaViolation() { ++schema_violations_; }
  void NoteTurn(api::TurnNote note) { ++turn_notes_[static_cast<size_t>(note)]; }
  /// A choice that did not come to its end: abort or error.
  void NoteEnd(std::string_view reason) { ++finished_[std::string(reason)]; }
  void NoteHttp(std::string_view handler, std::string_view method, int status, double seconds);

  std::string Print(const engine::EngineStatistics& engine) const;

 private:
  void PrintEngine(const engine::EngineStatistics& engine, std::string* out) const;
  void PrintHttp(std::string* out) const;

  std::string labels_;
  Histogram first_token_;
  Histogram next_token_;
  Histogram whole_;
  Histogram queue_;
  Histogram prefill_;
  Histogram decode_;
  Histogram inference_;
  Histogram prompt_tokens_;
  Histogram generated_tokens_;
  Histogram choices_;
  Histogram max_tokens_;
  std::map<std::string, int64_t, std::less<>> finished_;
  int64_t schema_violations_ = 0;
  std::array<int64_t, std::size(api::kAllTurnNotes)> turn_notes_{};
  std::map<std::tuple<std::string, std::string, int>, int64_t> http_;
  std::map<std::string, Histogram, std::less<>> http_seconds_;
};

}  // namespace fathom::server
