#include "text/prompt_encoder.h"

#include <algorithm>
#include <map>
#include <span>

#include "text/protocol_strings.h"

namespace fathom::text {
namespace {

constexpr std::string_view kBlankLine = "\n\n";

// One text or tool result of a user turn.
struct Block {
  bool is_result = false;
  std::string_view call_id;
  std::string_view text;
};

// What the format writes as one unit: a message, or a run of user and tool messages.
struct Turn {
  Role role = Role::kUser;
  const Message* message = nullptr;  // nullptr for a user turn, which has blocks instead
  std::vector<Block> blocks;
  std::vector<const Json*> tools;
  std::optional<Task> task;
  bool has_reasoning = true;  // false once it was dropped

  bool IsQuestion() const { return role == Role::kUser || role == Role::kDeveloper; }
};

std::string_view TaskToken(Task task) {
  switch (task) {
    case Task::kAction:
      return "<｜action｜>";
    case Task::kQuery:
      return "<｜query｜>";
    case Task::kAuthority:
      return "<｜authority｜>";
    case Task::kDomain:
      return "<｜domain｜>";
    case Task::kTitle:
      return "<｜title｜>";
    case Task::kReadUrl:
      return "<｜read_url｜>";
    case Task::kExtractedUrl:
      return "<｜extracted_url｜>";
  }
  FATHOM_CHECK(false);
}

void AppendToUserTurn(const Message& message, std::vector<Turn>* turns) {
  const bool is_result = message.role == Role::kTool;
  const bool joins = !turns->empty() && turns->back().role == Role::kUser &&
                     (is_result || !turns->back().task.has_value());
  if (!joins) turns->emplace_back();
  Turn& turn = turns->back();
  turn.blocks.push_back({is_result, message.tool_call_id, message.content});
  if (!is_result) turn.task = message.task;
}

Turn MakeTurn(const Message& message) {
  Turn turn;
  turn.role = message.role;
  turn.message = &message;
  for (const Json& tool : message.tools) turn.tools.push_back(&tool);
  turn.task = message.task;
  return turn;
}

std::vector<Turn> MergeTurns(const std::vector<Message>& messages) {
  std::vector<Turn> turns;
  for (const Message& message : messages) {
    if (message.role == Role::kUser || message.role == Role::kTool) {
      AppendToUserTurn(message, &turns);
      continue;
    }
    turns.push_back(MakeTurn(message));
  }
  return turns;
}

void AttachTools(const std::vector<Json>& tools, std::vector<Turn>* turns) {
  static const Message kEmptySystem{.role = Role::kSystem};
  if (tools.empty()) return;
  auto system = std::find_if(turns->begin(), turns->end(),
                             [](const Turn& turn) { return turn.role == Role::kSystem; });
  if (system == turns->end()) {
    system = turns->insert(turns->begin(), MakeTurn(kEmptySystem));
  }
  for (const Json& tool : tools) system->tools.push_back(&tool);
}

// Puts the results of a turn in the order of `calls` and leaves its texts where they are.
void SortResults(const std::map<std::string_view, size_t>& calls, std::vector<Block>* blocks) {
  std::vector<Block> results;
  for (const Block& block : *blocks) {
    if (block.is_result) results.push_back(block);
  }
  const auto place = [&](const Block& block) {
    const auto call = calls.find(block.call_id);
    return call == calls.end() ? 0 : call->second;
  };
  std::stable_sort(results.begin(), results.end(),
                   [&](const Block& a, const Block& b) { return place(a) < place(b); });
  size_t next = 0;
  for (Block& block : *blocks) {
    if (block.is_result) block = results[next++];
  }
}

void SortAllResults(std::vector<Turn>* turns) {
  std::map<std::string_view, size_t> calls;
  for (Turn& turn : *turns) {
    if (turn.role == Role::kAssistant && !turn.message->tool_calls.empty()) {
      calls.clear();
      for (size_t i = 0; i < turn.message->tool_calls.size(); ++i) {
        const std::string& id = turn.message->tool_calls[i].id;
        if (!id.empty()) calls[id] = i;
      }
    } else if (!calls.empty()) {
      SortResults(calls, &turn.blocks);
    }
  }
}

// The index of the last user turn or developer message; -1 if there is none.
ptrdiff_t FindLastQuestion(const std::vector<Turn>& turns) {
  const auto last = std::find_if(turns.rbegin(), turns.rend(),
                                 [](const Turn& turn) { return turn.IsQuestion(); });
  return turns.rend() - last - 1;
}

void DropThinking(std::vector<Turn>* turns) {
  const ptrdiff_t last_question = FindLastQuestion(*turns);
  if (last_question < 0) return;
  const auto question = turns->begin() + last_question;
  for (auto turn = turns->begin(); turn != question; ++turn) turn->has_reasoning = false;
  turns->erase(std::remove_if(turns->begin(), question,
                              [](const Turn& turn) { return turn.role == Role::kDeveloper; }),
               question);
}

void AppendParameter(std::string_view name, const Json& value, Prompt* out) {
  out->AppendFormat(kParameterBegin);
  out->AppendPlain(name);
  if (const std::string* text = value.AsString()) {
    out->AppendFormat(kParameterIsString);
    out->AppendPlain(*text);
  } else {
    out->AppendFormat(kParameterIsJson);
    out->AppendPlain(PrintJson(value));
  }
  out->AppendFormat(kParameterEnd);
}

void AppendToolCall(const ToolCall& call, Prompt* out) {
  out->AppendFormat(kInvokeBegin);
  out->AppendPlain(call.name);
  out->AppendFormat(kInvokeNameEnd);
  const auto arguments = ReadJson(call.arguments, "arguments");
  if (arguments.ok() && arguments->AsObject() != nullptr) {
    bool first = true;
    for (const auto& [name, value] : *arguments->AsObject()) {
      if (!first) out->AppendFormat("\n");
      first = false;
      AppendParameter(name, value, out);
    }
  } else {
    AppendParameter("arguments", Json(call.arguments), out);
  }
  out->AppendFormat("\n");
  out->AppendFormat(kInvokeEnd);
}

class Encoder {
 public:
  Encoder(std::vector<Turn> turns, const EncodeOptions& options)
      : turns_(std::move(turns)), options_(options) {
    const bool any_tools = std::any_of(turns_.begin(), turns_.end(),
                                       [](const Turn& turn) { return !turn.tools.empty(); });
    if (IsThinking() && options_.drop_thinking && !any_tools) DropThinking(&turns_);
  }

  Prompt Encode() && {
    prompt_.AppendFormat(kBeginOfSentence);
    if (options_.effort == ThinkingEffort::kMax && !turns_.empty()) {
      prompt_.AppendFormat(kReasoningEffortMax);
    }
    for (size_t i = 0; i < turns_.size(); ++i) {
      AppendTurn(i);
      if (AnswerFollows(i)) AppendTransition(i);
    }
    return std::move(prompt_);
  }

 private:
  bool IsThinking() const { return options_.effort != ThinkingEffort::kNone; }

  // Whether the assistant speaks after this turn: in the next one, or when the model continues.
  bool AnswerFollows(size_t index) const {
    if (index + 1 == turns_.size()) return options_.add_generation_prompt;
    const Role next = turns_[index + 1].role;
    return next == Role::kAssistant || next == Role::kLatestReminder;
  }

  // Whether the answer to the turn begins with <think>.
  bool IsAnsweredThinking(size_t index) const {
    return IsThinking() && turns_[index].has_reasoning;
  }

  void AppendTurn(size_t index) {
    const Turn& turn = turns_[index];
    switch (turn.role) {
      case Role::kUser:
      case Role::kTool:
        prompt_.AppendFormat(kUserToken);
        AppendBlocks(turn.blocks);
        break;
      case Role::kDeveloper:
        prompt_.AppendFormat(kUserToken);
        AppendInstructions(turn);
        break;
      case Role::kSystem:
        AppendInstructions(turn);
        break;
      case Role::kLatestReminder:
        prompt_.AppendFormat(kLatestReminderToken);
        prompt_.AppendPlain(turn.message->content);
        break;
      case Role::kAssistant:
        AppendAnswer(index);
        break;
    }
  }

  void AppendBlocks(std::span<const Block> blocks) {
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (i > 0) prompt_.AppendFormat(kBlankLine);
      if (blocks[i].is_result) prompt_.AppendFormat(kToolResultBegin);
      prompt_.AppendPlain(blocks[i].text);
      if (blocks[i].is_result) prompt_.AppendFormat(kToolResultEnd);
    }
  }

  void AppendInstructions(const Turn& turn) {
    prompt_.AppendPlain(turn.message->content);
    if (!turn.tools.empty()) {
      prompt_.AppendFormat(kBlankLine);
      prompt_.AppendFormat(kToolsBeforeSchemas);
      for (size_t i = 0; i < turn.tools.size(); ++i) {
        if (i > 0) prompt_.AppendFormat("\n");
        prompt_.AppendPlain(PrintJson(*turn.tools[i]));
      }
      prompt_.AppendFormat(kToolsAfterSchemas);
    }
    if (turn.message->response_format) {
      prompt_.AppendFormat(kBlankLine);
      prompt_.AppendFormat(kResponseFormatBeforeSchema);
      prompt_.AppendPlain(PrintJson(*turn.message->response_format));
    }
  }

  void AppendAnswer(size_t index) {
    const Turn& turn = turns_[index];
    const bool answers_task = index > 0 && turns_[index - 1].task.has_value();
    if (IsThinking() && turn.has_reasoning && !answers_task) {
      prompt_.AppendPlain(turn.message->reasoning_content);
      prompt_.AppendFormat(kThinkEnd);
    }
    prompt_.AppendPlain(turn.message->content);
    if (!turn.message->tool_calls.empty()) {
      prompt_.AppendFormat(kBlankLine);
      AppendToolCalls(turn.message->tool_calls, &prompt_);
    }
    prompt_.AppendFormat(kEndOfSentence);
  }

  void AppendTransition(size_t index) {
    const Turn& turn = turns_[index];
    const std::optional<Task> task = turn.task;
    if (task.has_value() && *task != Task::kAction) {
      prompt_.AppendFormat(TaskToken(*task));
    } else if (turn.IsQuestion()) {
      prompt_.AppendFormat(kAssistantToken);
      const bool thinks = task.has_value() ? IsThinking() : IsAnsweredThinking(index);
      prompt_.AppendFormat(thinks ? kThinkBegin : kThinkEnd);
      if (task.has_value()) prompt_.AppendFormat(TaskToken(*task));
    }
  }

  std::vector<Turn> turns_;
  EncodeOptions options_;
  Prompt prompt_;
};

}  // namespace

void AppendToolCalls(const std::vector<ToolCall>& calls, Prompt* out) {
  FATHOM_CHECK(!calls.empty());
  out->AppendFormat(kCallsBegin);
  for (const ToolCall& call : calls) {
    AppendToolCall(call, out);
    out->AppendFormat("\n");
  }
  out->AppendFormat(kCallsEnd);
}

base::Result<Prompt> EncodePrompt(const Conversation& conversation, const EncodeOptions& options) {
  const std::vector<Message>& messages = conversation.messages;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::kDeveloper && messages[i].content.empty()) {
      return base::MakeError("messages[{}].content: a developer message needs text", i);
    }
  }
  std::vector<Turn> turns = MergeTurns(messages);
  AttachTools(conversation.tools, &turns);
  SortAllResults(&turns);
  return Encoder(std::move(turns), options).Encode();
}

}  // namespace fathom::text
