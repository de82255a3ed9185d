// A conversation as a model is trained on it: tokens, and how much predicting each of them counts.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "text/message.h"
#include "text/tokenizer.h"

namespace fathom::data {

struct Sample {
  std::vector<int32_t> tokens;
  std::vector<float> weights;  ///< of predicting each token from those before it

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }
};

struct SampleWeights {
  float answer = 1;          ///< what the model says itself, its end included
  float context = 0.4f;      ///< what it reads ...
  int64_t context_step = 8;  ///< ... but only every so many tokens: the others are not predicted
};

/// Appends the tokens of a whole conversation, rendered exactly as the engine renders prompts; all
/// reasoning is kept. Of a conversation without any, answers come without thinking. Fails where the
/// prompt encoder or the tokenizer does, or if the tokenizer lacks the format's special tokens.
base::Status AppendConversation(const text::Tokenizer& tokenizer,
                                const text::Conversation& conversation,
                                const SampleWeights& weights, Sample& sample);

/// Appends plain text as a document of its own, all tokens of one weight.
base::Status AppendText(const text::Tokenizer& tokenizer, std::string_view text, float weight,
                        Sample& sample);

}  // namespace fathom::data
