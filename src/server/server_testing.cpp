#include "server/server_testing.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace fathom::server {
namespace {

constexpr int kReadMilliseconds = 20000;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string MakeLongArguments() {
  return nlohmann::json{{"text", std::string(300, 'x') + "\n\"<"}}.dump();
}

}  // namespace

TestClient::TestClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) Close();
}

TestClient::~TestClient() { Close(); }

void TestClient::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void TestClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // The server has closed; what it said is still to be read.
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

bool TestClient::Fill() {
  if (fd_ < 0) return false;
  pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&poll, 1, kReadMilliseconds) <= 0) {
    ADD_FAILURE() << "nothing arrived";
    return false;
  }
  char bytes[4096];
  const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(count));
  return true;
}

bool TestClient::WaitForClose(double seconds) {
  pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
  if (::poll(&poll, 1, static_cast<int>(seconds * 1000)) <= 0) return false;
  char byte;
  return ::recv(fd_, &byte, 1, MSG_PEEK) <= 0;
}

std::string TestClient::ReadUntil(std::string_view text) {
  while (buffer_.find(text) == std::string::npos && Fill()) {
  }
  EXPECT_NE(buffer_.find(text), std::string::npos) << "no " << text << " in " << buffer_;
  return buffer_;
}

TestResponse TestClient::Read(bool has_body) {
  TestResponse response;
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!Fill()) return response;
  const std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  response.status = std::atoi(head.c_str() + head.find(' '));
  for (size_t at = head.find("\r\n") + 2; at < head.size();) {
    const size_t line_end = head.find("\r\n", at);
    const size_t colon = head.find(": ", at);
    response.headers[LowerCase(head.substr(at, colon - at))] =
        head.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  if (!has_body) return response;
  if (response.headers["transfer-encoding"] != "chunked") {
    const size_t length = std::strtoul(response.headers["content-length"].c_str(), nullptr, 10);
    while (buffer_.size() < length && Fill()) {
    }
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return response;
  }
  while (true) {
    size_t line;
    while ((line = buffer_.find("\r\n")) == std::string::npos)
      if (!Fill()) return response;
    const size_t size = std::strtoul(buffer_.c_str(), nullptr, 16);
    while (buffer_.size() < line + 2 + size + 2)
      if (!Fill()) return response;
    response.body += buffer_.substr(line + 2, size);
    buffer_.erase(0, line + 2 + size + 2);
    if (size == 0) return response;
  }
}

void TestClient::SendRequest(std::string_view method, std::string_view path, std::string_view body,
                             std::string_view headers) {
  Send(fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{}\r\n{}", method,
                   path, body.size(), headers, body));
}

TestResponse TestClient::Ask(std::string_view method, std::string_view path, std::string_view body,
                             std::string_view headers) {
  SendRequest(method, path, body, headers);
  return Read(method != "HEAD");
}

TestServer::TestServer(std::vector<ScriptedAnswer> answers,
                       const std::function<void(ServerOptions&)>& change) {
  ServerOptions options;
  options.model_directory = std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall";
  options.version = "test";
  options.http.port = 0;
  options.engine.threads = 1;
  options.engine.context = 20000;
  options.engine.kv_memory = uint64_t{256} << 20;
  options.drain_seconds = 0.2;
  options.log = [this](std::string_view line) {
    const std::scoped_lock lock(mutex_);
    log_.emplace_back(line);
  };
  const auto script = std::make_shared<Script>(std::move(answers), options.model_directory);
  options.script = [script](const std::vector<int32_t>& prompt) { return script->Find(prompt); };
  if (change) change(options);
  auto server = Server::Listen(std::move(options));
  if (!server.ok()) throw std::runtime_error(server.error().message);
  server_ = std::move(*server);
  thread_ = std::thread([this] {
    const base::Status status = server_->Run();
    if (!status.ok()) error_ = status.error().message;
  });
  while (Ask("GET", "/health").status == 503) std::this_thread::yield();
}

TestServer::~TestServer() {
  if (thread_.joinable()) server_->Stop();
  Join();
}

std::string TestServer::Join() {
  if (thread_.joinable()) thread_.join();
  return error_;
}

TestResponse TestServer::Ask(std::string_view method, std::string_view path, std::string_view body,
                             std::string_view headers) {
  return TestClient(port()).Ask(method, path, body, headers);
}

double TestServer::ReadMetric(std::string_view name) {
  const std::string text = Ask("GET", "/metrics").body;
  const size_t line = text.find(fmt::format("\n{}", name));
  if (line == std::string::npos) return -1;
  const size_t end = text.find('\n', line + 1);
  const size_t space = text.rfind(' ', end);
  return std::strtod(text.c_str() + space, nullptr);
}

bool TestServer::WaitForMetric(std::string_view name, double value) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end) {
    if (ReadMetric(name) == value) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

std::vector<std::string> TestServer::log() {
  const std::scoped_lock lock(mutex_);
  return log_;
}

std::vector<ScriptedAnswer> MakeAnswers() {
  return {
      {.when = "hello", .content = "Good day. END and more"},
      {.when = "think", .reasoning = "one two three four five six", .content = "seven"},
      {.when = "weather",
       .reasoning = "a tool",
       .content = "Let me see.",
       .calls = {{.name = "get_weather", .arguments = R"({"city": "Paris", "days": 2})"}}},
      {.when = "sunny", .reasoning = "done", .content = "It is sunny."},
      {.when = "wait", .content = "at last", .first_delay = 0.5},
      {.when = "slowly", .content = std::string(400, 'x'), .delay = 0.02},
      {.when = "object", .reasoning = R"({"a": 1}?)", .content = R"({"a": 2})"},
      {.when = "write", .calls = {{.name = "write", .arguments = MakeLongArguments()}}},
  };
}

nlohmann::json MakeChat(const std::string& text, nlohmann::json more) {
  more["messages"] = {{{"role", "user"}, {"content", text}}};
  if (!more.contains("reasoning_effort")) more["reasoning_effort"] = "none";
  return more;
}

nlohmann::json AskFor(TestServer& server, std::string_view path, const nlohmann::json& body) {
  const TestResponse response = server.Ask("POST", path, body.dump());
  EXPECT_EQ(response.status, 200) << response.body;
  return nlohmann::json::parse(response.body);
}

nlohmann::json AskChat(TestServer& server, const nlohmann::json& body) {
  return AskFor(server, "/v1/chat/completions", body);
}

}  // namespace fathom::server
