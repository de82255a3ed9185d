// What a client asks for, whichever API it speaks.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engine/request.h"
#include "text/json.h"
#include "text/message.h"
#include "text/prompt_encoder.h"

namespace fathom::api {

/// The APIs whose requests and answers differ.
enum class Dialect : uint8_t {
  kChat,         ///< OpenAI: POST /v1/chat/completions
  kCompletions,  ///< OpenAI: POST /v1/completions
  kResponses,    ///< OpenAI: POST /v1/responses
  kMessages,     ///< Anthropic: POST /v1/messages and /v1/messages/count_tokens
};

/// Which tools the answer may or must call.
struct ToolChoice {
  enum class Kind : uint8_t {
    kAuto,      ///< as the model likes
    kNone,      ///< none; the prompt does not mention any either
    kRequired,  ///< at least one
    kNamed,     ///< `name`
  };
  Kind kind = Kind::kAuto;
  std::string name{};          ///< kNamed: as the prompt names the tool
  bool allow_parallel = true;  ///< Whether one answer may call more than once.
};

/// What the content of the answer has to be.
struct ResponseFormat {
  enum class Kind : uint8_t { kText, kJsonObject, kJsonSchema };
  Kind kind = Kind::kText;
  std::string name{};   ///< kJsonSchema: the client's name for it, may be empty
  text::Json schema{};  ///< kJsonSchema
  std::string path{};   ///< kJsonSchema: of the schema in the request, for errors
  bool strict = false;  ///< kJsonSchema
};

/// A tool that the client keeps in a namespace (responses). The prompt joins the two names.
struct NamespacedTool {
  std::string space;
  std::string name;
};

/// The prompt of a completion: text, in which nothing is a special token, or token ids, unchecked.
using RawPrompt = std::variant<std::string, std::vector<int32_t>>;

/// One request. Its values are in range; ids of tokens are not checked against a vocabulary.
struct Request {
  Dialect dialect = Dialect::kChat;
  std::string model{};  ///< as the client named it; may be empty

  /// All but completions: ready for text::EncodePrompt, with the tools and the response format that
  /// the prompt mentions. It ends with a user's or a tool's message. Everything in it is plain
  /// text.
  text::Conversation conversation{};
  /// Completions: at least one. The answer has `choices` choices for each, in this order.
  std::vector<RawPrompt> prompts{};

  /// kNone: the answer begins with content.
  text::ThinkingEffort effort = text::ThinkingEffort::kHigh;
  /// Most tokens of reasoning, at least 1.
  std::optional<int64_t> thinking_budget{};

  ToolChoice tool_choice{};
  ResponseFormat response_format{};
  /// By the names that the prompt uses.
  std::map<std::string, NamespacedTool> namespaced_tools{};

  engine::SamplingOptions sampling{};  ///< but for its seed
  std::optional<uint64_t> seed{};      ///< Without one, every choice needs a random seed.
  int32_t choices = 1;                 ///< answers to each prompt
  int64_t max_tokens = -1;             ///< of one answer, reasoning included; negative: no limit
  std::vector<std::string> stop{};     ///< none of them empty
  std::vector<int32_t> stop_tokens{};
  bool ignore_end = false;
  bool logprobs = false;
  int32_t top_logprobs = 0;

  bool stream = false;
  bool include_usage = false;  ///< chat, completions: whether a stream tells the usage
  bool include_encrypted_reasoning = false;  ///< responses

  /// Requests with a lower number go first.
  int32_t priority = 0;
  /// Requests of one conversation have the same; empty if the client does not say.
  std::string conversation_key{};
  /// Responses: comes back in the answer.
  text::Json metadata{};

  /// Whether the answer begins inside the reasoning: its prompt ends with the token for it.
  bool StartsInReasoning() const;
};

}  // namespace fathom::api
