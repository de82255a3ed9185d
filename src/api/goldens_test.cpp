// What real clients send, the prompt that the model reads for it, and what they are answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/exchange_testing.h"
#include "api/parse.h"

namespace fathom::api {
namespace {

std::filesystem::path Folder() { return FATHOM_SOURCE_DIR "/tests/goldens/api"; }

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Dialect DialectOf(const std::string& api) {
  if (api == "chat") return Dialect::kChat;
  if (api == "completions") return Dialect::kCompletions;
  if (api == "responses") return Dialect::kResponses;
  return Dialect::kMessages;
}

Ending EndingOf(const std::string& name) {
  if (name == "length") return {.finish = Finish::kLength};
  if (name == "stop_sequence") return {.finish = Finish::kStopSequence, .stop_sequence = "END"};
  return {.finish = Finish::kStop};
}

const char* NameOf(text::ThinkingEffort effort) {
  if (effort == text::ThinkingEffort::kNone) return "none";
  return effort == text::ThinkingEffort::kHigh ? "high" : "max";
}

const char* NameOf(ToolChoice::Kind kind) {
  switch (kind) {
    case ToolChoice::Kind::kAuto:
      return "auto";
    case ToolChoice::Kind::kNone:
      return "none";
    case ToolChoice::Kind::kRequired:
      return "required";
    case ToolChoice::Kind::kNamed:
      return "named";
  }
  return "";
}

// What is not as in a request that says nothing.
OutJson Summarize(const Request& request) {
  const Request silent;
  OutJson json = {{"effort", NameOf(request.effort)}};
  if (!request.model.empty()) json["model"] = request.model;
  if (request.thinking_budget) json["thinking_budget"] = *request.thinking_budget;
  if (request.tool_choice.kind != ToolChoice::Kind::kAuto)
    json["tool_choice"] = NameOf(request.tool_choice.kind);
  if (!request.tool_choice.name.empty()) json["tool"] = request.tool_choice.name;
  if (!request.tool_choice.allow_parallel) json["one_call"] = true;
  if (request.response_format.kind == ResponseFormat::Kind::kJsonObject) json["format"] = "object";
  if (request.response_format.kind == ResponseFormat::Kind::kJsonSchema)
    json["format"] = request.response_format.name;
  if (request.sampling.temperature != 1)
    json["temperature"] = MakeNumber(request.sampling.temperature);
  if (request.sampling.top_p != 1) json["top_p"] = MakeNumber(request.sampling.top_p);
  for (const auto& [id, bias] : request.sampling.logit_bias)
    json["logit_bias"][std::to_string(id)] = MakeNumber(bias);
  if (request.seed) json["seed"] = *request.seed;
  if (request.choices != 1) json["choices"] = request.choices;
  if (request.max_tokens >= 0) json["max_tokens"] = request.max_tokens;
  if (!request.stop.empty()) json["stop"] = request.stop;
  if (request.logprobs) json["top_logprobs"] = request.top_logprobs;
  if (request.stream) json["stream"] = true;
  if (request.include_usage) json["include_usage"] = true;
  if (request.include_encrypted_reasoning) json["seals"] = true;
  if (!request.conversation_key.empty()) json["conversation_key"] = request.conversation_key;
  return json;
}

std::string PromptOf(const Request& request) {
  if (request.dialect == Dialect::kCompletions) return std::get<std::string>(request.prompts[0]);
  const auto prompt = text::EncodePrompt(request.conversation, {.effort = request.effort});
  return prompt.ok() ? prompt->text() : prompt.error().message;
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, IsReadAndAnswered) {
  std::ifstream file(Folder() / (GetParam() + ".json"));
  OutJson golden = OutJson::parse(file, nullptr, false);
  ASSERT_TRUE(golden.is_object());
  const auto request = ParseRequest(DialectOf(golden["api"]), Print(golden["body"]));
  ASSERT_TRUE(request.ok()) << request.error().message;
  const auto pieces = golden["answer"].get<std::vector<std::string>>();
  const Ending ending = EndingOf(golden["ending"]);

  OutJson actual = golden;
  actual["settings"] = Summarize(*request);
  actual["prompt"] = PromptOf(*request);
  actual["stream"] = ReadStream(PlayStream(*request, pieces, ending, false));
  actual["response"] = PlayResponse(*request, pieces, ending);
  EXPECT_EQ(golden, actual) << "It should be:\n" << actual.dump(1);
}

INSTANTIATE_TEST_SUITE_P(Clients, GoldenTest, testing::ValuesIn(GoldenNames()),
                         [](const auto& golden) { return golden.param; });

}  // namespace
}  // namespace fathom::api
