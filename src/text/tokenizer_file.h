// A Hugging Face tokenizer.json, read and held to its rules.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/vocabulary.h"

namespace fathom::text {

/// What a byte-level BPE tokenizer.json says. "post_processor", "truncation" and "padding" speak of
/// things that a prompt states itself, and are not read.
struct TokenizerFile {
  Vocabulary vocabulary;                 ///< Added tokens included; `mergeable` is indexed.
  std::array<int32_t, 256> byte_tokens;  ///< The token of each single byte.
  std::vector<MergeRule> merges;         ///< By rank; none of them makes a special token.
  std::vector<int32_t> mergeable;        ///< Tokens of the model that a piece of text may become.
  bool ignore_merges = false;            ///< A piece that is a token is that token.
  std::vector<AddedToken> added_tokens;
  PreTokenizer pre_tokenizer;
};

/// Parses the JSON text. Errors begin with `source` and name the field.
base::Result<TokenizerFile> ParseTokenizerFile(std::string_view json, const std::string& source);

}  // namespace fathom::text
