// Looking facts up: a document that fills the context, and questions about it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "evaluate/examinee.h"
#include "evaluate/watch.h"

namespace fathom::evaluate {

struct RecallEvalOptions {
  std::vector<int64_t> contexts = {1024, 4096, 16384};  ///< tokens, question and answer included
  int64_t samples = 1;                                  ///< documents a context
  int64_t facts = 10;  ///< in a document, evenly spread; each is asked for
  /// Facts that one question asks for, in an order of its own. 1: one after the other.
  int64_t needles = 1;
  bool invented = false;  ///< names that no list of words has: data/recall_document.h
  uint64_t seed = 1;
};

/// How often the facts at one depth of documents of one length were answered right.
struct RecallRow {
  int64_t context = 0;
  double depth = 0;  ///< 0 begins the document, 1 ends it; a tenth each
  int64_t correct = 0;
  int64_t total = 0;
};

/// Examines every context. Documents, questions and answers have the form that models are trained
/// on: data/recall_document.h. Fails if a context is longer than the model's or too short for the
/// facts.
base::Result<std::vector<RecallRow>> EvaluateRecall(Examinee& examinee,
                                                    const RecallEvalOptions& options,
                                                    const EvalWatch& watch);

}  // namespace fathom::evaluate
