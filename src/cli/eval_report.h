// What "fathom eval" measured, as text, JSON and pictures.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "evaluate/perplexity.h"
#include "evaluate/recall_eval.h"
#include "evaluate/tools_eval.h"
#include "evaluate/watch.h"

namespace fathom::cli {

/// Contexts side by side, depths below one another.
std::string FormatRecall(const std::vector<evaluate::RecallRow>& rows);
/// [{"context", "depth", "correct", "total"}, ...]
Json RecallToJson(const std::vector<evaluate::RecallRow>& rows);
/// The heat map: an SVG file.
std::string DrawRecall(const std::vector<evaluate::RecallRow>& rows);

/// Tenths of the sessions of each length below one another, so that decay would show.
std::string FormatTools(const std::vector<evaluate::ToolsRow>& rows);
/// [{"turns", "turn", "well_formed", "right_call", "right_answer", "total"}, ...]
Json ToolsToJson(const std::vector<evaluate::ToolsRow>& rows);
std::string DrawTools(const std::vector<evaluate::ToolsRow>& rows);

/// {"length", "place", "question", "expected", "said"}
Json MistakeToJson(const evaluate::Mistake& mistake);

std::string FormatPerplexity(const evaluate::Perplexity& perplexity);
Json PerplexityToJson(const evaluate::Perplexity& perplexity);

}  // namespace fathom::cli
