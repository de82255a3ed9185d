// Any bytes as a schema, of a tool's parameters or of the content, and as the choices of an answer
// that is held to it. What cannot be held to is refused; else something may always come next, the
// mask says the same as trying a token, and what is forced may come. And the schema as a value that
// is checked afterwards.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "constraint/answer_constraint.h"
#include "constraint/schema_check.h"
#include "text/byte_level.h"
#include "text/json.h"
#include "text/tokenizer.h"

namespace {

using fathom::constraint::AnswerConstraint;
using fathom::constraint::AnswerConstraints;
using fathom::constraint::AnswerOptions;
using fathom::constraint::ConstraintVocabulary;
using fathom::text::Tokenizer;

// All bytes, tokens that end one thing and begin another, and those of the format.
Tokenizer MakeTokenizer() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* token : {"\"}", "\", \"", "\":", "\": \"", "</", "\"]}", "aa", "12", "[[",
                            "\"\"", "\xC3\xA4\"", "\\u00", "parameter", ">\n</", "\n<"})
    tokens.emplace_back(token);
  std::string vocabulary;
  for (size_t id = 0; id < tokens.size(); ++id)
    vocabulary += (id == 0 ? "" : ",") +
                  fathom::text::QuoteJson(fathom::text::SpellByteLevel(tokens[id])) + ":" +
                  std::to_string(id);
  std::string added;
  size_t id = tokens.size();
  for (const char* token : {"<｜end▁of▁sentence｜>", "</think>", "｜DSML｜"})
    added += (added.empty() ? "" : ",") + std::string(R"({"content":)") +
             fathom::text::QuoteJson(token) + ",\"id\":" + std::to_string(id++) +
             R"(,"special":true,"single_word":false,"lstrip":false,"rstrip":false,)" +
             R"("normalized":false})";
  return Tokenizer::FromJson(R"({"added_tokens":[)" + added +
                                 R"(],"pre_tokenizer":{"type":"ByteLevel","use_regex":false,)"
                                 R"("add_prefix_space":false},"decoder":{"type":"ByteLevel"},)"
                                 R"("model":{"type":"BPE","merges":[],"vocab":{)" +
                                 vocabulary + "}}}",
                             "fuzz")
      .value();
}

std::shared_ptr<AnswerConstraints> MakeConstraints(uint8_t kind, fathom::text::Json schema) {
  static const Tokenizer kTokenizer = MakeTokenizer();
  static const auto kVocabulary = ConstraintVocabulary::Make(kTokenizer).value();
  AnswerOptions options;
  options.starts_in_reasoning = (kind & 1) != 0;
  if ((kind & 2) != 0) {
    options.content = AnswerOptions::Content::kJsonSchema;
    options.schema = std::move(schema);
  } else {
    options.calls = AnswerOptions::Calls::kRequired;
    options.tools.emplace_back(fathom::text::Json::Object{
        {"name", fathom::text::Json(std::string("f"))}, {"parameters", std::move(schema)}});
  }
  auto made = AnswerConstraints::Make(kVocabulary, options);
  return made.ok() ? *made : nullptr;
}

bool HasBit(const std::vector<uint64_t>& mask, int32_t id) {
  return (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
}

void Answer(const std::shared_ptr<AnswerConstraints>& constraints, std::string_view choices) {
  constexpr int32_t kTokens = 256 + 15 + 3;
  AnswerConstraint constraint(constraints);
  std::vector<uint64_t> mask((kTokens + 63) / 64);
  for (const char choice : choices) {
    if (constraint.is_over()) return;
    AnswerConstraint forced = constraint;
    for (const int32_t id : forced.FindForced()) FATHOM_CHECK(forced.Accept(id));
    constraint.Fill(mask);
    std::vector<int32_t> allowed;
    for (int32_t id = 0; id < kTokens; ++id) {
      FATHOM_CHECK(HasBit(mask, id) == constraint.Allows(id));
      if (HasBit(mask, id)) allowed.push_back(id);
    }
    FATHOM_CHECK(!allowed.empty());
    FATHOM_CHECK(constraint.Accept(allowed[static_cast<uint8_t>(choice) % allowed.size()]));
  }
}

}  // namespace

// The first byte says what the schema is of; a zero byte separates it from the choices.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t end = std::min(input.find('\0'), input.size());
  auto schema = fathom::text::ReadJson(input.substr(0, end), "fuzz", {.max_depth = 128});
  if (!schema.ok()) return 0;
  fathom::constraint::SchemaChecker({&*schema, "schema"}).FindViolation(*schema);
  const auto constraints = MakeConstraints(data[0], std::move(*schema));
  if (constraints) Answer(constraints, input.substr(end).substr(0, 200));
  return 0;
}
