// Clients against servers that do not what they should.
#include "load/http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "server/server_testing.h"

namespace fathom::load {
namespace {

using testing::HasSubstr;

Target MakeTarget(uint16_t port, const char* scheme = "http", const char* host = "127.0.0.1") {
  auto target = ParseTarget(fmt::format("{}://{}:{}", scheme, host, port));
  EXPECT_TRUE(target.ok());
  return *target;
}

/// Answers each request with the same bytes and closes the connection.
class FakeServer {
 public:
  explicit FakeServer(std::string response, bool stays_open = false)
      : response_(std::move(response)),
        stays_open_(stays_open),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, generic, size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~FakeServer() {
    ends_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  uint16_t port() const { return port_; }

 private:
  void Run() {
    while (!ends_) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) continue;
      ReadRequest(connection);
      static_cast<void>(::send(connection, response_.data(), response_.size(), MSG_NOSIGNAL));
      if (stays_open_) {
        char byte;
        while (::recv(connection, &byte, 1, 0) > 0) continue;
      }
      ::close(connection);
    }
  }

  // Closing with unread bytes would take the response away.
  static void ReadRequest(int connection) {
    std::string request;
    char bytes[4096];
    while (!request.ends_with("{}")) {
      const ssize_t count = ::recv(connection, bytes, sizeof bytes, 0);
      if (count <= 0) return;
      request.append(bytes, static_cast<size_t>(count));
    }
  }

  std::string response_;
  bool stays_open_;
  int listener_;
  uint16_t port_ = 0;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

class OneRequest final : public Client {
 public:
  std::optional<std::string> NextRequest() override {
    return asked_++ == 0 ? std::optional<std::string>("{}") : std::nullopt;
  }
  double Hear(const Exchange& exchange) override {
    exchange_ = exchange;
    return 0;
  }
  const Exchange& exchange() const { return exchange_; }

 private:
  int asked_ = 0;
  Exchange exchange_;
};

Exchange AskOnce(const Target& target, const HttpClientOptions& options = {}) {
  OneRequest client;
  Client* const clients[] = {&client};
  const base::Status status = RunClients(target, options, clients);
  EXPECT_TRUE(status.ok());
  return client.exchange();
}

const std::string kStreamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const std::string kGoodEvents =
    "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"
    "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";

TEST(HttpClient, ReadsAStreamHoweverItIsFramed) {
  const std::string chunks =
      "Transfer-Encoding: chunked\r\n\r\n" +
      fmt::format("{:x}\r\n{}\r\n", 9, kGoodEvents.substr(0, 9)) +
      fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", kGoodEvents.size() - 9, kGoodEvents.substr(9));
  for (const std::string& response :
       {kStreamHead + chunks, kStreamHead + "\r\n" + kGoodEvents,
        kStreamHead + fmt::format("Content-Length: {}\r\n\r\n", kGoodEvents.size()) +
            kGoodEvents}) {
    FakeServer server(response);
    const Exchange exchange = AskOnce(MakeTarget(server.port()));
    EXPECT_EQ(exchange.failure, Failure::kNone) << exchange.problem;
    EXPECT_EQ(exchange.answer.content, "x");
    EXPECT_LT(exchange.begun, exchange.first);
  }
}

struct BadResponse {
  std::string bytes;
  const char* name;
};

TEST(HttpClient, CountsWhateverAServerDoesWrong) {
  const BadResponse responses[] = {
      {"", "closed"},
      {"HTTP/1.1 200 OK\r\nContent-Le", "closed"},
      {kStreamHead + "Content-Length: 1000\r\n\r\n" + kGoodEvents.substr(0, 30), "closed"},
      {kStreamHead + "Transfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n", "closed"},
      {kStreamHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"},
      {"\x16\x03\x01\x02 this is not HTTP\r\n\r\n", "malformed"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x') + "\r\n\r\n", "malformed"},
      {kStreamHead + "\r\ndata: {\"choices\"\n\n", "malformed"},
      {kStreamHead + "\r\n", "malformed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"choices\": []}", "malformed"},
      {"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", "HTTP 500"},
      {"HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\n{", "HTTP 503"},
      {"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "HTTP 302"}};
  for (const BadResponse& response : responses) {
    FakeServer server(response.bytes);
    const Exchange exchange = AskOnce(MakeTarget(server.port()));
    EXPECT_EQ(NameFailure(exchange), response.name) << response.bytes.substr(0, 100);
    EXPECT_FALSE(exchange.problem.empty());
    EXPECT_GT(exchange.ended, exchange.begun);
  }
}

TEST(HttpClient, ReadsWhenToComeBack) {
  FakeServer server(
      "HTTP/1.1 429 Busy\r\nRetry-After: 3\r\nContent-Length: 33\r\n\r\n"
      R"({"error":{"message":"too many"}} )");
  const Exchange exchange = AskOnce(MakeTarget(server.port()));
  EXPECT_EQ(exchange.retry_seconds, 3);
  EXPECT_EQ(exchange.problem, "too many");
}

TEST(HttpClient, GivesUpOnSilence) {
  FakeServer server(kStreamHead + "\r\n" + kGoodEvents.substr(0, 60), true);
  const Exchange exchange = AskOnce(MakeTarget(server.port()), {.silence_seconds = 0.05});
  EXPECT_EQ(NameFailure(exchange), "timeout");
}

TEST(HttpClient, DropsWhatIsUnderWayWhereItIsToldToStop) {
  FakeServer server(kStreamHead + "\r\n" + kGoodEvents.substr(0, 60), true);
  int asked = 0;
  const Exchange exchange =
      AskOnce(MakeTarget(server.port()), {.stops = [&] { return ++asked > 1; }});
  EXPECT_EQ(exchange.begun, 0) << "the client heard of it";
}

TEST(HttpClient, DoesNotWaitForTheEndOfTheBody) {
  FakeServer server(kStreamHead + "\r\n" + kGoodEvents, true);
  const Exchange exchange = AskOnce(MakeTarget(server.port()));
  EXPECT_EQ(exchange.failure, Failure::kNone) << exchange.problem;
  EXPECT_LT(exchange.ended - exchange.begun, 0.9);
}

TEST(HttpClient, SpeaksTlsWithAServerThatItCanVerify) {
  const std::string folder = FATHOM_SOURCE_DIR "/src/server/testdata/";
  server::TestServer server({}, [&](server::ServerOptions& options) {
    options.http.tls_certificate = folder + "test_certificate.pem";
    options.http.tls_key = folder + "test_key.pem";
  });
  const Target target = MakeTarget(server.port(), "https", "localhost");
  const Exchange unknown = AskOnce(target);
  EXPECT_EQ(unknown.failure, Failure::kConnection);
  EXPECT_THAT(unknown.problem, HasSubstr("certificate verify failed"));
  ::setenv("SSL_CERT_FILE", (folder + "test_certificate.pem").c_str(), 1);
  const Exchange known = AskOnce(target);
  // The same address by a name that is not in the certificate.
  const Exchange other = AskOnce(MakeTarget(server.port(), "https", "127.1"));
  ::unsetenv("SSL_CERT_FILE");
  EXPECT_EQ(NameFailure(known), "HTTP 400") << known.problem;
  EXPECT_THAT(other.problem, HasSubstr("certificate verify failed"));
}

}  // namespace
}  // namespace fathom::load
