#include "cli/statistics.h"

#include <fmt/format.h>

#include "cli/format.h"

namespace fathom::cli {
namespace {

std::string FormatRate(double rate) {
  if (rate <= 0) return "- tok/s";
  return fmt::format("{} tok/s", FormatDecimal(rate, rate < 100 ? 1 : 0));
}

}  // namespace

double PrefillRate(const engine::RequestStats& stats) {
  const int64_t computed = stats.prompt_tokens - stats.cached_tokens;
  return stats.prefill_seconds > 0 ? static_cast<double>(computed) / stats.prefill_seconds : 0;
}

double DecodeRate(const engine::RequestStats& stats) {
  if (stats.generated_tokens < 2 || stats.decode_seconds <= 0) return 0;
  return static_cast<double>(stats.generated_tokens - 1) / stats.decode_seconds;
}

std::string DescribePrompt(const engine::RequestStats& stats) {
  return fmt::format("prompt {} tokens ({} cached), {}", FormatCount(stats.prompt_tokens),
                     FormatCount(stats.cached_tokens), FormatRate(PrefillRate(stats)));
}

std::string DescribeAnswer(const engine::RequestStats& stats) {
  return fmt::format("answer {} tokens, {} | KV {}", FormatCount(stats.generated_tokens),
                     FormatRate(DecodeRate(stats)),
                     FormatBytes(static_cast<uint64_t>(stats.kv_bytes)));
}

std::string DescribeStatistics(const engine::RequestStats& stats) {
  return DescribePrompt(stats) + " | " + DescribeAnswer(stats);
}

std::string DescribeCut(engine::FinishReason finish) {
  switch (finish) {
    case engine::FinishReason::kStop:
      return {};
    case engine::FinishReason::kLength:
      return " | cut at the token limit";
    case engine::FinishReason::kContext:
      return " | cut: the context is full";
    case engine::FinishReason::kCancelled:
      return " | interrupted";
  }
  return {};
}

}  // namespace fathom::cli
