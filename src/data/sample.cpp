#include "data/sample.h"

#include <algorithm>

#include "text/prompt_encoder.h"
#include "text/protocol_strings.h"

namespace fathom::data {
namespace {

base::Result<int32_t> FindToken(const text::Tokenizer& tokenizer, std::string_view content) {
  if (const auto id = tokenizer.IdOf(content)) return *id;
  return base::MakeError("the tokenizer has no token \"{}\"", content);
}

// The tokens between which the model speaks.
struct Marks {
  int32_t assistant;
  int32_t think_begin;
  int32_t think_end;
  int32_t end;

  static base::Result<Marks> Find(const text::Tokenizer& tokenizer) {
    FATHOM_ASSIGN(const int32_t assistant, FindToken(tokenizer, text::kAssistantToken));
    FATHOM_ASSIGN(const int32_t think_begin, FindToken(tokenizer, text::kThinkBegin));
    FATHOM_ASSIGN(const int32_t think_end, FindToken(tokenizer, text::kThinkEnd));
    FATHOM_ASSIGN(const int32_t end, FindToken(tokenizer, text::kEndOfSentence));
    return Marks{assistant, think_begin, think_end, end};
  }
};

// An answer begins behind the assistant's token and the one that says whether it thinks, which are
// the prompt's, and ends with the end of sentence.
void AppendWeights(const std::vector<int32_t>& ids, const Marks& marks,
                   const SampleWeights& weights, std::vector<float>& out) {
  bool in_answer = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    const bool is_mode = i > 0 && ids[i - 1] == marks.assistant &&
                         (ids[i] == marks.think_begin || ids[i] == marks.think_end);
    const bool counts = in_answer && !is_mode;
    const bool is_predicted = counts || std::ssize(out) % weights.context_step == 0;
    out.push_back(counts ? weights.answer : is_predicted ? weights.context : 0);
    if (ids[i] == marks.assistant) in_answer = true;
    if (ids[i] == marks.end) in_answer = false;
  }
}

}  // namespace

base::Status AppendConversation(const text::Tokenizer& tokenizer,
                                const text::Conversation& conversation,
                                const SampleWeights& weights, Sample& sample) {
  const bool thinks =
      std::any_of(conversation.messages.begin(), conversation.messages.end(),
                  [](const text::Message& m) { return !m.reasoning_content.empty(); });
  const text::EncodeOptions options = {
      .effort = thinks ? text::ThinkingEffort::kHigh : text::ThinkingEffort::kNone,
      .drop_thinking = false,
      .add_generation_prompt = false};
  FATHOM_ASSIGN(const text::Prompt prompt, text::EncodePrompt(conversation, options));
  FATHOM_ASSIGN(const std::vector<int32_t> ids, tokenizer.Encode(prompt));
  FATHOM_ASSIGN(const Marks marks, Marks::Find(tokenizer));
  sample.tokens.insert(sample.tokens.end(), ids.begin(), ids.end());
  AppendWeights(ids, marks, weights, sample.weights);
  return {};
}

base::Status AppendText(const text::Tokenizer& tokenizer, std::string_view text, float weight,
                        Sample& sample) {
  FATHOM_ASSIGN(const int32_t begin, FindToken(tokenizer, text::kBeginOfSentence));
  FATHOM_ASSIGN(const int32_t end, FindToken(tokenizer, text::kEndOfSentence));
  FATHOM_ASSIGN(std::vector<int32_t> ids, tokenizer.EncodePlain(text));
  ids.insert(ids.begin(), begin);
  ids.push_back(end);
  sample.tokens.insert(sample.tokens.end(), ids.begin(), ids.end());
  sample.weights.resize(sample.tokens.size(), weight);
  return {};
}

}  // namespace fathom::data
