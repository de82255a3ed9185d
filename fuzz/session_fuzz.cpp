// Any bytes are a session or an error, also with checksums that fit and on top of another session,
// and what is accepted is written again as the same bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kv/session_file.h"
#include "kv/session_testing.h"

namespace {

using namespace fathom;

// One layer of each kind, the last one an MTP layer.
kv::SequenceCache EmptyCache() {
  const numerics::RowLayout row{.head_dim = 128, .rope_dim = 64};
  kv::LayerShape plain{.row = row, .window = 3};
  kv::LayerShape csa{
      .row = row, .window = 3, .compress_ratio = 4, .overlapped = true, .index_dim = 32};
  kv::LayerShape hca{.row = row, .window = 3, .compress_ratio = 16};
  return kv::SequenceCache({plain, csa, hca, plain}, 3);
}

// A sequence of 20 tokens, all zero.
kv::Session MakeParent() {
  kv::Session parent{.cache = EmptyCache(), .tokens = std::vector<int32_t>(20)};
  for (int64_t l = 0; l < parent.cache.layer_count(); ++l) {
    kv::LayerCache& layer = parent.cache.layer(l);
    layer.rows.Append(layer.shape.RowCount(20));
    layer.index_tiles.Append(layer.shape.TileCount(20));
  }
  return parent;
}

void ReadAndCompare(const std::vector<std::byte>& file, kv::Session parent) {
  const kv::SessionModel model = {.fingerprint = {}, .vocab_size = 100};
  const auto head = kv::ReadSessionHead(file, "fuzz", model, parent.cache);
  const auto session = kv::ReadSession(file, "fuzz", model, std::move(parent));
  if (!session.ok()) {
    FATHOM_CHECK(session.error().message.find('\n') == std::string::npos);
    return;
  }
  FATHOM_CHECK(head.ok());
  std::vector<std::byte> again;
  const auto written = kv::WriteSession({.cache = session->cache,
                                         .tokens = session->tokens,
                                         .note = session->note,
                                         .snapshots = session->snapshots,
                                         .fingerprint = model.fingerprint,
                                         .parent = head->parent},
                                        [&](std::span<const std::byte> bytes) {
                                          again.insert(again.end(), bytes.begin(), bytes.end());
                                          return base::Status();
                                        });
  FATHOM_CHECK(written.ok() && again == file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::byte> file(size);
  std::copy_n(reinterpret_cast<const std::byte*>(data), size, file.begin());
  for (int repaired = 0; repaired < 2; ++repaired) {
    ReadAndCompare(file, {.cache = EmptyCache()});
    ReadAndCompare(file, MakeParent());
    fathom::kv::RepairChecksums(&file);
  }
  return 0;
}
