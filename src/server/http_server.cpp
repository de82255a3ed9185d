#include "server/http_server.h"

#include <chrono>
#include <csignal>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "server/http_session.h"

namespace fathom::server {
namespace {

/// For answers that are still being written when the server ends.
constexpr double kFinishSeconds = 5;
base::Result<tcp::endpoint> ParseAddress(const HttpOptions& options) {
  error_code error;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error) return base::MakeError("host: \"{}\" is no address", options.host);
  return tcp::endpoint(address, options.port);
}

base::Result<ssl::context> MakeTls(const HttpOptions& options) {
  ssl::context context(ssl::context::tls_server);
  error_code error;
  context.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                      ssl::context::no_tlsv1_1);
  context.use_certificate_chain_file(options.tls_certificate, error);
  if (error) return base::MakeError("{}: {}", options.tls_certificate, error.message());
  context.use_private_key_file(options.tls_key, ssl::context::pem, error);
  if (error) return base::MakeError("{}: {}", options.tls_key, error.message());
  return context;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const HttpOptions& options, std::optional<ssl::context> tls)
      : tls_(std::move(tls)), shared_{.options = options} {}

  base::Status Bind(const tcp::endpoint& endpoint);
  const tcp::endpoint& endpoint() const { return endpoint_; }
  void HandleSignals(std::function<void()> on_signal);
  void Run(Handler& handler);
  void Post(std::function<void()> function) { asio::post(context_, std::move(function)); }
  void StopAccepting() { acceptor_.close(); }
  void Finish();

 private:
  Task<void> Accept();
  Task<void> Serve(tcp::socket socket);
  Task<void> ServeAs(tcp::socket socket, Connection& connection);
  Task<void> CloseRest();

  std::optional<ssl::context> tls_;
  Shared shared_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  tcp::acceptor acceptor_{context_};
  tcp::endpoint endpoint_;
  asio::signal_set signals_{context_};
  asio::steady_timer finish_timer_{context_};
  std::set<Connection*> connections_;
};

base::Status HttpServer::Impl::Bind(const tcp::endpoint& endpoint) {
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) endpoint_ = acceptor_.local_endpoint(error);
  if (!error) return {};
  return base::MakeError("{} port {}: {}", shared_.options.host, shared_.options.port,
                         error.message());
}

void HttpServer::Impl::HandleSignals(std::function<void()> on_signal) {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this, on_signal = std::move(on_signal)](const error_code& error, int) {
    if (error) return;
    signals_.clear();
    on_signal();
  });
}

void HttpServer::Impl::Run(Handler& handler) {
  shared_.handler = &handler;
  asio::co_spawn(context_, Accept(), asio::detached);
  context_.run();
  shared_.workers.join();
}

void HttpServer::Impl::Finish() {
  shared_.finishing = true;
  acceptor_.close();
  signals_.cancel();
  work_.reset();
  error_code ignored;
  for (Connection* connection : connections_)
    if (connection->is_idle) connection->socket->close(ignored);
  asio::co_spawn(context_, CloseRest(), asio::detached);
}

Task<void> HttpServer::Impl::CloseRest() {
  finish_timer_.expires_after(ToDuration(connections_.empty() ? 0 : kFinishSeconds));
  co_await finish_timer_.async_wait(kWait);
  error_code ignored;
  for (Connection* connection : connections_) connection->socket->close(ignored);
}

Task<void> HttpServer::Impl::Accept() {
  while (true) {
    auto [error, socket] = co_await acceptor_.async_accept(kWait);
    if (!acceptor_.is_open()) co_return;
    if (error) {
      // Most likely the process has no file descriptors left: others have to close theirs first.
      asio::steady_timer pause(context_, ToDuration(0.1));
      co_await pause.async_wait(kWait);
    } else if (std::ssize(connections_) < shared_.options.max_connections) {
      asio::co_spawn(context_, Serve(std::move(socket)), asio::detached);
    }
  }
}

Task<void> HttpServer::Impl::Serve(tcp::socket socket) {
  Connection connection;
  connections_.insert(&connection);
  try {
    co_await ServeAs(std::move(socket), connection);
  } catch (const std::exception&) {
    // Out of memory, or a failure of the system: this connection ends, the others go on.
  }
  connections_.erase(&connection);
  if (connections_.empty() && shared_.finishing) finish_timer_.cancel();
}

Task<void> HttpServer::Impl::ServeAs(tcp::socket socket, Connection& connection) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  connection.socket = &socket;
  if (!tls_) {
    Session<tcp::socket> session(socket, connection, shared_);
    co_return co_await session.Run();
  }
  ssl::stream<tcp::socket> stream(std::move(socket), *tls_);
  connection.socket = &stream.next_layer();
  const auto shaken = co_await Within(shared_.options.header_seconds,
                                      stream.async_handshake(ssl::stream_base::server, kWait));
  if (!shaken || std::get<0>(*shaken)) co_return;
  Session<ssl::stream<tcp::socket>> session(stream, connection, shared_);
  co_await session.Run();
  co_await Within(kLingerSeconds, stream.async_shutdown(kWait));
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::Listen(const HttpOptions& options) {
  FATHOM_ASSIGN(const tcp::endpoint endpoint, ParseAddress(options));
  std::optional<ssl::context> tls;
  if (!options.tls_certificate.empty()) {
    FATHOM_ASSIGN(tls, MakeTls(options));
  }
  auto impl = std::make_unique<Impl>(options, std::move(tls));
  FATHOM_TRY(impl->Bind(endpoint));
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->endpoint().port(); }
bool HttpServer::is_loopback() const { return impl_->endpoint().address().is_loopback(); }
void HttpServer::HandleSignals(std::function<void()> on_signal) {
  impl_->HandleSignals(std::move(on_signal));
}
void HttpServer::Run(Handler& handler) { impl_->Run(handler); }
void HttpServer::Post(std::function<void()> function) { impl_->Post(std::move(function)); }
void HttpServer::StopAccepting() { impl_->StopAccepting(); }
void HttpServer::Finish() { impl_->Finish(); }

}  // namespace fathom::server
