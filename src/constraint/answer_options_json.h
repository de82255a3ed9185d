// What an answer has to be, as JSON: for records of requests that are to be made again.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "constraint/answer_rules.h"

namespace fathom::constraint {

/// A JSON object on one line. Options are equal if their texts are.
std::string PrintAnswerOptions(const AnswerOptions& options);

/// Reads what PrintAnswerOptions wrote. Errors name the field: "constraint.calls: ...".
base::Result<AnswerOptions> ReadAnswerOptions(std::string_view json);

}  // namespace fathom::constraint
