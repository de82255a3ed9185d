// The server over loopback: what clients and operators rely on.
#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "server/server_testing.h"

namespace fathom::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kRunning = "vllm:num_requests_running";

// All that the server says until it closes, to somebody who trusts this certificate alone.
std::string AskOverTls(uint16_t port, const std::string& certificate, const std::string& request) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  EXPECT_EQ(SSL_CTX_load_verify_file(context.get(), certificate.c_str()), 1);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> stream(BIO_new_ssl_connect(context.get()),
                                                             &BIO_free_all);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  BIO_set_conn_hostname(stream.get(), address.c_str());
  BIO_write(stream.get(), request.data(), static_cast<int>(request.size()));
  std::string response;
  char bytes[1024];
  for (int count; (count = BIO_read(stream.get(), bytes, sizeof bytes)) > 0;)
    response.append(bytes, static_cast<size_t>(count));
  return response;
}

TEST(Server, BeatsWhileNothingIsSaid) {
  TestServer server(MakeAnswers(),
                    [](ServerOptions& options) { options.http.heartbeat_seconds = 0.05; });
  const json chat = MakeChat("wait", {{"stream", true}});
  EXPECT_THAT(server.Ask("POST", "/v1/chat/completions", chat.dump()).body,
              HasSubstr(": alive\n\n: alive"));
  json messages = {{"max_tokens", 20}, {"stream", true}};
  messages["messages"] = {{{"role", "user"}, {"content", "wait"}}};
  EXPECT_THAT(server.Ask("POST", "/v1/messages", messages.dump()).body,
              HasSubstr(R"("delta":{"type":"text_delta","text":""})"));
  const json responses = {{"input", "wait"}, {"stream", true}, {"reasoning", {{"effort", "none"}}}};
  const std::string body = server.Ask("POST", "/v1/responses", responses.dump()).body;
  const size_t first = body.find("event: response.in_progress");
  EXPECT_NE(body.find("event: response.in_progress", first + 1), std::string::npos);
}

TEST(Server, EndsTheRequestOfAClientThatLeaves) {
  TestServer server(MakeAnswers());
  for (const bool stream : {true, false}) {
    TestClient client(server.port());
    client.SendRequest("POST", "/v1/chat/completions",
                       MakeChat("slowly", {{"stream", stream}}).dump());
    if (stream) client.ReadUntil("\"x\"");
    EXPECT_TRUE(server.WaitForMetric(kRunning, 1));
    client.Close();
    EXPECT_TRUE(server.WaitForMetric(kRunning, 0));
  }
  EXPECT_LT(server.ReadMetric("vllm:generation_tokens_total"), 200);
}

TEST(Server, RefusesWhatItHasNoRoomFor) {
  TestServer server(MakeAnswers(), [](ServerOptions& options) {
    options.engine.max_batch = 1;
    options.engine.max_queue = 1;
  });
  TestClient first(server.port());
  TestClient second(server.port());
  const std::string slow = MakeChat("slowly", {{"stream", true}}).dump();
  first.SendRequest("POST", "/v1/chat/completions", slow);
  first.ReadUntil("\"x\"");
  second.SendRequest("POST", "/v1/chat/completions", slow);
  second.ReadUntil("assistant");
  const TestResponse third = server.Ask("POST", "/v1/chat/completions", MakeChat("hello").dump());
  EXPECT_EQ(third.status, 429);
  EXPECT_GE(std::stoi(third.headers.at("retry-after")), 1);
  EXPECT_THAT(third.body, HasSubstr("rate_limit_exceeded"));
}

TEST(Server, SaysWhenAPromptIsTooLong) {
  TestServer server({}, [](ServerOptions& options) { options.engine.context = 100; });
  const TestResponse response =
      server.Ask("POST", "/v1/messages",
                 json{{"messages", MakeChat(std::string(2000, 'a'))["messages"]}}.dump());
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("prompt is too long: "));
}

TEST(Server, NamesTheFieldThatIsWrong) {
  TestServer server({});
  const TestResponse response =
      server.Ask("POST", "/v1/chat/completions", MakeChat("x", {{"n", 99}}).dump());
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(json::parse(response.body)["error"]["param"], "n");
}

TEST(Server, KnowsItsRoutes) {
  TestServer server({});
  EXPECT_EQ(server.Ask("GET", "/v1/models").status, 200);
  EXPECT_EQ(server.Ask("GET", "/v1/models/recall").status, 200);
  EXPECT_EQ(server.Ask("GET", "/v1/models/other").status, 404);
  EXPECT_EQ(server.Ask("GET", "/nothing").status, 404);
  EXPECT_EQ(server.Ask("GET", "/v1/chat/completions").status, 405);
  EXPECT_EQ(server.Ask("HEAD", "/").status, 200);
  EXPECT_EQ(json::parse(server.Ask("GET", "/version").body)["version"], "test");
  const json body = {{"messages", MakeChat("x")["messages"]}};
  EXPECT_GT(json::parse(server.Ask("POST", "/v1/messages/count_tokens?beta=true", body.dump())
                            .body)["input_tokens"],
            0);
}

TEST(Server, AsksForAKey) {
  TestServer server(MakeAnswers(), [](ServerOptions& options) {
    options.access.keys = {"a", "bc"};
  });
  const std::string body = MakeChat("hello").dump();
  const auto status = [&](std::string_view headers) {
    return server.Ask("POST", "/v1/chat/completions", body, headers).status;
  };
  EXPECT_EQ(status(""), 401);
  EXPECT_EQ(status("Authorization: Bearer b\r\n"), 401);
  EXPECT_EQ(status("Authorization: Bearer bc\r\n"), 200);
  EXPECT_EQ(status("x-api-key: a\r\n"), 200);
  EXPECT_EQ(server.Ask("GET", "/metrics").status, 401);
  EXPECT_EQ(server.Ask("GET", "/health").status, 200);
  for (const std::string& line : server.log()) EXPECT_THAT(line, Not(HasSubstr("Bearer")));
}

TEST(Server, RefusesPagesFromElsewhere) {
  TestServer server({}, [](ServerOptions& options) {
    options.access.allowed_origins = {"https://friend.example"};
  });
  const auto ask = [&](std::string_view headers) {
    return server.Ask("GET", "/v1/models", "", headers);
  };
  EXPECT_EQ(ask("Origin: https://evil.example\r\n").status, 403);
  EXPECT_EQ(ask("Origin: http://localhost\r\n").status, 200);
  const TestResponse friendly = ask("Origin: https://friend.example\r\n");
  EXPECT_EQ(friendly.headers.at("access-control-allow-origin"), "https://friend.example");
  EXPECT_EQ(server.Ask("OPTIONS", "/v1/models", "", "Origin: https://friend.example\r\n").status,
            204);
  TestClient rebound(server.port());
  rebound.Send("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(rebound.Read().status, 403);
}

TEST(Server, BoundsWhatItReads) {
  TestServer server({}, [](ServerOptions& options) {
    options.http.max_body_bytes = 1000;
    options.http.header_seconds = 0.2;
    options.http.body_seconds = 0.2;
    options.http.idle_seconds = 0.2;
  });
  EXPECT_EQ(server.Ask("POST", "/tokenize", std::string(2000, 'x')).status, 413);
  const std::string long_header = "X-Long: " + std::string(20000, 'x') + "\r\n";
  EXPECT_EQ(server.Ask("GET", "/health", "", long_header).status, 413);
  TestClient slow_head(server.port());
  slow_head.Send("GET /health HT");
  EXPECT_EQ(slow_head.Read().status, 408);
  TestClient slow_body(server.port());
  slow_body.Send("POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nx");
  EXPECT_EQ(slow_body.Read().status, 408);
  TestClient no_http(server.port());
  no_http.Send("hello\r\n\r\n");
  EXPECT_EQ(no_http.Read().status, 400);
  TestClient idle(server.port());
  EXPECT_TRUE(idle.WaitForClose(5));
}

TEST(Server, ServesOneRequestAfterTheOther) {
  TestServer server(MakeAnswers());
  TestClient client(server.port());
  client.SendRequest("GET", "/version");
  client.SendRequest("POST", "/v1/chat/completions", MakeChat("hello", {{"stream", true}}).dump());
  client.SendRequest("GET", "/health");
  EXPECT_THAT(client.Read().body, HasSubstr("version"));
  EXPECT_THAT(client.Read().body, HasSubstr("[DONE]"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(Server, AsksForTheRestOfALargeBody) {
  TestServer server({});
  TestClient client(server.port());
  client.Send(
      "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 14\r\n"
      "Expect: 100-continue\r\n\r\n");
  client.ReadUntil("HTTP/1.1 100 Continue\r\n\r\n");
  client.Send(R"({"prompt":"a"})");
  client.ReadUntil("\"count\"");
}

TEST(Server, EndsInOrder) {
  TestServer server(MakeAnswers());
  TestClient client(server.port());
  client.SendRequest("POST", "/v1/chat/completions", MakeChat("slowly", {{"stream", true}}).dump());
  client.ReadUntil("\"x\"");
  server.Stop();
  client.ReadUntil("server_is_overloaded");
  EXPECT_EQ(server.Join(), "");
}

TEST(Server, SpeaksTls) {
  const std::string folder = std::string(FATHOM_SOURCE_DIR) + "/src/server/testdata/";
  const std::string certificate = folder + "test_certificate.pem";
  // TestServer itself does not speak TLS.
  ServerOptions options;
  options.http.port = 0;
  options.http.tls_certificate = certificate;
  options.http.tls_key = folder + "test_key.pem";
  options.model_directory = std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall";
  auto server = Server::Listen(options);
  ASSERT_TRUE(server.ok()) << server.error().message;
  std::thread thread([&] { EXPECT_TRUE((*server)->Run().ok()); });
  for (int i = 0; i < 2; ++i) {
    const std::string response = AskOverTls((*server)->port(), certificate,
                                            "GET /version HTTP/1.1\r\nHost: localhost\r\n"
                                            "Connection: close\r\n\r\n");
    EXPECT_THAT(response, testing::StartsWith("HTTP/1.1 200 OK"));
    EXPECT_THAT(response, HasSubstr("version"));
  }
  (*server)->Stop();
  thread.join();

  options.http.tls_key = certificate;
  EXPECT_THAT(Server::Listen(options).error().message, HasSubstr("test_certificate.pem"));
  options.http.tls_key.clear();
  EXPECT_THAT(Server::Listen(options).error().message, HasSubstr("tls-key"));
}

TEST(Server, SaysWhyThereIsNoModel) {
  TestServer server({}, [](ServerOptions& options) { options.engine.context = 1 << 30; });
  EXPECT_THAT(server.Join(), HasSubstr("context"));
}

TEST(Server, NeedsAKeyWhereOthersCanReachIt) {
  ServerOptions options;
  options.http.host = "0.0.0.0";
  options.http.port = 0;
  EXPECT_THAT(Server::Listen(options).error().message, HasSubstr("needs an API key"));
  options.access.allow_everybody = true;
  EXPECT_TRUE(Server::Listen(options).ok());
  options.http.host = "nowhere";
  EXPECT_THAT(Server::Listen(options).error().message, HasSubstr("nowhere"));
}

TEST(Server, WritesALineForEachRequest) {
  TestServer server(MakeAnswers());
  AskChat(server, MakeChat("hello"));
  const auto is_chat = [](const std::string& line) {
    const json entry = json::parse(line);
    return entry["event"] == "request" && entry["path"] == "/v1/chat/completions" &&
           entry["status"] == 200 && entry["outcome"] == "stop" && entry["prompt_tokens"] > 0 &&
           line.find("Good day") == std::string::npos;
  };
  // The client may have its answer before the line is written.
  const auto count = [&] {
    const auto lines = server.log();
    return std::count_if(lines.begin(), lines.end(), is_chat);
  };
  for (int i = 0; i < 1000 && count() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(count(), 1);
}

}  // namespace
}  // namespace fathom::server
