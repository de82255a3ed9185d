#include "server/http.h"

namespace fathom::server {
namespace {

class ImmediateExchange final : public Exchange {
 public:
  explicit ImmediateExchange(std::function<HttpResponse()> respond)
      : respond_(std::move(respond)) {}
  void Begin(Reply& reply) override { reply.Respond(respond_()); }

 private:
  std::function<HttpResponse()> respond_;
};

}  // namespace

std::string_view RequestHead::Header(std::string_view name) const {
  const auto header = headers.find(std::string(name));
  return header == headers.end() ? std::string_view() : std::string_view(header->second);
}

std::unique_ptr<Exchange> MakeExchange(std::function<HttpResponse()> respond) {
  return std::make_unique<ImmediateExchange>(std::move(respond));
}

std::unique_ptr<Exchange> MakeExchange(HttpResponse response) {
  return MakeExchange([response = std::move(response)] { return response; });
}

}  // namespace fathom::server
