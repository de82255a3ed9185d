// The grammar of a whole answer.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "constraint/grammar.h"
#include "text/json.h"

namespace fathom::constraint {

/// What an answer has to be after its reasoning.
struct AnswerOptions {
  enum class Content : uint8_t { kText, kJsonObject, kJsonSchema };
  enum class Calls : uint8_t {
    kNone,      ///< none
    kAllowed,   ///< none, or content and then calls
    kRequired,  ///< at least one, and no content
  };

  bool starts_in_reasoning = false;
  Content content = Content::kText;
  text::Json schema{};                                 ///< of kJsonSchema
  std::string schema_path = "response_format.schema";  ///< what errors call it
  Calls calls = Calls::kNone;
  std::vector<text::Json> tools{};  ///< that may be called: function objects
  bool allows_parallel_calls = true;
};

struct AnswerGrammar {
  Grammar grammar;  ///< finished
  NodeId start = 0;
  /// The paths of what schemas ask for and the grammar does not hold.
  std::vector<std::string> unenforced{};
};

/// Makes it. Errors name the tool and the field: `tools.get_weather.parameters.required[0]: ...`.
base::Result<AnswerGrammar> MakeAnswerGrammar(const AnswerOptions& options);

}  // namespace fathom::constraint
