#include "api/error.h"

#include <fmt/format.h>

#include "api/json_out.h"
#include "base/check.h"

namespace fathom::api {
namespace {

const char* AnthropicType(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kContextLength:
    case ErrorKind::kMethodNotAllowed:
    case ErrorKind::kTimeout:
      return "invalid_request_error";
    case ErrorKind::kUnauthorized:
      return "authentication_error";
    case ErrorKind::kForbidden:
      return "permission_error";
    case ErrorKind::kNotFound:
      return "not_found_error";
    case ErrorKind::kTooLarge:
      return "request_too_large";
    case ErrorKind::kBusy:
      return "rate_limit_error";
    case ErrorKind::kInternal:
      return "api_error";
    case ErrorKind::kUnavailable:
      return "overloaded_error";
  }
  FATHOM_CHECK(false);
}

}  // namespace

int HttpStatus(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidRequest:
    case ErrorKind::kContextLength:
      return 400;
    case ErrorKind::kUnauthorized:
      return 401;
    case ErrorKind::kForbidden:
      return 403;
    case ErrorKind::kNotFound:
      return 404;
    case ErrorKind::kMethodNotAllowed:
      return 405;
    case ErrorKind::kTimeout:
      return 408;
    case ErrorKind::kTooLarge:
      return 413;
    case ErrorKind::kBusy:
      return 429;
    case ErrorKind::kInternal:
      return 500;
    case ErrorKind::kUnavailable:
      return 503;
  }
  FATHOM_CHECK(false);
}

Error MakeRequestError(const base::Error& error) {
  Error result{.kind = ErrorKind::kInvalidRequest, .message = error.message};
  const std::string path = error.message.substr(0, error.message.find(": "));
  const bool is_path = path.size() < error.message.size() && path != "body" && !path.empty() &&
                       path.find_first_of(" \t\"") == std::string::npos;
  if (is_path) result.param = path;
  return result;
}

// Claude Code looks for the first wording, agents that speak OpenAI's for the second or the code.
Error MakeContextLengthError(int64_t tokens, int64_t limit) {
  return {.kind = ErrorKind::kContextLength,
          .message = fmt::format("prompt is too long: {} tokens > {} maximum (this model's maximum "
                                 "context length is {} tokens)",
                                 tokens, limit, limit)};
}

std::string EncodeError(Dialect dialect, const Error& error, std::string_view request_id) {
  if (dialect != Dialect::kMessages) return Print({{"error", MakeOpenAiError(error)}});
  return Print({{"type", "error"},
                {"error", {{"type", AnthropicType(error.kind)}, {"message", error.message}}},
                {"request_id", request_id}});
}

}  // namespace fathom::api
