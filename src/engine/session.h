// Sequences in files.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/file_operations.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/sequence.h"
#include "kv/session_file.h"

namespace fathom::engine {

/// Writes a sequence, its snapshots and a note to `path`, at once or not at all (base::AtomicFile).
/// Nobody but the user may read a new file. Errors name the path.
base::Status WriteSequence(const Sequence& sequence, std::string_view note,
                           const base::Digest& fingerprint, const std::string& path,
                           base::FileOperations& operations = base::FileOperations::System());

/// Reads what WriteSequence wrote into `empty`, a new sequence of the model. Errors name the path.
base::Result<Session> ReadSequence(const std::string& path, const kv::SessionModel& model,
                                   kv::SequenceCache empty);

}  // namespace fathom::engine
