#include "cli/generation.h"

#include <optional>
#include <string>
#include <utility>

#include "cli/progress_bar.h"

namespace fathom::cli {
namespace {

// What is computed of the only request's prompt: what was cached did not take any time.
void ShowPrompt(const std::vector<engine::RequestStatus>& requests, ProgressBar& bar) {
  if (requests.empty() || requests[0].phase != engine::RequestStatus::Phase::kPrompt) return;
  const engine::RequestStats& stats = requests[0].stats;
  bar.Update(static_cast<uint64_t>(requests[0].length - stats.cached_tokens),
             static_cast<uint64_t>(stats.prompt_tokens - stats.cached_tokens));
}

}  // namespace

base::Result<Generated> Generate(engine::Engine& engine, engine::Request request,
                                 const InterruptGuard& interrupt,
                                 const std::function<base::Status(std::string_view)>& print) {
  std::vector<engine::TokenEvent> tokens;
  std::optional<engine::Completion> completion;
  base::Status printed;
  size_t bytes_printed = 0;
  std::optional<ProgressBar> bar(std::in_place, "reading the prompt", ProgressBar::Unit::kTokens);
  request.on_token = [&, keep = request.logprobs](const engine::TokenEvent& token) {
    bar.reset();
    if (printed.ok() && !token.text.empty()) printed = print(token.text);
    bytes_printed += token.text.size();
    if (keep) tokens.push_back(token);
  };
  request.on_done = [&](const engine::Completion& done) { completion = done; };

  const engine::Submission submitted = engine.Submit(std::move(request));
  if (!submitted.number) return base::Error{submitted.error};
  while (!completion) {
    if (interrupt.interrupted() || !printed.ok()) engine.Cancel(*submitted.number);
    engine.Step();
    if (bar) ShowPrompt(engine.requests(), *bar);
  }
  bar.reset();
  FATHOM_TRY(printed);
  if (completion->finish == engine::FinishReason::kError) return base::Error{completion->error};
  // What the engine held back until it was certain: half a character, the start of a stop string.
  const auto rest = std::string_view(completion->text).substr(bytes_printed);
  if (!rest.empty()) FATHOM_TRY(print(rest));
  return Generated{std::move(*completion), std::move(tokens)};
}

}  // namespace fathom::cli
