// Which model computed something, in 16 bytes.
#pragma once

#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "model/config.h"

namespace fathom::model {

/// A digest of what decides the results of a forward pass: everything of the config but
/// max_position_embeddings and the ids of the first and the last token, and the tensors of the
/// checkpoint in `directory` as checkpoint::DigestTensors sees them. Two models with the same
/// fingerprint may continue each other's sequences.
base::Result<base::Digest> ComputeFingerprint(const ModelConfig& config,
                                              const std::string& directory);

}  // namespace fathom::model
