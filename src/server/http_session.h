// One connection: requests in, responses out. For http_server.cpp alone, whose compilation takes
// long enough.
#pragma once

#include <fmt/format.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "api/error.h"
#include "server/http.h"
#include "server/options.h"

namespace fathom::server {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using namespace asio::experimental::awaitable_operators;

template <typename T>
using Task = asio::awaitable<T>;

/// Errors are values: awaited in pairs, an operation that throws would leave the other one waiting.
inline constexpr auto kWait = asio::as_tuple(asio::use_awaitable);

/// For a client to read the last that is said to it.
inline constexpr double kLingerSeconds = 2;
/// Most bytes of further requests that are taken in while one is answered.
inline constexpr size_t kMostPipelined = 16 << 10;

inline constexpr double kDay = 86400;

inline std::chrono::steady_clock::duration ToDuration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

/// The result of `task`, or nothing if it takes longer.
template <typename T>
Task<std::optional<T>> Within(double seconds, Task<T> task) {
  asio::steady_timer timer(co_await asio::this_coro::executor, ToDuration(seconds));
  auto first = co_await (std::move(task) || timer.async_wait(kWait));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::get<0>(std::move(first));
}

/// Collects what an exchange says until the connection has written it.
class Outbox final : public Reply {
 public:
  explicit Outbox(const asio::any_io_executor& executor) : news_(executor) {}

  void Respond(HttpResponse response) override {
    response_ = std::move(response);
    ended_ = true;
    Wake();
  }
  void BeginStream() override {
    streams_ = true;
    Wake();
  }
  void Write(std::string bytes) override {
    bytes_ += bytes;
    Wake();
  }
  void End() override {
    ended_ = true;
    Wake();
  }

  const std::optional<HttpResponse>& response() const { return response_; }
  bool streams() const { return streams_; }
  bool ended() const { return ended_; }
  std::string TakeBytes() { return std::exchange(bytes_, {}); }

  /// Returns when there is something new, or after some seconds.
  Task<void> WaitForNews(double seconds = kDay) {
    if (!bytes_.empty() || ended_) co_return;
    news_.expires_after(ToDuration(seconds));
    co_await news_.async_wait(kWait);
  }

 private:
  void Wake() { news_.cancel(); }

  std::optional<HttpResponse> response_;
  bool streams_ = false;
  bool ended_ = false;
  std::string bytes_;
  asio::steady_timer news_;
};

inline std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

inline std::string_view ToView(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

inline RequestHead MakeHead(const http::request<http::string_body>& request, std::string id) {
  RequestHead head;
  head.id = std::move(id);
  head.method = ToView(request.method_string());
  const std::string_view target = ToView(request.target());
  head.path = target.substr(0, target.find('?'));
  for (const auto& field : request)
    head.headers[ToLower(ToView(field.name_string()))] = ToView(field.value());
  return head;
}

/// Of these error codes those that a client can be told of.
inline std::optional<api::ErrorKind> FindErrorKind(const error_code& code) {
  using http::error;
  if (code == error::body_limit || code == error::header_limit) return api::ErrorKind::kTooLarge;
  const bool is_http = code.category() == http::make_error_code(error::bad_method).category();
  const bool has_left = code == error::end_of_stream || code == error::partial_message;
  return is_http && !has_left ? std::optional(api::ErrorKind::kInvalidRequest) : std::nullopt;
}

/// What all connections share. Belongs to the I/O thread.
struct Shared {
  HttpOptions options;
  Handler* handler = nullptr;
  asio::thread_pool workers{1};
  bool finishing = false;
  const uint32_t id_prefix = std::random_device()();
  uint32_t ids = 0;

  std::string MakeId() { return fmt::format("{:08x}{:08x}", id_prefix, ids++); }
};

/// A connection as others see it.
struct Connection {
  tcp::socket* socket = nullptr;
  bool is_idle = true;  ///< no request has begun to arrive
};

/// Serves the requests of one connection, one after the other.
template <typename Stream>
class Session {
 public:
  Session(Stream& stream, Connection& connection, Shared& shared)
      : stream_(stream), connection_(connection), shared_(shared), options_(shared.options) {}

  Task<void> Run() {
    // g++ 12 compiles co_await behind && into a trap.
    bool goes_on = true;
    while (goes_on && !shared_.finishing) goes_on = co_await ServeRequest();
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  Task<bool> ServeRequest();
  Task<bool> WaitForRequest();
  Task<std::optional<HttpResponse>> ReadHead(Parser& parser);
  Task<std::optional<HttpResponse>> ReadBody(Parser& parser);
  std::optional<HttpResponse> Judge(const error_code& error);
  Task<bool> Refuse(HttpResponse refusal, bool is_read);
  Task<bool> Answer(std::string body);
  Task<std::unique_ptr<Exchange>> Prepare(std::string body);
  Task<bool> Pump(Exchange& exchange, Outbox& outbox);
  Task<bool> PumpStream(Exchange& exchange, Outbox& outbox);
  Task<void> WaitForLeaving();
  Task<void> Linger();

  Task<bool> WriteResponse(HttpResponse response);
  Task<bool> WriteStreamHead();
  Task<bool> WriteChunk(const std::string& bytes);
  template <typename Buffers>
  Task<bool> WriteBuffers(Buffers buffers);
  template <typename Message>
  void AddCommonHeaders(Message& message) const;
  void Note(bool client_left, const Exchange* exchange);

  Stream& stream_;
  Connection& connection_;
  Shared& shared_;
  const HttpOptions& options_;
  boost::beast::flat_buffer buffer_;  // read, but not yet parsed

  // Of the current request.
  RequestHead head_;
  unsigned version_ = 11;
  bool keep_alive_ = false;
  bool is_gone_ = false;  // the client has left, or never spoke HTTP
  int status_ = 0;
  size_t bytes_in_ = 0;
  size_t bytes_out_ = 0;
  std::chrono::steady_clock::time_point begun_;
};

/// Returns whether the connection can serve another request.
template <typename Stream>
Task<bool> Session<Stream>::ServeRequest() {
  connection_.is_idle = true;
  if (!co_await WaitForRequest()) co_return false;
  connection_.is_idle = false;
  Parser parser;
  parser.header_limit(options_.max_header_bytes);
  parser.body_limit(options_.max_body_bytes);
  std::optional<HttpResponse> refusal = co_await ReadHead(parser);
  if (!refusal && !is_gone_) refusal = co_await ReadBody(parser);
  if (is_gone_) co_return false;
  if (refusal) co_return co_await Refuse(std::move(*refusal), parser.is_done());
  co_return co_await Answer(std::move(parser.get().body()));
}

template <typename Stream>
Task<bool> Session<Stream>::WaitForRequest() {
  if (buffer_.size() == 0) {
    const auto read = co_await Within(options_.idle_seconds,
                                      stream_.async_read_some(buffer_.prepare(4096), kWait));
    if (!read || std::get<0>(*read)) co_return false;
    buffer_.commit(std::get<1>(*read));
  }
  begun_ = std::chrono::steady_clock::now();
  bytes_in_ = bytes_out_ = 0;
  status_ = 0;
  co_return true;
}

template <typename Stream>
Task<std::optional<HttpResponse>> Session<Stream>::ReadHead(Parser& parser) {
  const auto read = co_await Within(options_.header_seconds,
                                    http::async_read_header(stream_, buffer_, parser, kWait));
  head_ = MakeHead(parser.get(), shared_.MakeId());
  version_ = parser.get().version();
  keep_alive_ = parser.get().keep_alive();
  if (!read) co_return shared_.handler->RefuseUnread(head_, api::ErrorKind::kTimeout);
  if (const error_code error = std::get<0>(*read)) co_return Judge(error);
  co_return shared_.handler->Refuse(head_);
}

template <typename Stream>
Task<std::optional<HttpResponse>> Session<Stream>::ReadBody(Parser& parser) {
  static const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (!parser.is_done() && boost::beast::iequals(parser.get()[http::field::expect], "100-continue"))
    co_await WriteBuffers(asio::buffer(kContinue));
  const auto read =
      co_await Within(options_.body_seconds, http::async_read(stream_, buffer_, parser, kWait));
  if (!read) co_return shared_.handler->RefuseUnread(head_, api::ErrorKind::kTimeout);
  bytes_in_ = parser.get().body().size();
  if (const error_code error = std::get<0>(*read)) co_return Judge(error);
  co_return std::nullopt;
}

/// The answer to what could not be read; none if there is nobody to read it.
template <typename Stream>
std::optional<HttpResponse> Session<Stream>::Judge(const error_code& error) {
  const std::optional<api::ErrorKind> kind = FindErrorKind(error);
  is_gone_ = !kind;
  return kind ? std::optional(shared_.handler->RefuseUnread(head_, *kind)) : std::nullopt;
}

template <typename Stream>
Task<bool> Session<Stream>::Refuse(HttpResponse refusal, bool is_read) {
  keep_alive_ = keep_alive_ && is_read;
  const bool written = co_await WriteResponse(std::move(refusal));
  Note(!written, nullptr);
  if (written && !is_read) co_await Linger();
  co_return written&& keep_alive_;
}

/// A connection that is closed on bytes that were not read may take the response with it.
template <typename Stream>
Task<void> Session<Stream>::Linger() {
  error_code ignored;
  connection_.socket->shutdown(tcp::socket::shutdown_send, ignored);
  const auto drain = [this]() -> Task<bool> {
    std::array<char, 16384> waste;
    while (true) {
      const auto [error, count] =
          co_await connection_.socket->async_read_some(asio::buffer(waste), kWait);
      if (error) co_return true;
    }
  };
  co_await Within(kLingerSeconds, drain());
}

template <typename Stream>
Task<bool> Session<Stream>::Answer(std::string body) {
  Outbox outbox(co_await asio::this_coro::executor);
  std::unique_ptr<Exchange> exchange = co_await Prepare(std::move(body));
  exchange->Begin(outbox);
  const auto first = co_await (Pump(*exchange, outbox) || WaitForLeaving());
  const bool written = first.index() == 0 && std::get<0>(first);
  Note(!written, exchange.get());
  co_return written&& keep_alive_;
}

template <typename Stream>
Task<std::unique_ptr<Exchange>> Session<Stream>::Prepare(std::string body) {
  // The worker's frame ends before this one.
  const auto work = [](Handler& handler, HttpRequest request) -> Task<std::unique_ptr<Exchange>> {
    co_return handler.Prepare(std::move(request));
  };
  HttpRequest request{head_, std::move(body)};
  co_return co_await asio::co_spawn(shared_.workers, work(*shared_.handler, std::move(request)),
                                    asio::use_awaitable);
}

/// Writes what the exchange says until it ends. Returns whether all of it was written.
template <typename Stream>
Task<bool> Session<Stream>::Pump(Exchange& exchange, Outbox& outbox) {
  while (!outbox.ended() && !outbox.streams()) co_await outbox.WaitForNews();
  if (outbox.streams()) co_return co_await PumpStream(exchange, outbox);
  co_return co_await WriteResponse(*outbox.response());
}

template <typename Stream>
Task<bool> Session<Stream>::PumpStream(Exchange& exchange, Outbox& outbox) {
  if (!co_await WriteStreamHead()) co_return false;
  while (true) {
    co_await outbox.WaitForNews(options_.heartbeat_seconds);
    const bool ended = outbox.ended();
    std::string bytes = outbox.TakeBytes();
    if (bytes.empty() && !ended) bytes = exchange.Heartbeat();
    bool written = true;
    if (!bytes.empty()) written = co_await WriteChunk(bytes);
    if (!written) co_return false;
    if (ended) break;
  }
  if (version_ < 11) co_return true;
  co_return co_await WriteBuffers(http::make_chunk_last());
}

/// Returns once the client has closed the connection, and not before. What it sends until then is
/// the next request.
template <typename Stream>
Task<void> Session<Stream>::WaitForLeaving() {
  while (buffer_.size() < kMostPipelined) {
    const auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kWait);
    if (error) co_return;
    buffer_.commit(count);
  }
  asio::steady_timer forever(co_await asio::this_coro::executor,
                             std::chrono::steady_clock::time_point::max());
  co_await forever.async_wait(kWait);
}

template <typename Stream>
template <typename Message>
void Session<Stream>::AddCommonHeaders(Message& message) const {
  message.set(http::field::server, "fathom");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : shared_.handler->CommonHeaders(head_)) message.set(name, value);
  message.keep_alive(keep_alive_);
}

template <typename Stream>
Task<bool> Session<Stream>::WriteResponse(HttpResponse response) {
  http::response<http::string_body> message;
  message.version(version_);
  message.result(static_cast<unsigned>(response.status));
  message.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) message.set(name, value);
  AddCommonHeaders(message);
  status_ = response.status;
  if (head_.method == "HEAD") {
    message.content_length(response.body.size());
  } else {
    message.body() = std::move(response.body);
    message.prepare_payload();
  }
  const auto written =
      co_await Within(options_.write_seconds, http::async_write(stream_, message, kWait));
  if (!written || std::get<0>(*written)) co_return false;
  bytes_out_ += std::get<1>(*written);
  co_return true;
}

template <typename Stream>
Task<bool> Session<Stream>::WriteStreamHead() {
  http::response<http::empty_body> message;
  message.version(version_);
  message.result(http::status::ok);
  message.set(http::field::content_type, "text/event-stream; charset=utf-8");
  message.set(http::field::cache_control, "no-cache");
  message.set("X-Accel-Buffering", "no");
  if (version_ < 11) {
    keep_alive_ = false;
  } else {
    message.chunked(true);
  }
  AddCommonHeaders(message);
  status_ = 200;
  http::response_serializer<http::empty_body> serializer(message);
  const auto written =
      co_await Within(options_.write_seconds, http::async_write_header(stream_, serializer, kWait));
  co_return written && !std::get<0>(*written);
}

template <typename Stream>
Task<bool> Session<Stream>::WriteChunk(const std::string& bytes) {
  if (version_ < 11) co_return co_await WriteBuffers(asio::buffer(bytes));
  co_return co_await WriteBuffers(http::make_chunk(asio::buffer(bytes)));
}

template <typename Stream>
template <typename Buffers>
Task<bool> Session<Stream>::WriteBuffers(Buffers buffers) {
  const auto written =
      co_await Within(options_.write_seconds, asio::async_write(stream_, buffers, kWait));
  if (!written || std::get<0>(*written)) co_return false;
  bytes_out_ += std::get<1>(*written);
  co_return true;
}

template <typename Stream>
void Session<Stream>::Note(bool client_left, const Exchange* exchange) {
  RequestRecord record{.head = &head_,
                       .status = status_,
                       .bytes_in = bytes_in_,
                       .bytes_out = bytes_out_,
                       .client_left = client_left};
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  if (exchange != nullptr) record.details = exchange->Describe();
  shared_.handler->Note(record);
}

}  // namespace fathom::server
