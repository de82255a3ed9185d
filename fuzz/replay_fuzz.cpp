// Any bytes are answers up to some place, and what is accepted is written again as the same bytes;
// a map that takes the answers keeps to its limit.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/digest.h"
#include "kv/replay_map.h"

namespace {

using namespace fathom;

constexpr int64_t kLimit = 200;

void ReadAndCompare(std::string_view bytes) {
  kv::ReplayMap map(kLimit);
  while (true) {
    const std::string_view before = bytes;
    auto answer = kv::DecodeAnswer(&bytes);
    if (!answer) break;
    const size_t taken = before.size() - bytes.size();
    FATHOM_CHECK(kv::EncodeAnswer(*answer) == before.substr(0, taken));
    map.Remember(*answer);
    FATHOM_CHECK(map.bytes() <= kLimit);
    for (const std::string& key : answer->keys) {
      const auto found = map.Find({&key, 1});
      FATHOM_CHECK(!found || *found == answer->tokens || key.empty());
    }
  }
}

// A record around the bytes, so that their checksum fits.
std::string Wrap(std::string_view payload) {
  const auto length = static_cast<uint32_t>(payload.size());
  const base::Digest digest = base::ComputeDigest(std::as_bytes(std::span(payload)));
  std::string record(reinterpret_cast<const char*>(&length), sizeof length);
  record.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return record.append(payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  ReadAndCompare(bytes);
  ReadAndCompare(Wrap(bytes));
  return 0;
}
