// Tokens to text while they arrive.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "text/tokenizer.h"

namespace fathom::text {

/// Decodes one answer token by token and never shows half a character. What Push and Flush return
/// makes up exactly what Tokenizer::Decode would. Bytes that cannot become UTF-8 come out as they
/// are, as soon as that is certain.
class StreamDecoder {
 public:
  /// The tokenizer must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer, DecodeOptions options = {})
      : tokenizer_(&tokenizer), options_(options) {}

  /// Takes the next token; returns the bytes that are now certain, perhaps none. An id without a
  /// token is an error and leaves the decoder as it was.
  base::Result<std::string> Push(int32_t id);

  /// Returns what was held back, at most three bytes, at the end of the answer.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  DecodeOptions options_;
  std::string held_;  // the beginning of a character
};

}  // namespace fathom::text
