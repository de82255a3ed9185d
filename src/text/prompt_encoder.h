// From a conversation to the exact text that DeepSeek-V4 was trained on.
#pragma once

#include "base/result.h"
#include "text/message.h"
#include "text/prompt.h"

namespace fathom::text {

/// How hard the model thinks before it answers. kHigh is its normal thinking; kMax adds a demand
/// for more in front of the conversation.
enum class ThinkingEffort { kNone, kHigh, kMax };

struct EncodeOptions {
  ThinkingEffort effort = ThinkingEffort::kHigh;
  /// Leave out what was thought before the last question, as in training. Has no effect if any
  /// message carries tools: then all reasoning stays.
  bool drop_thinking = true;
  /// End with what makes the model continue: the assistant's token, or the task's. Without it the
  /// prompt ends with the last message's words.
  bool add_generation_prompt = true;
};

/// Renders a conversation. All text that people, tools and earlier answers wrote (contents, names,
/// arguments, schemas) is plain in the prompt and its bytes are unchanged, even if they spell a tag
/// of the format or are not UTF-8.
///
/// The format's fine points, where a reader might expect otherwise:
/// - Successive user and tool messages are one user turn, joined by blank lines, an empty text
///   included. A user message does not join a turn that has a task; a tool message does. If a user
///   message with a task joins an earlier one, the turn has that task.
/// - The results in a turn are put in the order of the calls in the nearest earlier assistant
///   message that has calls; a result whose id is unknown counts as the first call's. Texts between
///   the results stay where they are.
/// - "The last question" is the last user turn (one of tool results alone is one) or developer
///   message. When thinking is dropped, developer messages before it are left out whole, so what
///   stood around them is not joined.
/// - A system message may stand anywhere and has no token of its own. An assistant's token is
///   written by the user or developer turn before its message: two assistant messages in a row, or
///   one at the start, follow directly.
/// - A turn followed by another user, developer or system message gets neither the assistant's
///   token nor its task's.
/// - A call without arguments has an empty line between its tags. Arguments that are not a JSON
///   object are one string parameter named "arguments", as they were written.
///
/// Fails if a developer message has no text: the model has seen none.
base::Result<Prompt> EncodePrompt(const Conversation& conversation,
                                  const EncodeOptions& options = {});

/// Appends a block of tool calls as it follows an answer's content, without the blank line between
/// them. REQUIRES: at least one call.
void AppendToolCalls(const std::vector<ToolCall>& calls, Prompt* out);

}  // namespace fathom::text
