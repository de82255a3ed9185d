#include "api/parse.h"

#include "api/dialects.h"
#include "api/request_fields.h"
#include "base/check.h"

namespace fathom::api {
namespace {

using base::Result;
using text::Field;
using text::Json;

Result<Json> ReadBody(std::string_view body, const ParseOptions& options) {
  FATHOM_ASSIGN(
      Json json,
      text::ReadJson(body, "body", {.max_depth = options.max_depth, .allow_non_finite = false}));
  if (json.AsObject() == nullptr) {
    return base::MakeError("body: expected an object, found {}", json.KindName());
  }
  return json;
}

}  // namespace

Result<Request> ParseRequest(Dialect dialect, std::string_view body, const ParseOptions& options) {
  FATHOM_ASSIGN(const Json json, ReadBody(body, options));
  const Field root{&json, ""};
  switch (dialect) {
    case Dialect::kChat:
      return ReadChatRequest(root, options);
    case Dialect::kCompletions:
      return ReadCompletionsRequest(root, options);
    case Dialect::kResponses:
      return ReadResponsesRequest(root, options);
    case Dialect::kMessages:
      return ReadMessagesRequest(root, options);
  }
  FATHOM_CHECK(false);
}

Result<TokenizeRequest> ParseTokenizeRequest(std::string_view body, const ParseOptions& options) {
  FATHOM_ASSIGN(const Json json, ReadBody(body, options));
  const Field root{&json, ""};
  TokenizeRequest request;
  FATHOM_ASSIGN(request.return_token_strings, ReadFlag(root.Member("return_token_strs"), false));
  FATHOM_ASSIGN(request.add_generation_prompt,
                ReadFlag(root.Member("add_generation_prompt"), true));
  if (!root.Member("messages").IsMissingOrNull()) {
    request.is_conversation = true;
    FATHOM_ASSIGN(request.conversation, ReadChatRequest(root, options));
    return request;
  }
  const Field content = root.Member("content");
  const bool is_content = !content.IsMissing();
  FATHOM_ASSIGN(request.text, ReadText(is_content ? content : root.Member("prompt")));
  const Field special = root.Member(is_content ? "add_special" : "add_special_tokens");
  FATHOM_ASSIGN(request.add_special_tokens, ReadFlag(special, !is_content));
  FATHOM_ASSIGN(request.parse_special, ReadFlag(root.Member("parse_special"), false));
  return request;
}

Result<std::vector<int32_t>> ParseDetokenizeRequest(std::string_view body,
                                                    const ParseOptions& options) {
  FATHOM_ASSIGN(const Json json, ReadBody(body, options));
  const Field tokens = Field{&json, ""}.Member("tokens");
  if (!tokens.IsArray()) return tokens.FailKind("a list");
  return ReadTokenIds(tokens);
}

}  // namespace fathom::api
