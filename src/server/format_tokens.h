// The tokens of the prompt format that the server looks for.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "text/tokenizer.h"

namespace fathom::server {

struct FormatTokens {
  int32_t begin = 0;
  int32_t end = 0;
  int32_t user = 0;
  int32_t assistant = 0;
  int32_t think_begin = 0;
  int32_t think_end = 0;
  int32_t dsml = 0;  ///< of tags
};

/// Fails if the tokenizer lacks one, naming its file.
base::Result<FormatTokens> FindFormatTokens(const text::Tokenizer& tokenizer);

}  // namespace fathom::server
