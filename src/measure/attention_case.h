// One attention layer of a model at some depth, with its cache, ready to compute a decode step:
// what comes between a token's projections. DeepSeek-V4's layers and those it is compared with run
// on the same kernels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/thread_pool.h"
#include "kernels/kernel_table.h"
#include "model/config.h"

namespace fathom::measure {

/// What a decode step of a layer takes, counted.
struct AttentionWork {
  int64_t cache_bytes = 0;  ///< that the layer keeps, compressor state excepted
  int64_t bytes_read = 0;   ///< of them, by the step
  double macs = 0;          ///< multiply-adds of attention and indexer
};

class AttentionCase {
 public:
  virtual ~AttentionCase() = default;
  AttentionCase() = default;
  AttentionCase(const AttentionCase&) = delete;
  AttentionCase& operator=(const AttentionCase&) = delete;

  /// Computes one step.
  virtual void Run() = 0;
  /// Holds the result of the last Run against a computation of some of its heads and scores that
  /// shares no code with the kernels. An error says what differs.
  virtual base::Status Check() const = 0;
};

/// A kind of layer of one model.
struct AttentionLayer {
  enum class Kind : uint8_t {
    kWindow,  ///< DeepSeek-V4's layers
    kCsa,
    kHca,
    kSparseMla,    ///< DeepSeek-V3.2: absorbed latent attention over tokens that an indexer picks
    kGroupedQuery  ///< BF16 keys and values of 8 heads of 128
  };
  Kind kind = Kind::kWindow;
  int64_t heads = 0;                       ///< of queries
  const model::ModelConfig* v4 = nullptr;  ///< DeepSeek-V4's layers only, as the plan
  const model::LayerPlan* plan = nullptr;
};

/// "CSA", "HCA", "window", "MLA", "GQA".
const char* NameOf(AttentionLayer::Kind kind);

/// With `tokens` tokens of context, the new one included.
AttentionWork CountWork(const AttentionLayer& layer, int64_t tokens);

/// What all cases share.
struct AttentionSetting {
  const kernels::KernelTable& kernels;
  base::ThreadPool& pool;
  uint64_t seed = 1;
  double least_seconds =
      0.2;  ///< that a layer is measured for: many steps where the clock is coarse
  /// Memory that is read between two steps, so that a step finds its rows where it finds them in a
  /// model: not in the processor's caches. About the weights of a layer of V4-Flash.
  int64_t other_bytes = int64_t{256} << 20;
};

/// A layer with a cache of random rows. REQUIRES: memory for CountWork's cache_bytes and 1/8 more.
std::unique_ptr<AttentionCase> MakeAttentionCase(const AttentionSetting& setting,
                                                 const AttentionLayer& layer, int64_t tokens);

}  // namespace fathom::measure
