// The indexer of CSA layers: cheap FP4 scores pick the compressed rows that a query reads (paper,
// section 2.3.1).
#pragma once

#include "model/compressor.h"
#include "model/pass.h"
#include "model/weights.h"

namespace fathom::model {

/// The indexer's own compressor.
CompressorPart IndexerCompressor(Pass& pass, const IndexerWeights& weights);

/// Appends what the indexer projects from x.
void AddIndexerTasks(Pass& pass, const IndexerWeights& weights,
                     std::vector<ops::MatmulTask>& tasks);

/// Turns the blocks that the batch completes into keys: Hadamard, FP4.
void AppendIndexKeys(Pass& pass, const IndexerWeights& weights);

/// Whether any token of the batch sees more rows than it may read. If none does, the indexer's
/// queries need not be computed.
bool NeedsSelection(const Pass& pass);

/// From projected queries (activations.attention.indexer.query) to activations' `selected` for
/// every token that sees more than index_topk rows.
void SelectCompressedRows(Pass& pass);

}  // namespace fathom::model
