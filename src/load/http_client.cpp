#include "load/http_client.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>

namespace fathom::load {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

template <typename T>
using Task = asio::awaitable<T>;

/// Errors are values: what a server does wrong is to be counted.
constexpr auto kWait = asio::as_tuple(asio::use_awaitable);

constexpr uint64_t kMostBodyBytes = uint64_t{256} << 20;
/// For the last bytes of a response whose answer is complete.
constexpr double kLingerSeconds = 1;
/// Between two questions whether to stop.
constexpr double kStopSeconds = 0.1;

std::chrono::steady_clock::duration ToDuration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

/// Retry-After in seconds; its other form, a date, is not read.
std::optional<double> ParseRetryAfter(beast::string_view text) {
  uint32_t seconds = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, seconds);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return seconds;
}

void FailFrom(const error_code& error, Exchange& exchange) {
  const bool is_http =
      error.category() == http::make_error_code(http::error::bad_method).category();
  const bool is_closed =
      error == http::error::end_of_stream || error == http::error::partial_message;
  exchange.Fail(error == beast::error::timeout ? Failure::kTimeout
                : is_http && !is_closed        ? Failure::kMalformed
                                               : Failure::kClosed,
                error.message());
}

/// What all clients share.
struct Shared {
  const Target& target;
  const HttpClientOptions& options;
  tcp::resolver::results_type addresses;
  std::optional<ssl::context> tls;
};

http::request<http::string_body> MakeRequest(const Shared& shared, std::string body) {
  const Target& target = shared.target;
  http::request<http::string_body> request(http::verb::post, target.path, 11);
  const bool is_ipv6 = target.host.find(':') != std::string::npos;
  request.set(http::field::host,
              fmt::format("{}:{}", is_ipv6 ? "[" + target.host + "]" : target.host, target.port));
  request.set(http::field::content_type, "application/json");
  request.set(http::field::accept, "text/event-stream");
  if (!shared.options.api_key.empty())
    request.set(http::field::authorization, "Bearer " + shared.options.api_key);
  request.keep_alive(false);
  request.body() = std::move(body);
  request.prepare_payload();
  return request;
}

template <typename Stream>
Task<error_code> ReadResponse(Stream& stream, std::chrono::steady_clock::duration patience,
                              Exchange& exchange) {
  beast::tcp_stream& connection = beast::get_lowest_layer(stream);
  beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(kMostBodyBytes);
  connection.expires_after(patience);
  if (const auto [error, count] = co_await http::async_read_header(stream, buffer, parser, kWait);
      error)
    co_return error;
  exchange.status = parser.get().result_int();
  exchange.retry_seconds = ParseRetryAfter(parser.get()[http::field::retry_after]);
  ResponseReader reader(exchange);
  std::array<char, 16384> bytes;
  while (!parser.is_done()) {
    parser.get().body().data = bytes.data();
    parser.get().body().size = bytes.size();
    connection.expires_after(reader.is_complete() ? ToDuration(kLingerSeconds) : patience);
    const auto [error, count] = co_await http::async_read_some(stream, buffer, parser, kWait);
    const size_t filled = bytes.size() - parser.get().body().size;
    if (!reader.Take({bytes.data(), filled}, ReadClock())) break;
    if (!error || error == http::error::need_buffer) continue;
    // A refusal is one, however little of its reason has come.
    if (exchange.status == 200 && !reader.is_complete()) co_return error;
    break;
  }
  reader.End();
  co_return error_code();
}

/// Sends a request and reads its response, on a connection that has been made.
template <typename Stream>
Task<error_code> Speak(Stream& stream, const http::request<http::string_body>& request,
                       const HttpClientOptions& options, Exchange& exchange) {
  const std::chrono::steady_clock::duration patience = ToDuration(options.silence_seconds);
  beast::get_lowest_layer(stream).expires_after(patience);
  const auto [unsent, count] = co_await http::async_write(stream, request, kWait);
  // A server that refuses a request need not have read it all.
  const error_code unread = co_await ReadResponse(stream, patience, exchange);
  if (unsent && exchange.status == 0) co_return unsent;
  co_return unread;
}

Task<error_code> SpeakTls(Shared& shared, beast::tcp_stream connection,
                          const http::request<http::string_body>& request, Exchange& exchange) {
  beast::ssl_stream<beast::tcp_stream> stream(std::move(connection), *shared.tls);
  stream.set_verify_callback(ssl::host_name_verification(shared.target.host));
  SSL_set_tlsext_host_name(stream.native_handle(), shared.target.host.c_str());
  if (const auto [error] = co_await stream.async_handshake(ssl::stream_base::client, kWait);
      error) {
    exchange.Fail(Failure::kConnection, error.message());
    co_return error_code();
  }
  co_return co_await Speak(stream, request, shared.options, exchange);
}

Task<Exchange> Ask(Shared& shared, std::string body) {
  const auto request = MakeRequest(shared, std::move(body));
  Exchange exchange;
  exchange.begun = ReadClock();
  beast::tcp_stream connection(co_await asio::this_coro::executor);
  connection.expires_after(ToDuration(shared.options.silence_seconds));
  const auto [error, endpoint] = co_await connection.async_connect(shared.addresses, kWait);
  if (error) {
    exchange.Fail(error == beast::error::timeout ? Failure::kTimeout : Failure::kConnection,
                  error.message());
  } else {
    error_code ignored;
    connection.socket().set_option(tcp::no_delay(true), ignored);
    error_code broken;
    if (shared.tls)
      broken = co_await SpeakTls(shared, std::move(connection), request, exchange);
    else
      broken = co_await Speak(connection, request, shared.options, exchange);
    if (broken) FailFrom(broken, exchange);
  }
  if (exchange.ended == 0) exchange.ended = ReadClock();
  co_return exchange;
}

Task<void> RunClient(Shared& shared, Client& client) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (std::optional<std::string> body = client.NextRequest()) {
    const Exchange exchange = co_await Ask(shared, std::move(*body));
    const double seconds = client.Hear(exchange);
    if (seconds <= 0) continue;
    pause.expires_after(ToDuration(seconds));
    co_await pause.async_wait(kWait);
  }
}

Task<void> StopOnDemand(asio::io_context& context, const std::function<bool()>& stops) {
  asio::steady_timer pause(context);
  while (!stops()) {
    pause.expires_after(ToDuration(kStopSeconds));
    co_await pause.async_wait(kWait);
  }
  context.stop();
}

base::Result<ssl::context> MakeTls() {
  ssl::context tls(ssl::context::tls_client);
  tls.set_verify_mode(ssl::verify_peer);
  error_code error;
  tls.set_default_verify_paths(error);
  if (error) return base::MakeError("the system's certificates: {}", error.message());
  return tls;
}

}  // namespace

base::Status RunClients(const Target& target, const HttpClientOptions& options,
                        std::span<Client* const> clients) try {
  if (clients.empty()) return {};
  // Before the context, whose end ends what is under way.
  Shared shared = {.target = target, .options = options, .addresses = {}, .tls = {}};
  asio::io_context context(1);
  error_code error;
  shared.addresses = tcp::resolver(context).resolve(target.host, target.port, error);
  if (error) return base::MakeError("{}: {}", target.url, error.message());
  if (target.has_tls) {
    FATHOM_ASSIGN(shared.tls, MakeTls());
  }
  std::exception_ptr thrown;
  size_t busy = clients.size();
  for (Client* client : clients)
    asio::co_spawn(context, RunClient(shared, *client), [&](std::exception_ptr exception) {
      if (exception) thrown = exception;
      if (--busy == 0) context.stop();
    });
  if (options.stops) asio::co_spawn(context, StopOnDemand(context, options.stops), asio::detached);
  context.run();
  if (thrown) std::rethrow_exception(thrown);
  return {};
} catch (const std::exception& failure) {
  // Out of memory, or of something else that the system has to give.
  return base::MakeError("{}: {}", target.url, failure.what());
}

double ReadClock() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace fathom::load
