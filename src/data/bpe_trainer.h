// Training a byte-level BPE tokenizer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace fathom::data {

struct BpeOptions {
  int32_t vocab_size = 4096;  ///< special tokens and the 256 bytes included
  int64_t least_count = 2;    ///< pairs that are rarer are not merged
};

/// The text of a tokenizer.json: DeepSeek's rules for cutting text into pieces, the special tokens
/// of its prompt format, and the merges that `texts` suggest, most frequent pair first (of equal
/// ones that of the lower ids); digits are not merged. The spelling of a special token in a text is
/// cut out. Fails if the vocabulary is too small for the special tokens and the bytes.
base::Result<std::string> TrainTokenizer(const std::vector<std::string>& texts,
                                         const BpeOptions& options = {});

/// Texts of every kind that a model is trained on, made up: what a tokenizer should suit.
std::vector<std::string> MakeTokenizerTexts(uint64_t seed, int64_t documents);

}  // namespace fathom::data
