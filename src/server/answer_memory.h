// The exact tokens of answers, for when they come back as text in the next request.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "kv/replay_file.h"
#include "server/format_tokens.h"
#include "text/completion_parser.h"
#include "text/message.h"
#include "text/tokenizer.h"

namespace fathom::server {

/// Puts into prompts the tokens that were generated, where rendering gives other ones: because the
/// client dropped the reasoning, wrote the arguments' JSON anew or trimmed white space, or because
/// the model cut the text into tokens in its own way. Then the prompt begins like the sequence that
/// the engine keeps. An answer that the client has changed in its meaning is left as it is
/// rendered.
///
/// May be used from several threads at once.
class AnswerMemory {
 public:
  /// Remembers in memory and, unless `directory` is empty, in a file there, made for this tokenizer
  /// alone. `tokenizer` outlives this.
  static base::Result<std::unique_ptr<AnswerMemory>> Open(const std::string& directory,
                                                          const text::Tokenizer& tokenizer,
                                                          const FormatTokens& format);

  /// Names the place of an answer: everything before it. `prompt` ends with the two tokens that
  /// open the answer.
  static std::string NamePlace(std::span<const int32_t> prompt);

  struct Answer {
    std::string place;
    int32_t opening = 0;                  ///< the last token of its prompt: <think> or </think>
    std::vector<std::string> call_ids{};  ///< of all its calls
    std::string content{};                ///< as the client got it
    /// As they were generated, up to the end of sentence, or to where a limit cut them.
    std::vector<int32_t> tokens{};
  };
  /// Fails if the file cannot be written: the answer is then forgotten with the process.
  base::Status Remember(Answer answer);

  /// `rendered`, the prompt of `conversation`, with the tokens that were generated.
  std::vector<int32_t> Restore(const text::Conversation& conversation,
                               std::vector<int32_t> rendered);

 private:
  AnswerMemory(const text::Tokenizer& tokenizer, const FormatTokens& format)
      : tokenizer_(tokenizer), format_(format), map_(kMemoryBytes) {}

  /// Of keys and tokens: about 15 million tokens.
  static constexpr int64_t kMemoryBytes = int64_t{64} << 20;

  std::optional<std::vector<int32_t>> Find(std::span<const std::string> keys);
  std::optional<std::vector<int32_t>> FindAnswer(const text::Message& message,
                                                 const base::DigestBuilder& place);
  std::optional<text::CompletionParser> Parse(std::span<const int32_t> answer) const;
  static bool Agrees(const text::Completion& said, bool is_cut, const text::Message& message);
  std::optional<std::vector<int32_t>> Close(std::vector<int32_t> answer,
                                            const text::CutEnd& end) const;
  std::vector<int32_t> Fit(std::vector<int32_t> answer, int32_t opening) const;

  const text::Tokenizer& tokenizer_;
  const FormatTokens format_;
  std::mutex mutex_;
  kv::ReplayMap map_;                     // without a file
  std::unique_ptr<kv::ReplayFile> file_;  // if there is a directory
};

}  // namespace fathom::server
