// A server on the bundled model with scripted answers, and a client that sends it bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/script_testing.h"
#include "server/server.h"

namespace fathom::server {

struct TestResponse {
  int status = 0;                              ///< 0: the connection was closed instead
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;                            ///< without chunks' sizes
};

/// A connection to the server; closed from the beginning if there is no server. Reading fails the
/// test after 20 seconds.
class TestClient {
 public:
  explicit TestClient(uint16_t port);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void Send(std::string_view bytes);
  TestResponse Read(bool has_body = true);
  /// Reads until what has arrived of the stream holds `text`; returns it.
  std::string ReadUntil(std::string_view text);
  /// Whether the server has closed the connection, once it did or after `seconds`.
  bool WaitForClose(double seconds);
  void Close();

  /// A request and its response.
  TestResponse Ask(std::string_view method, std::string_view path, std::string_view body = {},
                   std::string_view headers = {});
  void SendRequest(std::string_view method, std::string_view path, std::string_view body = {},
                   std::string_view headers = {});

 private:
  bool Fill();

  int fd_ = -1;
  std::string buffer_;
};

/// Runs a server on a thread until it is destroyed.
class TestServer {
 public:
  explicit TestServer(std::vector<ScriptedAnswer> answers,
                      const std::function<void(ServerOptions&)>& change = {});
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  uint16_t port() const { return server_->port(); }
  void Stop() { server_->Stop(); }
  /// Waits until it has ended; its error, or an empty text.
  std::string Join();

  /// One request on a connection of its own.
  TestResponse Ask(std::string_view method, std::string_view path, std::string_view body = {},
                   std::string_view headers = {});
  /// The value of a line of /metrics that begins with `name`; -1 if there is none.
  double ReadMetric(std::string_view name);
  /// Whether the metric comes to have the value within 10 seconds.
  bool WaitForMetric(std::string_view name, double value);
  /// The lines of the log so far.
  std::vector<std::string> log();

 private:
  std::mutex mutex_;
  std::vector<std::string> log_;
  std::unique_ptr<Server> server_;
  std::string error_;
  std::thread thread_;
};

/// What the servers of most tests say.
std::vector<ScriptedAnswer> MakeAnswers();

/// The body of a chat of one question, with `more` fields. Without reasoning, unless they ask for
/// it.
nlohmann::json MakeChat(const std::string& text, nlohmann::json more = nlohmann::json::object());

/// The response to a POST. Fails the test if it is not 200.
nlohmann::json AskFor(TestServer& server, std::string_view path, const nlohmann::json& body);
nlohmann::json AskChat(TestServer& server, const nlohmann::json& body);

}  // namespace fathom::server
