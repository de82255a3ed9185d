// A conversation, as the prompt encoder wants it and as clients write it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/json.h"

namespace fathom::text {

enum class Role { kSystem, kDeveloper, kUser, kAssistant, kTool, kLatestReminder };

/// Jobs other than answering that the model was trained to do on a user's turn.
enum class Task { kAction, kQuery, kAuthority, kDomain, kTitle, kReadUrl, kExtractedUrl };

struct ToolCall {
  std::string id{};         ///< what a tool message answers to; may be empty
  std::string name{};       ///< the tool's
  std::string arguments{};  ///< JSON text of an object, as the model or the client wrote it
};

struct Message {
  Role role = Role::kUser;
  std::string content{};
  std::string reasoning_content{};        ///< assistant: its thoughts before the content
  std::vector<ToolCall> tool_calls{};     ///< assistant
  std::string tool_call_id{};             ///< tool: the call that this is the result of
  std::vector<Json> tools{};              ///< system, developer: function objects
  std::optional<Json> response_format{};  ///< system, developer: the schema to reply in
  std::optional<Task> task{};             ///< user, developer
};

struct Conversation {
  std::vector<Message> messages{};
  /// Tools of the whole conversation. The first system message gets them, after its own; if there
  /// is none, an empty one at the front does.
  std::vector<Json> tools{};
};

/// Reads a conversation from JSON in the form of OpenAI's chat completions: an object with
/// "messages" and perhaps "tools" (other keys belong to a request, not to its conversation, and are
/// ignored), or the list of messages alone.
///
/// A message has "role" (system, developer, user, assistant, tool, latest_reminder) and "content":
/// a string, null, or a list of parts. The texts of a list are joined by blank lines; a part of
/// another type TYPE stands as "[Unsupported TYPE]". "content" may be missing for system and
/// assistant. Further fields where the role has them: "reasoning_content", or "reasoning" where
/// that is missing; "tool_calls", each with "id" and "function": {"name", "arguments"}, arguments
/// as JSON text or as an object; "tool_call_id"; "tools"; "response_format"; "task". A tool is
/// {"type": "function", "function": {...}} or the bare function object, which must have a "name".
/// Unknown fields of a message are ignored; a known field where the role has none is an error.
///
/// Errors read "SOURCE: messages[3].content: what is wrong", or name the byte if it is not JSON.
base::Result<Conversation> ParseConversation(std::string_view json_text, std::string_view source);

/// The same from JSON that was read; errors have no source in front.
base::Result<Conversation> ReadConversation(const Json& value);

}  // namespace fathom::text
