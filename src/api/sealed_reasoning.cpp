#include "api/sealed_reasoning.h"

#include <openssl/evp.h>

#include <algorithm>
#include <span>

#include "base/digest.h"

namespace fathom::api {
namespace {

constexpr std::string_view kSealMark = "fathom reasoning 1\n";
constexpr std::string_view kSignatureMark = "fathom signature 1\n";
// OpenSSL counts in int.
constexpr size_t kMaxBytes = size_t{1} << 30;

std::string EncodeBase64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(length));
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > kMaxBytes) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  // The padding counts as bytes there.
  const int padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  out.resize(static_cast<size_t>(std::max(length - padding, 0)));
  return out;
}

std::string DigestOf(std::string_view text) {
  const base::Digest digest = base::ComputeDigest(std::as_bytes(std::span(text)));
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

std::string SealReasoning(std::string_view reasoning) {
  // Longer than any context.
  reasoning = reasoning.substr(0, kMaxBytes);
  return EncodeBase64(std::string(kSealMark) + DigestOf(reasoning) + std::string(reasoning));
}

std::optional<std::string> OpenSealedReasoning(std::string_view sealed) {
  const std::optional<std::string> bytes = DecodeBase64(sealed);
  const size_t header = kSealMark.size() + base::Digest().size();
  if (!bytes.has_value() || bytes->size() < header || !bytes->starts_with(kSealMark)) {
    return std::nullopt;
  }
  std::string reasoning = bytes->substr(header);
  if (bytes->compare(kSealMark.size(), base::Digest().size(), DigestOf(reasoning)) != 0) {
    return std::nullopt;
  }
  return reasoning;
}

std::string SignReasoning(std::string_view reasoning) {
  return EncodeBase64(std::string(kSignatureMark) + DigestOf(reasoning));
}

}  // namespace fathom::api
