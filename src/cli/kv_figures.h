// What the cache of a sequence takes, as the commands report it.
#pragma once

#include <cstdint>

#include "kv/sequence_cache.h"
#include "model/config.h"

namespace fathom::cli {

/// Bytes that grow with the context: compressed rows and indexer keys.
int64_t GrowingBytes(const kv::CacheBytes& bytes);

/// GrowingBytes of one more token in the published packing, averaged over whole blocks.
double PublishedBytesPerToken(const model::ModelConfig& config);

/// The same for the rows as this engine keeps them.
double EngineBytesPerToken(const model::ModelConfig& config);

/// Bytes that this engine keeps whatever the context: window rows, MTP layers included, and the
/// state of the compressors.
int64_t EngineFixedBytes(const model::ModelConfig& config);

}  // namespace fathom::cli
