// Tokens that stand in the text as themselves: found before anything is cut or merged.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/prompt.h"

namespace fathom::text {

/// One entry of "added_tokens" in a tokenizer.json.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = false;      ///< Control, not text: hidden when a model's words are shown.
  bool single_word = false;  ///< Only where no word character touches it.
  bool lstrip = false;       ///< Takes the white space before it along.
  bool rstrip = false;       ///< Takes the white space behind it along.
  bool normalized = false;   ///< Looked for only in what the other tokens leave.
};

/// Finds added tokens: at the leftmost place the longest one. Const use is safe from many threads.
class AddedTokens {
 public:
  /// A part of a text: an added token's, or the text between two of them.
  struct Segment {
    size_t begin = 0;
    size_t end = 0;
    std::optional<int32_t> id;
  };

  AddedTokens() = default;
  explicit AddedTokens(const std::vector<AddedToken>& tokens);

  /// Cuts `text` at its added tokens. A token lies wholly outside of the `plain` ranges (ascending,
  /// apart), the white space that it strips included. Segments are not empty and make up the text.
  std::vector<Segment> Split(std::string_view text, std::span<const Prompt::Span> plain) const;

  /// The id of the token of exactly this content.
  std::optional<int32_t> Find(std::string_view content) const;

 private:
  // The tokens of one pass.
  class Matcher {
   public:
    void Add(const AddedToken& token);
    void Sort();

    // The first token in [from, to) of `text`; what surrounds the range counts for single_word.
    std::optional<Segment> Next(std::string_view text, size_t from, size_t to) const;
    const AddedToken* FindLongest(std::string_view text) const;
    bool empty() const { return tokens_.empty(); }

   private:
    std::vector<AddedToken> tokens_;  // by content
    std::bitset<256> first_bytes_;
  };

  static void SplitSegment(const Matcher& matcher, std::string_view text,
                           std::span<const Prompt::Span> plain, const Segment& segment,
                           std::vector<Segment>& out);

  Matcher verbatim_;
  Matcher normalized_;
};

}  // namespace fathom::text
