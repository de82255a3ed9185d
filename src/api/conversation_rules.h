// From the messages of an API to those that the prompt format has a place for.
#pragma once

#include <string>
#include <string_view>

#include "api/request.h"
#include "base/result.h"

namespace fathom::api {

/// Adds `text` to a message's, after a blank line; an empty one adds nothing.
void AppendBlock(std::string_view text, std::string* out);

/// Makes the conversation of a request fit for the prompt:
/// - System and developer messages at the front become one system message. Later ones become the
///   user's: the format gives a system message no token of its own, so one between turns would run
///   into its neighbour's text, and it drops developer messages with the reasoning before them.
/// - Successive assistant messages are one, joined by blank lines. (Responses has an item for each
///   part of an answer, and some clients split answers too.)
/// - The tools go with the tool choice, and what the answer has to be is told to the model.
///
/// Fails, naming `messages_field`, if the last message asks for no answer; and if the tool choice
/// asks for a tool that there is not.
base::Status ApplyConversationRules(std::string_view messages_field, Request* request);

}  // namespace fathom::api
