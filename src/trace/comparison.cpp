#include "trace/comparison.h"

#include <fmt/format.h>

#include "trace/trace_lines.h"

namespace fathom::trace {
namespace {

using engine::CacheDecision;
using engine::FinishReason;

constexpr const char* kNothing = "nothing";

std::string NameFinish(FinishReason finish) { return std::string(NameOf(FinishNames(), finish)); }

}  // namespace

std::optional<FinishReason> Comparison::FindFinish(int64_t number) const {
  const std::optional<FinishReason> finish = recording_.request(number).finish;
  const bool was_cut = finish == FinishReason::kCancelled || finish == FinishReason::kError;
  return was_cut && !compares_decisions_ ? std::nullopt : finish;
}

// Behind what is recorded of a request that the trace does not see the end of, anything may come.
void Comparison::Hear(const engine::TokenTaken& event) {
  const RecordedRequest& recorded = recording_.request(event.number);
  const int64_t at = progress_[static_cast<size_t>(event.number - 1)].tokens++;
  Difference difference{.kind = Difference::Kind::kToken,
                        .request = event.number,
                        .position = at + 1,
                        .expected = kNothing,
                        .got = std::to_string(event.id)};
  if (at < std::ssize(recorded.tokens)) {
    ++tokens_;
    --tokens_left_;
    const int32_t expected = recorded.tokens[static_cast<size_t>(at)].id;
    if (event.id == expected) return;
    difference.expected = std::to_string(expected);
  } else if (!recorded.finish) {
    return;
  }
  Note(std::move(difference));
}

void Comparison::Hear(const engine::RequestDone& event) {
  Progress& progress = progress_[static_cast<size_t>(event.number - 1)];
  progress.is_done = true;
  const std::optional<FinishReason> expected = FindFinish(event.number);
  const int64_t recorded = std::ssize(recording_.request(event.number).tokens);
  Difference difference{.kind = Difference::Kind::kFinish,
                        .request = event.number,
                        .position = progress.tokens,
                        .expected = expected ? NameFinish(*expected) : std::string(),
                        .got = NameFinish(event.finish)};
  if (progress.tokens < recorded) {
    difference.kind = Difference::Kind::kToken;
    difference.position = progress.tokens + 1;
    difference.got = kNothing;
    const size_t next = static_cast<size_t>(progress.tokens);
    difference.expected = std::to_string(recording_.request(event.number).tokens[next].id);
    Note(std::move(difference));
  } else if (expected && *expected != event.finish) {
    Note(std::move(difference));
  }
}

// Behind the last one that is recorded, anything may come: the trace ends there.
void Comparison::Hear(const CacheDecision& event) {
  if (!compares_decisions_ || decisions_ == std::ssize(recording_.decisions)) return;
  const CacheDecision& expected = recording_.decisions[static_cast<size_t>(decisions_++)];
  if (event == expected) return;
  Note({.kind = Difference::Kind::kDecision,
        .position = decisions_,
        .expected = DescribeDecision(expected),
        .got = DescribeDecision(event)});
}

std::optional<Difference> Comparison::FindMissing() const {
  for (size_t i = 0; i < progress_.size(); ++i) {
    const RecordedRequest& recorded = recording_.requests[i];
    const auto number = static_cast<int64_t>(i) + 1;
    const auto at = static_cast<size_t>(progress_[i].tokens);
    if (at < recorded.tokens.size())
      return Difference{.kind = Difference::Kind::kToken,
                        .request = number,
                        .position = progress_[i].tokens + 1,
                        .expected = std::to_string(recorded.tokens[at].id),
                        .got = kNothing};
    if (recorded.finish && !progress_[i].is_done)
      return Difference{.kind = Difference::Kind::kFinish,
                        .request = number,
                        .position = progress_[i].tokens,
                        .expected = NameFinish(*recorded.finish),
                        .got = kNothing};
  }
  if (!compares_decisions_ || decisions_ == std::ssize(recording_.decisions)) return std::nullopt;
  return Difference{
      .kind = Difference::Kind::kDecision,
      .position = decisions_ + 1,
      .expected = DescribeDecision(recording_.decisions[static_cast<size_t>(decisions_)]),
      .got = kNothing};
}

std::string DescribeDifference(const Difference& difference) {
  std::string place;
  switch (difference.kind) {
    case Difference::Kind::kToken:
      place = fmt::format("request {}, token {}", difference.request, difference.position);
      break;
    case Difference::Kind::kFinish:
      place =
          fmt::format("request {}, end after {} tokens", difference.request, difference.position);
      break;
    case Difference::Kind::kDecision:
      place = fmt::format("decision {} of the cache", difference.position);
      break;
  }
  return fmt::format("{}: the trace has {}; this run has {}", place, difference.expected,
                     difference.got);
}

}  // namespace fathom::trace
