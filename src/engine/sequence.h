// A sequence that requests continue.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kv/sequence_cache.h"

namespace fathom::engine {

/// The cache of one conversation and the tokens that it holds.
class Sequence {
 public:
  explicit Sequence(kv::SequenceCache empty) : cache(std::move(empty)) {}

  kv::SequenceCache cache;
  std::vector<int32_t> tokens;  ///< computed so far
  bool busy = false;            ///< serves a request
};

}  // namespace fathom::engine
