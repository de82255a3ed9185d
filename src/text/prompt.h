// A prompt on its way to the tokenizer: text, and which of it may hold special tokens.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::text {

/// Text in which only the parts that the prompt format itself wrote may be read as special tokens.
/// What users, tools and earlier answers say is plain text, whatever it spells.
class Prompt {
 public:
  /// A half-open range of bytes of text().
  struct Span {
    size_t begin = 0;
    size_t end = 0;
  };

  /// Appends text of the prompt format: special tokens in it are special.
  void AppendFormat(std::string_view text) { text_.append(text); }

  /// Appends somebody's words: never read as special tokens.
  void AppendPlain(std::string_view text) {
    if (text.empty()) return;
    const size_t begin = text_.size();
    text_.append(text);
    if (!plain_.empty() && plain_.back().end == begin) {
      plain_.back().end = text_.size();
    } else {
      plain_.push_back({begin, text_.size()});
    }
  }

  /// Appends another prompt with its markings.
  void Append(const Prompt& other);

  const std::string& text() const { return text_; }
  /// The plain ranges, ascending, not touching each other.
  const std::vector<Span>& plain() const { return plain_; }

 private:
  std::string text_;
  std::vector<Span> plain_;
};

}  // namespace fathom::text
