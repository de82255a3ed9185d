// Text to tokens and back, as a Hugging Face tokenizer.json of the byte-level BPE kind says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/prompt.h"
#include "text/vocabulary.h"

namespace fathom::text {

struct TokenizerFile;

struct DecodeOptions {
  bool special_tokens = true;  ///< Whether the text of special tokens is part of the output.
};

/// A loaded tokenizer. Const use is safe from many threads.
///
/// Text is bytes. Where it is not UTF-8 it still has tokens, and decoding gives back every byte,
/// unless the file itself asks for text to be removed or added (a Split of behavior Removed,
/// add_prefix_space, tokens that strip white space).
class Tokenizer {
 public:
  /// Reads a tokenizer.json. Errors name the file and the field.
  static base::Result<Tokenizer> Load(const std::string& path);

  /// The same from memory; errors begin with `source`.
  static base::Result<Tokenizer> FromJson(std::string_view json, const std::string& source);

  /// The tokens of a prompt. Added tokens, special or not, are recognised only wholly outside of
  /// its plain ranges; everything between them is merged as one text, whoever wrote it. Nothing is
  /// put in front or behind. Fails only where an expression of the file gives up on the text.
  base::Result<std::vector<int32_t>> Encode(const Prompt& prompt) const;

  /// The tokens of somebody's words: nothing in them is an added token.
  base::Result<std::vector<int32_t>> EncodePlain(std::string_view text) const;

  /// The tokens of a text in which the spelling of an added token is that token.
  base::Result<std::vector<int32_t>> EncodeRaw(std::string_view text) const;

  /// The bytes that the tokens stand for, end to end. An id without a token is an error.
  base::Result<std::string> Decode(std::span<const int32_t> ids, DecodeOptions options = {}) const;

  /// The token that stands for exactly this text: an added token before others.
  std::optional<int32_t> IdOf(std::string_view text) const;

  /// One past the highest id. Ids below it may lack a token.
  int32_t vocab_size() const { return vocabulary_.size(); }
  bool Has(int64_t id) const { return vocabulary_.Has(id); }

  /// Whether the file marks the token as special; false for ids without a token.
  bool IsSpecial(int64_t id) const { return Has(id) && special_[static_cast<size_t>(id)]; }

  /// Whether the token is one of the file's added tokens, special or not: nobody's words become it.
  bool IsAdded(int64_t id) const { return Has(id) && added_[static_cast<size_t>(id)]; }

  /// The bytes of a token. REQUIRES: Has(id).
  std::string_view BytesOf(int32_t id) const { return vocabulary_.BytesOf(id); }

 private:
  explicit Tokenizer(TokenizerFile file);

  void FindWholePieces(const TokenizerFile& file);
  base::Result<std::vector<int32_t>> EncodeText(std::string_view text,
                                                std::span<const Prompt::Span> plain) const;
  void EncodePiece(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const;

  Vocabulary vocabulary_;
  AddedTokens added_tokens_;
  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  std::vector<bool> special_;  // by id
  std::vector<bool> added_;    // by id
  // By id: a piece of exactly these bytes is this token. Most words of most texts are, and need no
  // merging.
  std::vector<bool> is_whole_piece_;
};

}  // namespace fathom::text
