// What one forward pass asks of every layer, and what it collects beside its result.
#pragma once

#include <cstdint>
#include <vector>

#include "train/rope.h"
#include "train/rounding.h"
#include "train/torch.h"

namespace fathom::train {

/// Which compressed rows CSA layers attend to.
enum class Selection : uint8_t {
  kAll,      ///< every visible one: how training begins
  kIndexed,  ///< those that the indexer picks
};

/// What a layer with compressed rows makes of a text.
struct LayerRows {
  at::Tensor rows;        ///< [batch, rows, dim]
  at::Tensor index_keys;  ///< of CSA layers: [batch, rows, index dim]
};

/// Rows of texts that were read before, of a batch of one: of each layer that has rows, in order.
struct Crowd {
  std::vector<LayerRows> layers;
};

struct PassOptions {
  Rounding rounding = kEveryRounding;
  Selection selection = Selection::kIndexed;
  /// Tokens of the window that are seen, at most; 0: all.
  int64_t window = 0;
  /// Whether the losses below are computed.
  bool with_losses = false;
  /// With kIndexed, the indexer learns from the rows that it picked; from all visible ones, so that
  /// it finds what it missed, at every so many pieces of a sequence. 0: never.
  int64_t dense_every = 4;
  /// Which of the pieces: counts up with the passes of a training.
  int64_t turn = 0;
  /// If not null, its rows stand before those of token `crowd_at` of every sequence, whose blocks
  /// divide that. It outlives the pass.
  const Crowd* crowd = nullptr;
  int64_t crowd_at = 0;
  /// Whether Pass::rows is wanted.
  bool keeps_rows = false;
};

/// One pass over `ids` [batch, tokens].
struct Pass {
  PassOptions options;
  at::Tensor ids;
  Rotation window_rotation;      ///< of layers without compressed rows
  Rotation compressed_rotation;  ///< of the others

  std::vector<LayerRows> rows;  ///< of each layer that has some, without the crowd
  size_t crowded_layers = 0;    ///< that have the crowd's rows by now

  // Collected with_losses, a term a layer.
  std::vector<at::Tensor> indexer_losses;  ///< KL divergence a token, of CSA layers
  std::vector<at::Tensor> balance_losses;  ///< of scored routers
  std::vector<at::Tensor> expert_loads;    ///< tokens an expert [experts], of scored routers
};

}  // namespace fathom::train
