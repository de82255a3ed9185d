// Conversations as JSON: what the engine takes, and what `fathom encode --messages` reads.
#pragma once

#include <string>
#include <vector>

#include "text/message.h"

namespace fathom::cli {

/// The messages as {"messages": [...]} in the form of OpenAI's chat completions, which
/// text::ParseConversation reads back. Written: role, content, and of assistants the reasoning and
/// the tool calls. Bytes that are not UTF-8 become U+FFFD. `indent`: spaces a level; -1 for one
/// line.
std::string PrintConversation(const std::vector<text::Message>& messages, int indent = -1);

}  // namespace fathom::cli
