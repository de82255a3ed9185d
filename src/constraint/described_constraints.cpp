#include "constraint/described_constraints.h"

#include <utility>

#include "constraint/answer_options_json.h"

namespace fathom::constraint {

base::Result<const text::Tokenizer*> DescribedConstraints::ReadTokenizer() {
  if (!tokenizer_) {
    FATHOM_ASSIGN(text::Tokenizer tokenizer,
                  text::Tokenizer::Load(model_directory_ + "/tokenizer.json"));
    tokenizer_ = std::move(tokenizer);
  }
  return &*tokenizer_;
}

base::Status DescribedConstraints::ReadVocabulary() {
  if (vocabulary_) return {};
  FATHOM_ASSIGN(const text::Tokenizer* tokenizer, ReadTokenizer());
  FATHOM_ASSIGN(vocabulary_, ConstraintVocabulary::Make(*tokenizer));
  return {};
}

base::Result<std::shared_ptr<engine::TokenConstraint>> DescribedConstraints::Make(
    const std::string& description) {
  FATHOM_TRY(ReadVocabulary());
  std::shared_ptr<AnswerConstraints>& shared = made_[description];
  if (!shared) {
    FATHOM_ASSIGN(const AnswerOptions options, ReadAnswerOptions(description));
    FATHOM_ASSIGN(shared, AnswerConstraints::Make(vocabulary_, options));
  }
  return std::shared_ptr<engine::TokenConstraint>(std::make_shared<AnswerConstraint>(shared));
}

}  // namespace fathom::constraint
