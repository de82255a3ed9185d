// Where the vectors of tokens begin.
#pragma once

#include "text/tokenizer.h"
#include "train/parameters.h"

namespace fathom::train {

/// Lets the tokens of an untrained model begin alike where they are alike, so that copying a few
/// teaches to copy the others: the rows of the output matrix in the directions of the embedding,
/// and a word with a space before it near the same word without.
void InitializeTokens(const ParameterTable& table, const text::Tokenizer& tokenizer);

}  // namespace fathom::train
