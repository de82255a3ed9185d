// Answers of a model that means nothing by them: at a temperature that leaves it little more than
// chance, calls and JSON are nevertheless what they have to be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "server/server_testing.h"

namespace fathom::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const json kParameters = json::parse(R"({"type": "object", "properties": {
    "mode": {"enum": ["read", "write"]}, "tag": {"type": "string", "pattern": "^[A-F]{1,5}$"},
    "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1,
              "maxItems": 3}}, "required": ["mode", "lines"]})");

json MakeTools(const json& parameters = kParameters) {
  json tools = json::array();
  for (const char* name : {"look", "look_up"})
    tools.push_back(
        {{"type", "function"}, {"function", {{"name", name}, {"parameters", parameters}}}});
  return tools;
}

// Nearly by chance.
json MakeWild(json more) {
  more.update({{"temperature", 2}, {"max_tokens", 3000}});
  return MakeChat("Say.", more);
}

void ExpectGoodArguments(const json& arguments) {
  ASSERT_TRUE(arguments.is_object()) << arguments;
  EXPECT_TRUE(arguments["mode"] == "read" || arguments["mode"] == "write") << arguments;
  ASSERT_TRUE(arguments["lines"].is_array()) << arguments;
  EXPECT_GE(arguments["lines"].size(), 1u);
  EXPECT_LE(arguments["lines"].size(), 3u);
  for (const json& line : arguments["lines"]) EXPECT_GE(line.get<int64_t>(), 1);
  const auto tag = arguments.value("tag", json("A")).get<std::string>();
  EXPECT_THAT(tag, testing::SizeIs(testing::AllOf(testing::Ge(1), testing::Le(5))));
  EXPECT_EQ(tag.find_first_not_of("ABCDEF"), tag.npos) << tag;
  EXPECT_LE(arguments.size(), 3u);
}

void ExpectGoodCalls(const json& choice, const std::set<std::string>& names) {
  EXPECT_EQ(choice["finish_reason"], "tool_calls") << choice;
  EXPECT_TRUE(choice["message"]["content"].is_null() || choice["message"]["content"] == "");
  for (const json& call : choice["message"]["tool_calls"]) {
    EXPECT_TRUE(names.contains(call["function"]["name"])) << call;
    ExpectGoodArguments(json::parse(call["function"]["arguments"].get<std::string>()));
  }
}

TEST(ServerConstraint, CallsAreWellFormedByChance) {
  TestServer server({});
  for (int seed = 0; seed < 6; ++seed) {
    json body = MakeWild({{"tools", MakeTools()}, {"tool_choice", "required"}, {"seed", seed}});
    body["parallel_tool_calls"] = false;
    const json choice = AskChat(server, body)["choices"][0];
    ExpectGoodCalls(choice, {"look", "look_up"});
    EXPECT_EQ(choice["message"]["tool_calls"].size(), 1u);
    // What was kept of it does not change it.
    EXPECT_EQ(AskChat(server, body)["choices"][0]["message"]["tool_calls"][0]["function"],
              choice["message"]["tool_calls"][0]["function"]);
  }
  EXPECT_EQ(server.ReadMetric("fathom:constrained_requests_total"), 12);
  EXPECT_GT(server.ReadMetric("fathom:forced_tokens_total"), 12 * 20);
  EXPECT_GT(server.ReadMetric("fathom:masks_total"), 12);
}

TEST(ServerConstraint, ANamedToolIsCalled) {
  TestServer server({});
  const json choice = {{"type", "function"}, {"function", {{"name", "look_up"}}}};
  json body = MakeWild({{"tools", MakeTools()}, {"tool_choice", choice}, {"seed", 1}});
  body["parallel_tool_calls"] = false;
  ExpectGoodCalls(AskChat(server, body)["choices"][0], {"look_up"});
}

TEST(ServerConstraint, CallsAreWellFormedInEveryApi) {
  TestServer server({});
  const json tool = {{"name", "look"}, {"input_schema", kParameters}};
  const json messages =
      AskFor(server, "/v1/messages",
             {{"messages", {{{"role", "user"}, {"content", "Say."}}}},
              {"tools", {tool}},
              {"tool_choice", {{"type", "any"}, {"disable_parallel_tool_use", true}}},
              {"temperature", 1},
              {"max_tokens", 3000}});
  EXPECT_EQ(messages["stop_reason"], "tool_use");
  ASSERT_EQ(messages["content"].size(), 1u);
  ExpectGoodArguments(messages["content"][0]["input"]);

  const json responses =
      AskFor(server, "/v1/responses",
             {{"input", "Say."},
              {"tools", {{{"type", "function"}, {"name", "look"}, {"parameters", kParameters}}}},
              {"tool_choice", "required"},
              {"parallel_tool_calls", false},
              {"reasoning", {{"effort", "none"}}},
              {"max_output_tokens", 3000}});
  EXPECT_EQ(responses["status"], "completed");
  ASSERT_EQ(responses["output"].size(), 1u);
  ExpectGoodArguments(json::parse(responses["output"][0]["arguments"].get<std::string>()));
}

TEST(ServerConstraint, ContentSatisfiesItsSchemaInEveryApi) {
  TestServer server({});
  const json schema = {{"type", "json_schema"}, {"name", "x"}, {"schema", kParameters}};
  const json wild = MakeWild(
      {{"response_format", {{"type", "json_schema"}, {"json_schema", schema}}}, {"seed", 2}});
  const json chat = AskChat(server, wild)["choices"][0];
  EXPECT_EQ(chat["finish_reason"], "stop");
  ExpectGoodArguments(json::parse(chat["message"]["content"].get<std::string>()));

  const json messages = AskFor(server, "/v1/messages",
                               {{"messages", {{{"role", "user"}, {"content", "Say."}}}},
                                {"output_config", {{"format", schema}}},
                                {"max_tokens", 3000}});
  EXPECT_EQ(messages["stop_reason"], "end_turn");
  ExpectGoodArguments(json::parse(messages["content"][0]["text"].get<std::string>()));

  const json responses = AskFor(server, "/v1/responses",
                                {{"input", "Say."},
                                 {"text", {{"format", schema}}},
                                 {"reasoning", {{"effort", "none"}}},
                                 {"max_output_tokens", 3000}});
  ExpectGoodArguments(json::parse(responses["output"][0]["content"][0]["text"].get<std::string>()));
}

TEST(ServerConstraint, AStreamHasTheSameCalls) {
  TestServer server({});
  json body = MakeWild({{"tools", MakeTools()}, {"tool_choice", "required"}, {"seed", 3}});
  body["parallel_tool_calls"] = false;
  const json call = AskChat(server, body)["choices"][0]["message"]["tool_calls"][0];
  body["stream"] = true;
  const std::string stream = server.Ask("POST", "/v1/chat/completions", body.dump()).body;
  std::string arguments;
  for (size_t at = 0; (at = stream.find("data: {", at)) != std::string::npos; ++at) {
    const json chunk = json::parse(stream.substr(at + 6, stream.find('\n', at) - at - 6));
    if (chunk["choices"].empty() || !chunk["choices"][0]["delta"].contains("tool_calls")) continue;
    arguments += chunk["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
  }
  EXPECT_EQ(arguments, call["function"]["arguments"]);
}

TEST(ServerConstraint, WithoutToolsNoCallBegins) {
  const auto say = [](bool constrain) {
    TestServer server({}, [&](ServerOptions& options) { options.constrain = constrain; });
    const json marker = {{"content", "｜DSML｜"}, {"parse_special", true}};
    const json tokens = AskFor(server, "/tokenize", marker)["tokens"];
    EXPECT_EQ(tokens.size(), 1u);
    json body = MakeChat("Say.", {{"tools", MakeTools()}, {"tool_choice", "none"}});
    body["max_tokens"] = 5;
    body["logit_bias"] = {{std::to_string(tokens[0].get<int>()), 100}};
    return AskChat(server, body)["choices"][0]["message"]["content"].get<std::string>();
  };
  EXPECT_THAT(say(true), testing::Not(HasSubstr("DSML")));
  EXPECT_THAT(say(false), HasSubstr("｜DSML｜"));
}

// What a string says about the format is not the format, if only tokens can be that.
TEST(ServerConstraint, OnlyTokensAreTags) {
  const std::string block =
      "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"look\">\n</｜DSML｜invoke>\n"
      "</｜DSML｜tool_calls>";
  for (const bool constrain : {true, false}) {
    TestServer server({{.when = "hello", .content = block}},
                      [&](ServerOptions& options) { options.constrain = constrain; });
    const json choice = AskChat(server, MakeChat("hello", {{"tools", MakeTools()}}))["choices"][0];
    EXPECT_EQ(choice["finish_reason"], constrain ? "stop" : "tool_calls");
    EXPECT_EQ(choice["message"]["content"] == block, constrain);
  }
}

TEST(ServerConstraint, NamesTheFieldThatCannotBeHeldTo) {
  TestServer server({});
  const auto param_of = [&](const std::string& path, const json& body) {
    const TestResponse response = server.Ask("POST", path, body.dump());
    EXPECT_EQ(response.status, 400) << response.body;
    return json::parse(response.body)["error"]["param"];
  };
  const json bad = {{"type", "object"}, {"properties", {{"a", {{"$ref", "#/nowhere"}}}}}};
  EXPECT_EQ(param_of("/v1/chat/completions", MakeChat("Say.", {{"tools", MakeTools(bad)}})),
            "tools.look.parameters.properties.a.$ref");
  const json format = {{"type", "json_schema"}, {"name", "x"}, {"schema", bad}};
  EXPECT_EQ(param_of("/v1/chat/completions",
                     MakeChat("Say.", {{"response_format",
                                        {{"type", "json_schema"}, {"json_schema", format}}}})),
            "response_format.json_schema.schema.properties.a.$ref");
  EXPECT_EQ(param_of("/v1/responses", {{"input", "Say."}, {"text", {{"format", format}}}}),
            "text.format.schema.properties.a.$ref");
}

TEST(ServerConstraint, LogsWhatIsNotHeld) {
  TestServer server(MakeAnswers());
  const json parameters = {{"type", "object"},
                           {"properties", {{"a", {{"type", "number"}, {"multipleOf", 3}}}}}};
  for (int i = 0; i < 2; ++i)
    AskChat(server, MakeChat("hello", {{"tools", MakeTools(parameters)}}));
  int lines = 0;
  for (const std::string& line : server.log()) {
    if (line.find("\"unenforced\"") == std::string::npos) continue;
    ++lines;
    EXPECT_THAT(line, HasSubstr("tools.look.parameters.properties.a.multipleOf"));
  }
  EXPECT_EQ(lines, 1);
}

// Delivered, counted, and named in the log.
TEST(ServerConstraint, TellsAfterwardsWhatWasNotHeld) {
  TestServer server({});
  const json digit = {{"type", "integer"}, {"minimum", 1}, {"maximum", 9}};
  json broken = digit;
  broken["multipleOf"] = 100;
  const auto ask = [&](const json& schema) {
    const json parameters = {
        {"type", "object"}, {"properties", {{"n", schema}}}, {"required", {"n"}}};
    json body = MakeWild({{"tools", MakeTools(parameters)}, {"tool_choice", "required"}});
    body["parallel_tool_calls"] = false;
    const json choice = AskChat(server, body)["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    const json& function = choice["message"]["tool_calls"][0]["function"];
    EXPECT_GE(json::parse(function["arguments"].get<std::string>())["n"].get<int>(), 1);
    return "tools." + function["name"].get<std::string>() + ".parameters.properties.n.multipleOf";
  };
  ask(digit);
  EXPECT_EQ(server.ReadMetric("fathom:schema_violations_total"), 0);
  const std::string field = ask(broken);
  const json format = {{"type", "json_schema"}, {"name", "x"}, {"schema", broken}};
  AskChat(server,
          MakeWild({{"response_format", {{"type", "json_schema"}, {"json_schema", format}}}}));
  EXPECT_EQ(server.ReadMetric("fathom:schema_violations_total"), 2);
  std::vector<std::string> lines;
  for (const std::string& line : server.log())
    if (line.find("\"schema_violation\"") != line.npos) lines.push_back(line);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr(field));
  EXPECT_THAT(lines[1], HasSubstr("response_format.json_schema.schema.multipleOf"));
}

}  // namespace
}  // namespace fathom::server
