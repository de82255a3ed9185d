// Constraints made again of what they described themselves as.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "constraint/answer_constraint.h"
#include "engine/request.h"
#include "text/tokenizer.h"

namespace fathom::constraint {

/// Those of one model. Requests with the same description share what is made of it.
class DescribedConstraints {
 public:
  /// `model_directory` holds the tokenizer, which is read when it is first needed.
  explicit DescribedConstraints(std::string model_directory)
      : model_directory_(std::move(model_directory)) {}

  /// One for a new answer. Errors name the tokenizer's file, or the field of the description.
  base::Result<std::shared_ptr<engine::TokenConstraint>> Make(const std::string& description);

  /// The model's tokenizer, which lives as long as this.
  base::Result<const text::Tokenizer*> ReadTokenizer();

 private:
  base::Status ReadVocabulary();

  const std::string model_directory_;
  std::optional<text::Tokenizer> tokenizer_;
  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  std::map<std::string, std::shared_ptr<AnswerConstraints>> made_;
};

}  // namespace fathom::constraint
