// What clients are told when a request cannot be served.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/request.h"
#include "base/result.h"

namespace fathom::api {

enum class ErrorKind : uint8_t {
  kInvalidRequest,    ///< 400
  kContextLength,     ///< 400: the prompt is longer than the context
  kUnauthorized,      ///< 401: no key, or a wrong one
  kForbidden,         ///< 403
  kNotFound,          ///< 404: no such path or model
  kMethodNotAllowed,  ///< 405
  kTimeout,           ///< 408: the request did not arrive in time
  kTooLarge,          ///< 413: the body or the header is too large
  kBusy,              ///< 429: come back later; the server adds Retry-After
  kInternal,          ///< 500
  kUnavailable,       ///< 503: loading, or stopping; the server adds Retry-After
};

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message{};  ///< one line, without anything that is not the client's to know
  std::string param{};    ///< the path of the field that is wrong; empty if it is none
};

int HttpStatus(ErrorKind kind);

/// The error of a request that did not parse or that the engine refused. If the line begins with a
/// field's path ("stop[0]: empty"), that is its param.
Error MakeRequestError(const base::Error& error);

/// The prompt has `tokens` tokens, the context `limit`. Clients know this error by its code or by
/// its wording, and shorten the conversation.
Error MakeContextLengthError(int64_t tokens, int64_t limit);

/// The JSON body of a response with HttpStatus(error.kind). Only Anthropic's has the request's id.
std::string EncodeError(Dialect dialect, const Error& error, std::string_view request_id);

}  // namespace fathom::api
