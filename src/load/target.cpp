#include "load/target.h"

#include <boost/url/parse.hpp>
#include <boost/url/src.hpp>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace fathom::load {
namespace {

constexpr const char* kWantedForm = "is not http://HOST[:PORT][/BASE], or https";

bool IsPort(std::string_view digits) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && port > 0;
}

}  // namespace

base::Result<Target> ParseTarget(const std::string& url) {
  namespace urls = boost::urls;
  const auto parsed = urls::parse_uri(url);
  if (!parsed) return base::MakeError("{}: {}", url, kWantedForm);
  const bool has_tls = parsed->scheme_id() == urls::scheme::https;
  const bool is_complete =
      (has_tls || parsed->scheme_id() == urls::scheme::http) && !parsed->host_address().empty();
  const bool has_more = parsed->has_userinfo() || parsed->has_query() || parsed->has_fragment();
  const bool has_wrong_port = parsed->has_port() && !IsPort(parsed->port());
  if (!is_complete || has_more || has_wrong_port)
    return base::MakeError("{}: {}", url, kWantedForm);

  Target target = {.url = url, .host = parsed->host_address(), .has_tls = has_tls};
  target.port = parsed->has_port() ? std::string(parsed->port()) : has_tls ? "443" : "80";
  target.path = std::string(parsed->encoded_path());
  while (target.path.ends_with('/')) target.path.pop_back();
  if (target.path.empty()) target.path = "/v1";
  target.path += "/chat/completions";
  return target;
}

}  // namespace fathom::load
