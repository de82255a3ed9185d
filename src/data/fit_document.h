// A recall document as long as there is room for.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "data/recall_document.h"

namespace fathom::data {

/// The tokens that a document takes, with whatever stands around it.
using CountTokens = std::function<base::Result<int64_t>(const RecallDocument&)>;

/// A document that takes at most `room` tokens and nearly so many: `options.bytes` does not count.
/// Fails if the facts alone take more, or with the error of `count`.
base::Result<RecallDocument> FitRecallDocument(RecallOptions options, int64_t room,
                                               const CountTokens& count);

}  // namespace fathom::data
