// How surprised a model is by text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"

namespace fathom::evaluate {

struct Perplexity {
  int64_t tokens = 0;     ///< that were predicted
  double mean_loss = 0;   ///< nats a token
  double perplexity = 0;  ///< e to that
};

/// Predicts every token of each text from those before it, behind a beginning of sentence. Fails if
/// the model has no tokenizer, or if there is nothing to predict.
base::Result<Perplexity> MeasurePerplexity(const std::string& directory,
                                           const std::vector<std::string>& texts,
                                           base::ThreadPool& pool);

}  // namespace fathom::evaluate
