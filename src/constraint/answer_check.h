// Whether a finished answer satisfies the schemas that it was asked for with.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "constraint/answer_rules.h"
#include "text/json.h"

namespace fathom::constraint {

/// The schemas of an answer, whole: of what the grammar does not hold, this tells afterwards. Any
/// thread may use it.
class AnswerCheck {
 public:
  explicit AnswerCheck(const AnswerOptions& options);

  /// The path of what the arguments, a JSON text, do not satisfy of the tool's parameters, such as
  /// `tools.NAME.parameters.properties.a.multipleOf`; nothing if they satisfy all.
  std::optional<std::string> FindInCall(const std::string& tool, std::string_view arguments) const;
  /// The same of the content, which may be text if no schema was asked for.
  std::optional<std::string> FindInContent(std::string_view content) const;

 private:
  std::map<std::string, text::Json> parameters_;  // by tool
  std::optional<text::Json> schema_;              // of the content
  std::string schema_path_;
};

}  // namespace fathom::constraint
