#include "base/digest.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>

#include "base/check.h"

namespace fathom::base {
namespace {

Digest ToDigest(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Digest digest;
  static_assert(sizeof canonical.digest == sizeof digest);
  std::memcpy(digest.data(), canonical.digest, sizeof digest);
  return digest;
}

}  // namespace

void DigestBuilder::StateDeleter::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

DigestBuilder::DigestBuilder() : state_(XXH3_createState()) {
  FATHOM_CHECK(state_ != nullptr && XXH3_128bits_reset(state_.get()) == XXH_OK);
}

void DigestBuilder::Add(std::span<const std::byte> bytes) {
  // Some versions of the library take no null pointer, not even for no bytes.
  if (bytes.empty()) return;
  FATHOM_CHECK(XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()) == XXH_OK);
}

Digest DigestBuilder::Finish() const { return ToDigest(XXH3_128bits_digest(state_.get())); }

Digest ComputeDigest(std::span<const std::byte> bytes) {
  return ToDigest(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string ToHex(const Digest& digest) {
  std::string hex;
  for (const std::byte byte : digest) hex += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return hex;
}

}  // namespace fathom::base
