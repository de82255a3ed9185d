// Checksums that tell whether bytes are the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct XXH3_state_s;

namespace fathom::base {

/// XXH3 with 128 bits, in the byte order of its canonical form. Finds accidents and mix-ups;
/// whoever means to deceive can make two inputs with the same digest.
using Digest = std::array<std::byte, 16>;

/// Computes the digest of bytes that come in pieces; how they are cut makes no difference.
class DigestBuilder {
 public:
  DigestBuilder();
  DigestBuilder(const DigestBuilder&) = delete;
  DigestBuilder& operator=(const DigestBuilder&) = delete;

  void Add(std::span<const std::byte> bytes);
  /// The digest of everything added so far.
  Digest Finish() const;

 private:
  struct StateDeleter {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, StateDeleter> state_;
};

/// The digest of bytes that lie together.
Digest ComputeDigest(std::span<const std::byte> bytes);

/// 32 lower-case hexadecimal digits.
std::string ToHex(const Digest& digest);

}  // namespace fathom::base
