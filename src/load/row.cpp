#include "load/row.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace fathom::load {
namespace {

/// REQUIRES: sorted, not empty.
double FindRank(const std::vector<double>& values, int percent) {
  const size_t rank = (values.size() * static_cast<size_t>(percent) + 99) / 100;
  return values[rank - 1];
}

}  // namespace

const char* NameOf(Phase phase) {
  switch (phase) {
    case Phase::kCold:
      return "cold";
    case Phase::kWarm:
      return "warm";
    case Phase::kRestarted:
      return "restarted";
  }
  return "";
}

std::optional<Percentiles> FindPercentiles(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  return Percentiles{
      .p50 = FindRank(values, 50), .p95 = FindRank(values, 95), .p99 = FindRank(values, 99)};
}

bool Meets(const Exchange& exchange, const Goals& goals) {
  FATHOM_CHECK(exchange.failure == Failure::kNone);
  const int64_t steps = std::max<int64_t>(exchange.answer.usage->completion_tokens - 1, 1);
  const double token = (exchange.last - exchange.first) / static_cast<double>(steps);
  return exchange.first - exchange.begun <= goals.first && token <= goals.token;
}

void LoadRow::Add(const Exchange& exchange, const Goals& goals) {
  ++requests;
  if (exchange.failure != Failure::kNone) {
    ++failures[NameFailure(exchange)];
    if (first_problem.empty()) first_problem = exchange.problem;
    return;
  }
  first.push_back(exchange.first - exchange.begun);
  gaps.insert(gaps.end(), exchange.gaps.begin(), exchange.gaps.end());
  whole.push_back(exchange.ended - exchange.begun);
  good += Meets(exchange, goals) ? 1 : 0;
  prompt_tokens += exchange.answer.usage->prompt_tokens;
  cached_tokens += exchange.answer.usage->cached_tokens;
  completion_tokens += exchange.answer.usage->completion_tokens;
}

int64_t LoadRow::failed() const {
  int64_t count = 0;
  for (const auto& [name, times] : failures) count += times;
  return count;
}

double LoadRow::output_rate() const {
  return seconds > 0 ? static_cast<double>(completion_tokens) / seconds : 0;
}

double LoadRow::prompt_rate() const {
  return seconds > 0 ? static_cast<double>(prompt_tokens) / seconds : 0;
}

double LoadRow::good_rate() const { return seconds > 0 ? static_cast<double>(good) / seconds : 0; }

std::optional<double> LoadRow::cached_share() const {
  if (prompt_tokens == 0) return std::nullopt;
  return static_cast<double>(cached_tokens) / static_cast<double>(prompt_tokens);
}

}  // namespace fathom::load
