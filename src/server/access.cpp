#include "server/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

namespace fathom::server {
namespace {

constexpr std::string_view kBearer = "Bearer ";

// "name", "name:8000", "1.2.3.4:8000" or "[::1]:8000" without the port.
std::string_view StripPort(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool IsAddress(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

Access::Access(const AccessOptions& options, std::string host)
    : origins_(options.allowed_origins), host_(std::move(host)) {
  for (const std::string& key : options.keys) keys_.push_back(DigestKey(key));
}

Access::KeyDigest Access::DigestKey(std::string_view key) {
  KeyDigest digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

std::optional<api::Error> Access::Check(const RequestHead& head) const {
  const std::string_view origin = head.Header("origin");
  if (!origin.empty() && !IsAllowedOrigin(head, origin))
    return api::Error{api::ErrorKind::kForbidden, "requests from this origin are not allowed"};
  if (keys_.empty()) {
    if (IsKnownHost(StripPort(head.Header("host")))) return std::nullopt;
    return api::Error{api::ErrorKind::kForbidden,
                      "without an API key this server answers to addresses and localhost only"};
  }
  if (HasKey(head)) return std::nullopt;
  return api::Error{api::ErrorKind::kUnauthorized, "no valid API key"};
}

bool Access::HasKey(const RequestHead& head) const {
  std::string_view key = head.Header("x-api-key");
  const std::string_view authorization = head.Header("authorization");
  if (authorization.starts_with(kBearer)) key = authorization.substr(kBearer.size());
  const KeyDigest digest = DigestKey(key);
  bool found = false;
  for (const KeyDigest& known : keys_)
    found |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0;
  return found;
}

// A name other than these was looked up by a browser or a proxy that trusts whoever owns it.
bool Access::IsKnownHost(std::string_view host) const {
  return host.empty() || IsAddress(host) || host == "localhost" || host == host_;
}

bool Access::IsAllowedOrigin(const RequestHead& head, std::string_view origin) const {
  const auto allows = [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  };
  if (std::any_of(origins_.begin(), origins_.end(), allows)) return true;
  const std::string_view host = head.Header("host");
  const size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

HeaderList Access::MakeHeaders(const RequestHead& head) const {
  const std::string_view origin = head.Header("origin");
  if (origin.empty() || !IsAllowedOrigin(head, origin)) return {};
  return {{"Access-Control-Allow-Origin", std::string(origin)},
          {"Access-Control-Allow-Methods", "GET, POST, OPTIONS"},
          {"Access-Control-Allow-Headers", "*, Authorization"},
          {"Vary", "Origin"}};
}

}  // namespace fathom::server
