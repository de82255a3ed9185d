// What tests of answers that are held to something share.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "constraint/answer_constraint.h"
#include "text/completion_parser.h"
#include "text/json.h"
#include "text/tokenizer.h"

namespace fathom::constraint {

/// Bytes, and merges of what calls and JSON are made of, so that tokens span the borders of rules.
const text::Tokenizer& Tokenizer();
std::shared_ptr<const ConstraintVocabulary> Vocabulary();

text::Json Read(const std::string& json_text);
text::Json MakeTool(const std::string& name, const std::string& parameters);

/// REQUIRES: the options can be held to.
std::shared_ptr<AnswerConstraints> Compile(const AnswerOptions& options);
std::string ErrorOf(const AnswerOptions& options);

std::vector<int32_t> ListAllowed(AnswerConstraint& constraint);
/// The mask is what trying every token gives.
void ExpectExactMask(AnswerConstraint& constraint);

struct Walked {
  std::vector<int32_t> tokens;
  std::string text;  ///< without the end of the sentence
};

/// Draws until the answer is over, and holds some of the masks against trying each token. Tokens
/// that close something are preferred: a draw among all would write strings of a thousand
/// characters.
Walked Walk(const std::shared_ptr<AnswerConstraints>& constraints, std::mt19937& random);

text::Completion Parse(const std::vector<int32_t>& tokens);

/// What the JSON text does not satisfy of the schema; empty if it satisfies all.
std::string FindBreach(const std::string& schema, const std::string& json_text);

}  // namespace fathom::constraint
