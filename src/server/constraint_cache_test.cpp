#include "server/constraint_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "api/parse.h"
#include "text/tokenizer.h"

namespace fathom::server {
namespace {

using nlohmann::json;

class ConstraintCacheTest : public testing::Test {
 protected:
  static api::Request Read(api::Dialect dialect, const json& body) {
    return api::ParseRequest(dialect, body.dump()).value();
  }
  static api::Request ReadChat(json more) {
    more["messages"] = {{{"role", "user"}, {"content", "Say."}}};
    return Read(api::Dialect::kChat, more);
  }
  static json MakeTool(const std::string& name, int properties = 1) {
    json parameters = {{"type", "object"}, {"properties", json::object()}};
    for (int i = 0; i < properties; ++i)
      parameters["properties"][name + std::to_string(i)] = {{"type", "string"}, {"maxLength", 9}};
    return {{"type", "function"}, {"function", {{"name", name}, {"parameters", parameters}}}};
  }

  text::Tokenizer tokenizer_ =
      text::Tokenizer::Load(std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall/tokenizer.json")
          .value();
  ConstraintCache cache_{constraint::ConstraintVocabulary::Make(tokenizer_).value(), {}};
};

TEST_F(ConstraintCacheTest, EqualRequestsShare) {
  const json tools = {{"tools", {MakeTool("a"), MakeTool("b")}}};
  const auto constraints = cache_.Find(ReadChat(tools)).value();
  EXPECT_EQ(cache_.Find(ReadChat(tools)).value(), constraints);
  json more = tools;
  more["temperature"] = 0.5;
  EXPECT_EQ(cache_.Find(ReadChat(more)).value(), constraints);
  const json changes[] = {{{"tools", {MakeTool("a")}}},
                          {{"tool_choice", "required"}},
                          {{"parallel_tool_calls", false}},
                          {{"reasoning_effort", "none"}},
                          {{"response_format", {{"type", "json_object"}}}}};
  for (const json& change : changes) {
    json other = tools;
    other.update(change);
    EXPECT_NE(cache_.Find(ReadChat(other)).value(), constraints) << change;
  }
}

TEST_F(ConstraintCacheTest, KeepsTheNewest) {
  const auto find = [&](int i) {
    json tools = json::array();
    for (int tool = 0; tool < 12; ++tool)
      tools.push_back(MakeTool(fmt::format("t{}x{}", i, tool), 50));
    return cache_.Find(ReadChat({{"tools", tools}})).value();
  };
  const auto first = find(0);
  int kept = 0;
  while (find(kept + 1) && find(0) == first && kept < 3) ++kept;
  EXPECT_EQ(kept, 3) << "what is used stays";
  for (int i = 1; i < 12; ++i) find(i);
  EXPECT_NE(find(0), first) << "what is not used goes";
}

// Agents bring schemas of all kinds. None of those that real ones sent is refused.
TEST_F(ConstraintCacheTest, HoldsToWhatRealClientsSend) {
  const std::map<std::string, api::Dialect> dialects = {{"chat", api::Dialect::kChat},
                                                        {"responses", api::Dialect::kResponses},
                                                        {"messages", api::Dialect::kMessages}};
  int tools = 0;
  const std::filesystem::path folder = std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/api";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const json golden = json::parse(std::ifstream(entry.path()));
    const auto dialect = dialects.find(golden["api"]);
    if (dialect == dialects.end()) continue;
    const auto constraints = cache_.Find(Read(dialect->second, golden["body"]));
    EXPECT_TRUE(constraints.ok()) << entry.path() << ": " << constraints.error().message;
    if (golden["body"].contains("tools")) ++tools;
  }
  EXPECT_GT(tools, 3);
}

}  // namespace
}  // namespace fathom::server
