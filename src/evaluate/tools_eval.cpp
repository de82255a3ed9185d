#include "evaluate/tools_eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "data/random.h"
#include "data/tool_session.h"
#include "text/completion_parser.h"
#include "text/json_meaning.h"
#include "text/trim.h"

namespace fathom::evaluate {
namespace {

constexpr int64_t kStepTokens = 256;

bool IsWellFormed(const text::Completion& said) {
  return said.problems.empty() &&
         std::all_of(said.tool_calls.begin(), said.tool_calls.end(),
                     [](const text::CompletedCall& call) { return call.is_complete; });
}

bool HasCalls(const text::Completion& said, const std::vector<text::ToolCall>& expected) {
  return std::equal(
      said.tool_calls.begin(), said.tool_calls.end(), expected.begin(), expected.end(),
      [](const text::CompletedCall& call, const text::ToolCall& wanted) {
        return call.name == wanted.name && text::MeansTheSame(call.arguments, wanted.arguments);
      });
}

base::Result<text::Completion> TakeStep(Examinee& examinee, const data::ToolSession& session,
                                        size_t turn, size_t step) {
  FATHOM_ASSIGN(const auto prompt, examinee.Encode(data::ConversationBefore(session, turn, step),
                                                   text::ThinkingEffort::kHigh));
  FATHOM_ASSIGN(const std::string answer, examinee.Answer(prompt, kStepTokens));
  return text::ParseCompletion(answer, {.starts_in_reasoning = true});
}

// Calls a line each, or else the answer.
template <typename Calls>
std::string Describe(const Calls& calls, std::string_view answer) {
  if (calls.empty()) return std::string(text::Trim(answer));
  std::string lines;
  for (const auto& call : calls)
    lines += fmt::format("{}{}({})", lines.empty() ? "" : "\n", call.name, call.arguments);
  return lines;
}

base::Status TakeTurn(Examinee& examinee, const data::ToolSession& session, size_t turn,
                      ToolsRow& row, const EvalWatch& watch) {
  const data::ToolTurn& expected = session.turns[turn];
  bool is_well_formed = true;
  bool is_right_call = true;
  bool is_right = true;
  const auto expect = [&](const text::Completion& said, bool said_right,
                          const std::vector<text::ToolCall>& calls, const std::string& answer) {
    is_right &= said_right;
    if (said_right || !watch.on_mistake) return;
    watch.on_mistake({.length = row.turns,
                      .place = static_cast<double>(row.turn),
                      .question = expected.question,
                      .expected = Describe(calls, answer),
                      .said = Describe(said.tool_calls, said.content)});
  };
  for (size_t step = 0; step < expected.steps.size(); ++step) {
    FATHOM_ASSIGN(const auto said, TakeStep(examinee, session, turn, step));
    const std::vector<text::ToolCall>& calls = expected.steps[step].calls;
    is_well_formed &= IsWellFormed(said);
    is_right_call &= HasCalls(said, calls);
    expect(said, HasCalls(said, calls), calls, "");
  }
  FATHOM_ASSIGN(const auto said, TakeStep(examinee, session, turn, expected.steps.size()));
  is_well_formed &= IsWellFormed(said);
  is_right_call &= said.tool_calls.empty();
  expect(said, said.tool_calls.empty() && text::Trim(said.content) == expected.answer, {},
         expected.answer);
  row.well_formed += is_well_formed ? 1 : 0;
  row.right_call += is_right_call ? 1 : 0;
  row.right_answer += is_right ? 1 : 0;
  ++row.total;
  return {};
}

}  // namespace

base::Result<std::vector<ToolsRow>> EvaluateTools(Examinee& examinee,
                                                  const ToolsEvalOptions& options,
                                                  const EvalWatch& watch) {
  int64_t total = 0;
  for (const int64_t turns : options.turns) total += turns * options.samples;
  int64_t done = 0;
  std::vector<ToolsRow> rows;
  for (const int64_t turns : options.turns) {
    const size_t first = rows.size();
    for (int64_t turn = 1; turn <= turns; ++turn) {
      rows.emplace_back();
      rows.back().turns = turns;
      rows.back().turn = turn;
    }
    for (int64_t sample = 0; sample < options.samples; ++sample) {
      const uint64_t seed = data::MixSeed(options.seed, static_cast<uint64_t>(sample));
      const data::ToolSession session = data::MakeToolSession({.seed = seed, .turns = turns});
      examinee.Reset();
      for (size_t turn = 0; turn < session.turns.size(); ++turn) {
        FATHOM_TRY(TakeTurn(examinee, session, turn, rows[first + turn], watch));
        ++done;
        if (watch.on_progress) watch.on_progress(done, total);
      }
    }
  }
  return rows;
}

}  // namespace fathom::evaluate
