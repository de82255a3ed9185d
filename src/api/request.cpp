#include "api/request.h"

namespace fathom::api {

bool Request::StartsInReasoning() const {
  if (dialect == Dialect::kCompletions || effort == text::ThinkingEffort::kNone) return false;
  // Of the tasks that the format has tokens for, only one thinks.
  const auto task =
      conversation.messages.empty() ? std::nullopt : conversation.messages.back().task;
  return !task.has_value() || *task == text::Task::kAction;
}

}  // namespace fathom::api
