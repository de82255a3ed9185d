// Who may ask: keys, and pages in browsers.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "api/error.h"
#include "server/http.h"
#include "server/options.h"

namespace fathom::server {

/// Decides by the head of a request alone. Keys are compared by their digests and in constant time,
/// so that how long it takes tells nothing of them.
class Access {
 public:
  /// `host` is the one that the server listens on.
  Access(const AccessOptions& options, std::string host);

  /// Why the request may not be answered. Without keys anybody on this machine may ask, but not the
  /// pages in their browser: one that comes from elsewhere is known by its Origin, one whose name
  /// was made to point here by its Host.
  std::optional<api::Error> Check(const RequestHead& head) const;

  /// Headers that let an allowed page in a browser read the response.
  HeaderList MakeHeaders(const RequestHead& head) const;

 private:
  using KeyDigest = std::array<unsigned char, 32>;

  static KeyDigest DigestKey(std::string_view key);
  bool HasKey(const RequestHead& head) const;
  bool IsKnownHost(std::string_view host) const;
  bool IsAllowedOrigin(const RequestHead& head, std::string_view origin) const;

  std::vector<KeyDigest> keys_;
  std::vector<std::string> origins_;
  std::string host_;
};

}  // namespace fathom::server
