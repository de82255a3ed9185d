// What a training step makes smaller.
#pragma once

#include "train/curves.h"
#include "train/model.h"
#include "train/pass.h"
#include "train/torch.h"

namespace fathom::train {

/// Sequences of one length.
struct Batch {
  at::Tensor tokens;     ///< int64 [batch, tokens + 1]
  at::Tensor weights;    ///< float [batch, tokens + 1]: how much predicting each token counts
  at::Tensor positions;  ///< int64 [batch, tokens]
  int64_t crowd_at = 0;  ///< see PassOptions
};

struct LossOptions {
  double mtp = 0.3;       ///< weight of the MTP block's predictions
  double indexer = 1;     ///< of the indexers' divergence, the mean of the layers
  double balance = 1e-4;  ///< of the imbalance within sequences, the sum of the layers
};

struct Loss {
  at::Tensor total;
  LossValues values;
};

/// The loss of a batch: a pass, which collects the experts' loads, and everything added up.
Loss ComputeLoss(const Model& model, const Batch& batch, const LossOptions& options, Pass& pass);

}  // namespace fathom::train
