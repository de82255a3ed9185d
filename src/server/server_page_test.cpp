// The page for people, and what it shows of the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "model/config.h"
#include "model/cost.h"
#include "server/embedded_file.h"
#include "server/server_testing.h"

namespace fathom::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST(Page, NeedsNoKeyAndHoldsNoData) {
  TestServer server(MakeAnswers(), [](ServerOptions& options) { options.access.keys = {"a"}; });
  EXPECT_EQ(server.Ask("GET", "/").status, 200);
  EXPECT_EQ(server.Ask("GET", "/sequences").status, 401);
  EXPECT_EQ(server.Ask("GET", "/sequences", "", "x-api-key: a\r\n").status, 200);
  for (const EmbeddedFile& file : AllPageFiles()) {
    const TestResponse response = server.Ask("GET", "/page/" + std::string(file.name));
    EXPECT_EQ(response.status, 200) << file.name;
    EXPECT_EQ(response.body, file.bytes) << file.name;
  }
  EXPECT_EQ(server.Ask("GET", "/page/other.js").status, 404);
  EXPECT_EQ(server.Ask("GET", "/page/").status, 404);
  EXPECT_EQ(server.Ask("POST", "/").status, 405);
}

TEST(Page, AllowsTheBrowserNothingButItsOwnFiles) {
  TestServer server({});
  const TestResponse page = server.Ask("GET", "/");
  const TestResponse head = server.Ask("HEAD", "/");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(page.body.size()));
  for (const TestResponse& response : {page, head}) {
    const std::string policy = response.headers.at("content-security-policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'; script-src 'self'; style-src 'self';"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(policy, HasSubstr("require-trusted-types-for 'script'"));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_EQ(response.headers.at("content-type"), "text/html; charset=utf-8");
    EXPECT_EQ(response.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(response.headers.at("referrer-policy"), "no-referrer");
    EXPECT_FALSE(response.headers.contains("set-cookie"));
  }
  EXPECT_EQ(server.Ask("GET", "/page/page.js").headers.at("content-type"),
            "text/javascript; charset=utf-8");
}

json AskSequences(TestServer& server) { return json::parse(server.Ask("GET", "/sequences").body); }

TEST(Sequences, AreShownWhileTheyRunWithoutTheirTexts) {
  TestServer server(MakeAnswers(), [](ServerOptions& options) { options.engine.max_batch = 1; });
  const json idle = AskSequences(server);
  EXPECT_EQ(idle["model"], "recall");
  EXPECT_EQ(idle["context"], 20000);
  EXPECT_TRUE(idle["running"].empty());

  TestClient first(server.port());
  first.SendRequest("POST", "/v1/chat/completions", MakeChat("slowly", {{"stream", true}}).dump());
  first.ReadUntil("\"x\"");
  TestClient second(server.port());
  second.SendRequest("POST", "/v1/chat/completions", MakeChat("hello", {{"stream", true}}).dump());
  second.ReadUntil("assistant");
  ASSERT_TRUE(server.WaitForMetric("vllm:num_requests_waiting", 1));

  const TestResponse response = server.Ask("GET", "/sequences");
  EXPECT_THAT(response.body, Not(HasSubstr("slowly")));
  const json report = json::parse(response.body);
  ASSERT_EQ(report["running"].size(), 1u);
  const json& running = report["running"][0];
  const int64_t length = running["length"];
  EXPECT_EQ(running["phase"], "answer");
  EXPECT_GE(running["generated_tokens"], 1);
  EXPECT_EQ(length, running["prompt_tokens"].get<int64_t>() +
                        running["generated_tokens"].get<int64_t>() - 1);
  EXPECT_GT(running["kv_bytes"], 0);
  EXPECT_EQ(running["v32_kv_bytes"], model::CountV32KvBytes(length));
  const auto config =
      model::LoadConfig(std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall").value();
  EXPECT_EQ(running["gqa8_kv_bytes"], model::CountGqa8KvBytes(config, length));
  ASSERT_EQ(report["waiting"].size(), 1u);
  EXPECT_GT(report["waiting"][0]["prompt_tokens"], 0);
  EXPECT_EQ(report["waiting_count"], 1);

  first.Close();
  second.ReadUntil("[DONE]");
  ASSERT_TRUE(server.WaitForMetric("vllm:num_requests_running", 0));
  EXPECT_TRUE(AskSequences(server)["running"].empty());
  EXPECT_TRUE(AskSequences(server)["waiting"].empty());
}

}  // namespace
}  // namespace fathom::server
