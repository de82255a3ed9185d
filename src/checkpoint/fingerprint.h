// Which checkpoint a directory holds, in 16 bytes.
#pragma once

#include <string>

#include "base/digest.h"
#include "base/result.h"

namespace fathom::checkpoint {

/// Bytes of each tensor that its digest covers.
inline constexpr uint64_t kSampledBytes = 256;

/// A digest of every tensor's name (without "model."), type, shape and first kSampledBytes bytes of
/// data, in the order of the names: how the tensors are spread over files makes no difference. Two
/// checkpoints that differ only farther inside their tensors have the same digest. Reads some
/// kilobytes for every hundred tensors; takes seconds where nothing of 160 GB is in memory.
base::Result<base::Digest> DigestTensors(const std::string& directory);

}  // namespace fathom::checkpoint
