// Where requests go.
#pragma once

#include <string>

#include "base/result.h"

namespace fathom::load {

/// A server that speaks OpenAI's chat completions.
struct Target {
  std::string url{};   ///< as the user wrote it
  std::string host{};  ///< a name or an address, without brackets
  std::string port{};  ///< decimal
  std::string path{};  ///< of the chat completions
  bool has_tls = false;
};

/// Reads "http://HOST[:PORT][/BASE]", or https. BASE is what OpenAI's SDKs take, without it v1.
/// Errors begin with the URL.
base::Result<Target> ParseTarget(const std::string& url);

}  // namespace fathom::load
