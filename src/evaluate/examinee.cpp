#include "evaluate/examinee.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "text/protocol_strings.h"

namespace fathom::evaluate {

base::Result<Examinee> Examinee::Open(const std::string& directory,
                                      const engine::EngineOptions& options) {
  FATHOM_ASSIGN(text::Tokenizer tokenizer, text::Tokenizer::Load(directory + "/tokenizer.json"));
  auto opened = engine::Engine::Open(directory, options);
  if (!opened.engine) return base::Error{opened.error};
  return Examinee(std::move(opened.engine), std::move(tokenizer));
}

base::Result<std::vector<int32_t>> Examinee::Encode(const text::Conversation& conversation,
                                                    text::ThinkingEffort effort) const {
  FATHOM_ASSIGN(const text::Prompt prompt, text::EncodePrompt(conversation, {.effort = effort}));
  return tokenizer_.Encode(prompt);
}

base::Status Examinee::Study(const std::vector<int32_t>& prefix) {
  if (prefix.empty()) return {};
  FATHOM_ASSIGN(const std::string ignored, Answer(prefix, 1));
  return {};
}

base::Result<std::string> Examinee::Answer(const std::vector<int32_t>& prompt, int64_t max_tokens) {
  engine::Completion completion;
  engine::Request request;
  request.prompt = prompt;
  request.max_tokens = max_tokens;
  request.sampling.temperature = 0;
  request.sequence = sequence_;
  request.on_done = [&](const engine::Completion& done) { completion = done; };
  const engine::Submission submitted = engine_->Submit(std::move(request));
  if (!submitted.number) return base::Error{submitted.error};
  while (engine_->Step()) {
  }
  if (completion.finish == engine::FinishReason::kError) return base::Error{completion.error};
  std::string text = std::move(completion.text);
  if (text.ends_with(text::kEndOfSentence)) text.resize(text.size() - text::kEndOfSentence.size());
  return text;
}

size_t CommonPrefix(const std::vector<int32_t>& a, const std::vector<int32_t>& b) {
  const auto at = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(at.first - a.begin());
}

}  // namespace fathom::evaluate
