// What was measured in one phase, and what is made of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "load/exchange.h"

namespace fathom::load {

enum class Phase : uint8_t {
  kCold,       ///< a conversation's first request: the server has seen nothing of it
  kWarm,       ///< those that follow
  kRestarted,  ///< one more, after the server was started over
};

/// "cold", "warm", "restarted"
const char* NameOf(Phase phase);

/// Of measured values: the smallest one that is not exceeded by 50, 95 or 99 % of them.
struct Percentiles {
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
};

/// Nothing if there are no values.
std::optional<Percentiles> FindPercentiles(std::vector<double> values);

/// What is good enough, in seconds.
struct Goals {
  double first = 1;    ///< to the first text
  double token = 0.1;  ///< from token to token, on average over an answer
};

/// Requests of one phase. Times are in seconds.
struct LoadRow {
  int64_t clients = 0;
  Phase phase = Phase::kCold;
  int64_t requests = 0;                       ///< failed ones included
  std::map<std::string, int64_t> failures{};  ///< by NameFailure
  std::string first_problem{};                ///< of the first failure; empty without one
  double seconds = 0;                         ///< from the first request to the last one's end

  // Of the requests that did not fail.
  std::vector<double> first{};  ///< to the first text, by request
  std::vector<double> gaps{};   ///< between pieces of text, of all requests
  std::vector<double> whole{};  ///< to the end, by request
  int64_t good = 0;             ///< that met the goals
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;

  void Add(const Exchange& exchange, const Goals& goals);

  int64_t failed() const;
  double output_rate() const;  ///< tokens a second
  double prompt_rate() const;  ///< tokens a second, those that the cache had included
  double good_rate() const;    ///< requests a second
  /// Of the prompts' tokens; nothing where there are none.
  std::optional<double> cached_share() const;
};

/// Whether the answer met the goals. REQUIRES: it did not fail.
bool Meets(const Exchange& exchange, const Goals& goals);

}  // namespace fathom::load
