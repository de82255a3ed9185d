// What the server knows of an answer, to be told in the words of one API.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/completion_parser.h"

namespace fathom::api {

/// What is the same in everything that is said of one response.
struct ResponseContext {
  /// Unique, of letters and digits, at most 40. The ids of the response and its parts contain it.
  std::string id;
  int64_t created = 0;  ///< seconds since 1970
  std::string model;
  /// Of the prompt, if they were counted before the response begins; else 0.
  int64_t prompt_tokens = 0;
};

enum class Finish : uint8_t {
  kStop,          ///< the model ended its answer
  kStopSequence,  ///< a stop string or stop token did
  kLength,        ///< max_tokens
  kContext,       ///< the context is full
  kRepetition,    ///< it went in circles
};

/// Whether the model was not at its end.
constexpr bool IsCut(Finish finish) {
  return finish == Finish::kLength || finish == Finish::kContext || finish == Finish::kRepetition;
}

/// Something that goes wrong with models, and what was done about it.
enum class TurnNote : uint8_t {
  kEmptyAnswer,      ///< It ended without an answer after its reasoning; it had to go on.
  kCallInReasoning,  ///< A call began inside the reasoning.
  kReasoningLoop,    ///< The reasoning went in circles and was ended.
  kAnswerLoop,       ///< The answer did, and was ended.
  kThinkingBudget,   ///< The reasoning was ended at its limit.
  kCutCall,          ///< It was cut inside a call, which is not finished.
};
inline constexpr TurnNote kAllTurnNotes[] = {TurnNote::kEmptyAnswer,    TurnNote::kCallInReasoning,
                                             TurnNote::kReasoningLoop,  TurnNote::kAnswerLoop,
                                             TurnNote::kThinkingBudget, TurnNote::kCutCall};

/// Its name in answers, metrics and the log.
std::string_view NameOf(TurnNote note);

/// A token and how likely it was.
struct Alternative {
  std::string bytes;
  float logprob = 0;
};

/// One generated token.
struct TokenLogprob {
  std::string bytes;
  float logprob = 0;
  std::vector<Alternative> top;  ///< the most likely tokens at its place
  bool is_reasoning = false;
};

/// Tokens that a request took; sums over its choices.
struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  ///< of the prompt, that were not computed again
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;  ///< of the completion
};

struct Timings {
  double queue_seconds = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

struct Totals {
  Usage usage;
  Timings timings;
};

/// How one choice ended.
struct Ending {
  Finish finish = Finish::kStop;
  std::string stop_sequence{};  ///< kStopSequence: the string that was found; empty for a token
  std::vector<TurnNote> notes{};

  bool Has(TurnNote note) const {
    return std::find(notes.begin(), notes.end(), note) != notes.end();
  }
};

/// One whole choice.
struct Answer {
  text::Completion completion;  ///< completions: all of the text is its content
  Ending ending;
  std::vector<TokenLogprob> logprobs;  ///< if they were asked for
};

}  // namespace fathom::api
