#include "data/fit_document.h"

#include <utility>

namespace fathom::data {

// Length is asked for in bytes: guesses follow the tokens of the guess before.
base::Result<RecallDocument> FitRecallDocument(RecallOptions options, int64_t room,
                                               const CountTokens& count) {
  constexpr int kGuesses = 6;
  const auto wanted = static_cast<double>(room);
  RecallDocument best;
  double bytes = 2.0 * wanted;
  for (int guess = 0; guess < kGuesses; ++guess) {
    options.bytes = static_cast<int64_t>(bytes);
    RecallDocument document = MakeRecallDocument(options);
    FATHOM_ASSIGN(const int64_t tokens, count(document));
    const bool fits = tokens <= room;
    if (fits && document.text.size() > best.text.size()) best = std::move(document);
    if (fits && static_cast<double>(tokens) > 0.99 * wanted) break;
    bytes *= 0.995 * wanted / static_cast<double>(tokens);
  }
  if (best.text.empty())
    return base::MakeError("{} facts take more than {} tokens", options.facts, room);
  return best;
}

}  // namespace fathom::data
