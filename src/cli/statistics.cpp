#include "cli/statistics.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/format.h"

namespace fathom::cli {
namespace {

std::string FormatTokenRate(double rate) {
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
                     FormatCount(stats.cached_tokens), FormatTokenRate(PrefillRate(stats)));
}

// An expert may be read and evicted again before it is used, so that there can be more reads than
// uses.
double ExpertHitRate(const engine::ExpertStats& experts) {
  if (experts.uses == 0) return 1;
  const auto missed = static_cast<double>(std::min(experts.reads, experts.uses));
  return 1 - missed / static_cast<double>(experts.uses);
}

std::string DescribeExperts(const engine::ExpertStats& experts) {
  return fmt::format("experts {:.1f} % hits, {} read, {:.2f} s waiting",
                     100 * ExpertHitRate(experts),
                     FormatBytes(static_cast<uint64_t>(experts.bytes_read)), experts.wait_seconds);
}

std::string DescribeAnswer(const engine::RequestStats& stats) {
  return fmt::format("answer {} tokens, {} | KV {}", FormatCount(stats.generated_tokens),
                     FormatTokenRate(DecodeRate(stats)),
                     FormatBytes(static_cast<uint64_t>(stats.kv_bytes)));
}

std::string DescribeStatistics(const engine::RequestStats& stats) {
  std::string text = DescribePrompt(stats) + " | " + DescribeAnswer(stats);
  if (stats.experts) text += " | " + DescribeExperts(*stats.experts);
  return text;
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
    case engine::FinishReason::kError:
      return " | failed";
  }
  return {};
}

}  // namespace fathom::cli
