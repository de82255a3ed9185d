// Reasoning in the opaque fields that clients store and send back unread.
//
// Responses' "encrypted_content" and Messages' "signature" are opaque to clients by contract. Some
// clients send back only the former, so it has to hold the reasoning itself. It is not encrypted:
// the same client got the same reasoning in the clear, and could send any other as its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fathom::api {

/// The reasoning in base64, with a mark of this format and a digest in front.
std::string SealReasoning(std::string_view reasoning);

/// What was sealed; nothing if it was not sealed here or is not whole.
std::optional<std::string> OpenSealedReasoning(std::string_view sealed);

/// A signature of the reasoning that goes beside it.
std::string SignReasoning(std::string_view reasoning);

}  // namespace fathom::api
