// The one line that says what an answer took.
#pragma once

#include <string>

#include "engine/request.h"

namespace fathom::cli {

/// Tokens of the prompt that were computed, a second; 0 if none were.
double PrefillRate(const engine::RequestStats& stats);

/// Tokens a second after the first, which comes with the prompt; 0 if there is only that one.
double DecodeRate(const engine::RequestStats& stats);

/// "prompt 41 tokens (8 cached), 812 tok/s". A rate that nothing was measured for is "- tok/s".
std::string DescribePrompt(const engine::RequestStats& stats);

/// Experts that were in memory when they were needed, as a share of all; 1 if none were needed.
double ExpertHitRate(const engine::ExpertStats& experts);

/// "experts 87.5 % hits, 1.2 GB read, 0.4 s waiting"
std::string DescribeExperts(const engine::ExpertStats& experts);

/// "answer 5 tokens, 96.2 tok/s | KV 135 kB"
std::string DescribeAnswer(const engine::RequestStats& stats);

/// All of these on one line, with " | " between them and without a line end. Experts only if they
/// are read when they are needed.
std::string DescribeStatistics(const engine::RequestStats& stats);

/// Why an answer ended, if not by itself: " | cut at the token limit"; else empty.
std::string DescribeCut(engine::FinishReason finish);

}  // namespace fathom::cli
