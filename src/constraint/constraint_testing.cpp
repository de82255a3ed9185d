#include "constraint/constraint_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "constraint/schema_check.h"
#include "text/utf8.h"

namespace fathom::constraint {
namespace {

using nlohmann::json;

std::string MakeTokenizerJson() {
  std::ifstream file(std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall/tokenizer.json");
  json tokenizer = json::parse(file);
  json& vocab = tokenizer["model"]["vocab"];
  json merges = json::array();
  int id = 1000;
  for (const char* word : {"\",",      "\":",  "\"}",   "],",           "}}",      "[[",
                           "]]",       "{\"",  "[{",    "false",        "true",    "null",
                           "inv",      "oke",  "param", "eter",         "tool",    "_calls",
                           ">\u010a",  "\">",  "</",    "\u010a\u010a", "\u010a<", "\u010a\u010a<",
                           "\u010a</", "name", "=\"",   "12",           "34",      "00",
                           "ab",       "ba",   "aab",   "\u0120\"",     ":\u0120", ",\u0120",
                           "ab\",",    "b\"}", "\\\"",  "\\n",          "e5",      "1e",
                           ".5",       "-1"}) {
    // Left to right, one character more each time.
    const std::string text = word;
    std::vector<std::string> characters;
    for (size_t at = 0; at < text.size();) {
      const size_t length = text::CharacterLength(text, at);
      characters.push_back(text.substr(at, length));
      at += length;
    }
    std::string left = characters[0];
    for (size_t i = 1; i < characters.size(); ++i) {
      const std::string joined = left + characters[i];
      if (!vocab.contains(joined)) {
        vocab[joined] = id++;
        merges.push_back(left + " " + characters[i]);
      }
      left = joined;
    }
  }
  tokenizer["model"]["merges"] = merges;
  return tokenizer.dump();
}

// What has to come may come, and is what the tokenizer makes of it.
void ExpectForcedFollows(const AnswerConstraint& constraint) {
  AnswerConstraint copy = constraint;
  for (const int32_t id : copy.FindForced()) EXPECT_TRUE(copy.Accept(id));
}

}  // namespace

const text::Tokenizer& Tokenizer() {
  static const text::Tokenizer kTokenizer =
      text::Tokenizer::FromJson(MakeTokenizerJson(), "test").value();
  return kTokenizer;
}

std::shared_ptr<const ConstraintVocabulary> Vocabulary() {
  static const auto kVocabulary = ConstraintVocabulary::Make(Tokenizer()).value();
  return kVocabulary;
}

text::Json Read(const std::string& json_text) { return text::ReadJson(json_text, "test").value(); }

text::Json MakeTool(const std::string& name, const std::string& parameters) {
  return Read(R"({"name": ")" + name + R"(", "parameters": )" + parameters + "}");
}

std::shared_ptr<AnswerConstraints> Compile(const AnswerOptions& options) {
  auto made = AnswerConstraints::Make(Vocabulary(), options);
  if (!made.ok()) throw std::runtime_error(made.error().message);
  return *made;
}

std::string ErrorOf(const AnswerOptions& options) {
  const auto made = AnswerConstraints::Make(Vocabulary(), options);
  return made.ok() ? "" : made.error().message;
}

std::vector<int32_t> ListAllowed(AnswerConstraint& constraint) {
  std::vector<uint64_t> mask(CountMaskWords(Tokenizer().vocab_size()));
  constraint.Fill(mask);
  std::vector<int32_t> allowed;
  for (int32_t id = 0; id < Tokenizer().vocab_size(); ++id)
    if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
  return allowed;
}

void ExpectExactMask(AnswerConstraint& constraint) {
  std::vector<int32_t> accepted;
  for (int32_t id = 0; id < Tokenizer().vocab_size(); ++id) {
    if (constraint.Allows(id)) accepted.push_back(id);
  }
  EXPECT_EQ(ListAllowed(constraint), accepted);
}

Walked Walk(const std::shared_ptr<AnswerConstraints>& constraints, std::mt19937& random) {
  AnswerConstraint constraint(constraints);
  Walked walked;
  const std::string closers = "\"<]}/>";
  const std::string letters = "ab01-";  // which patterns want
  while (!constraint.is_over()) {
    if (random() % 32 == 0) ExpectExactMask(constraint);
    if (random() % 64 == 0) ExpectForcedFollows(constraint);
    const std::vector<int32_t> allowed = ListAllowed(constraint);
    if (allowed.empty()) {
      ADD_FAILURE() << "nothing may follow " << walked.text;
      return walked;
    }
    const auto begins_with = [&](const std::string& bytes) {
      std::vector<int32_t> tokens;
      for (const int32_t id : allowed)
        if (bytes.find(Tokenizer().BytesOf(id)[0]) != bytes.npos) tokens.push_back(id);
      return tokens;
    };
    std::vector<int32_t> from;
    for (const int32_t id : allowed)
      if (Tokenizer().IsAdded(id)) from.push_back(id);
    if (from.empty() || random() % 2 == 0) from = begins_with(closers);
    if (from.empty() || random() % 4 == 0) from = begins_with(letters);
    if (from.empty() || random() % 4 == 0) from = allowed;
    const int32_t id = from[random() % from.size()];
    EXPECT_TRUE(constraint.Accept(id)) << walked.text << " + " << Tokenizer().BytesOf(id);
    walked.tokens.push_back(id);
    if (!constraint.is_over()) walked.text += Tokenizer().BytesOf(id);
    if (walked.tokens.size() > 20000) {
      ADD_FAILURE() << "no end";
      return walked;
    }
  }
  return walked;
}

text::Completion Parse(const std::vector<int32_t>& tokens) {
  text::CompletionParser parser;
  for (const int32_t id : tokens) {
    parser.Feed(Tokenizer().BytesOf(id),
                Tokenizer().IsAdded(id) ? text::Origin::kSpecialToken : text::Origin::kPlainTokens);
  }
  parser.Finish();
  return parser.completion();
}

std::string FindBreach(const std::string& schema, const std::string& json_text) {
  const auto value = text::ReadJson(json_text, "value");
  if (!value.ok()) return value.error().message;
  const text::Json document = Read(schema);
  return SchemaChecker({&document, "schema"}).FindViolation(*value).value_or("");
}

}  // namespace fathom::constraint
