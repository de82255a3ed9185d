// What commands read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::cli {

/// All bytes of the file at `path`, or of standard input for "-".
base::Result<std::string> ReadInput(const std::string& path);

/// What an error calls the input of that path.
std::string InputName(const std::string& path);

/// Token ids of text that separates them by white space. Errors name `source`, the line and the
/// word that is no number or not in [0, vocab_size).
base::Result<std::vector<int32_t>> ParseTokenIds(std::string_view text, const std::string& source,
                                                 int64_t vocab_size);

}  // namespace fathom::cli
