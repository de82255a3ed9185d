// What the transport and the routes say to each other about requests and responses.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/error.h"

namespace fathom::server {

/// What is known of a request before its body.
struct RequestHead {
  std::string method;
  std::string path;                            ///< without the query
  std::map<std::string, std::string> headers;  ///< by their names in lower case
  std::string id;                              ///< of letters and digits, new for each request

  /// The header's value; empty if it is missing. `name` is in lower case.
  std::string_view Header(std::string_view name) const;
};

struct HttpRequest {
  RequestHead head;
  std::string body;
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  HeaderList headers{};
  std::string body{};
};

/// Takes what an exchange tells its client: either one Respond, or BeginStream, any number of
/// Write, and End. Belongs to the I/O thread.
class Reply {
 public:
  virtual ~Reply() = default;
  Reply() = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  virtual void Respond(HttpResponse response) = 0;
  /// Server-sent events follow; the headers are sent at once.
  virtual void BeginStream() = 0;
  virtual void Write(std::string bytes) = 0;
  virtual void End() = 0;
};

/// One request that is being answered. Its end, whenever that comes, gives up what is still under
/// way for it. Belongs to the I/O thread once it has begun.
class Exchange {
 public:
  virtual ~Exchange() = default;
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  /// Begins to answer. `reply` outlives the exchange.
  virtual void Begin(Reply& reply) = 0;
  /// A sign of life for a stream in which nothing was written for a while.
  virtual std::string Heartbeat() { return {}; }
  /// What the log says of it at its end, as a JSON object's members: "\"model\":\"x\",...".
  virtual std::string Describe() const { return {}; }
};

/// An exchange whose whole answer is made when it begins.
std::unique_ptr<Exchange> MakeExchange(std::function<HttpResponse()> respond);
/// One whose answer is known.
std::unique_ptr<Exchange> MakeExchange(HttpResponse response);

/// A request that is over.
struct RequestRecord {
  const RequestHead* head = nullptr;
  int status = 0;
  double seconds = 0;
  size_t bytes_in = 0;
  size_t bytes_out = 0;
  bool client_left = false;  ///< before the response was complete
  std::string details{};     ///< Exchange::Describe
};

/// Answers requests.
class Handler {
 public:
  virtual ~Handler() = default;
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  /// The refusal of a request whose body need not be read. On the I/O thread.
  virtual std::optional<HttpResponse> Refuse(const RequestHead& head) = 0;
  /// The refusal of a request that could not be read to its end; `head` may be empty.
  virtual HttpResponse RefuseUnread(const RequestHead& head, api::ErrorKind kind) = 0;
  /// Reads a request: all that takes long and does not ask the engine. On any thread.
  virtual std::unique_ptr<Exchange> Prepare(HttpRequest request) = 0;
  /// Headers of every response to `head`. On the I/O thread.
  virtual HeaderList CommonHeaders(const RequestHead& head) = 0;
  /// Takes note of a request that is over. On the I/O thread.
  virtual void Note(const RequestRecord& record) = 0;
};

}  // namespace fathom::server
