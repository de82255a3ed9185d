// Sequences computed side by side on a model, and their logits, for tests that compare bits.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "golden_file.h"
#include "kv/sequence_cache.h"
#include "model/model.h"

namespace fathom::tests {

/// The most tokens that a Runner computes in one step.
inline constexpr int64_t kMaxTokens = 512;

struct Logits {
  std::vector<float> main;  ///< [T, vocab]
  std::vector<float> mtp;   ///< [T - 1, vocab], empty without an MTP head
};

/// Sequences computed side by side, some tokens of each a step.
class Runner {
 public:
  struct Sequence {
    kv::SequenceCache cache;
    std::vector<int32_t> ids;
    size_t done = 0;
    Logits logits;  ///< of the tokens done; the MTP head's only where a sequence was alone
  };

  Runner(TestModel& test, int threads);

  Sequence Start(std::vector<int32_t> ids);

  /// Computes the next counts[i] tokens of each sequence in one batch.
  void Step(std::span<Sequence*> sequences, std::span<const size_t> counts);

  /// Computes tokens of one sequence until `end` are done, in pieces of at most `chunk`.
  void RunTo(Sequence& sequence, size_t end, size_t chunk = kMaxTokens);

 private:
  void AppendLogits(std::vector<float>& out, std::span<const int32_t> tokens, bool mtp);
  void StepMtp(Sequence& sequence, size_t count);

  base::ThreadPool pool_;
  model::Model model_;
};

std::vector<int32_t> RandomIds(std::mt19937& random, int64_t vocab, size_t count);

void ExpectSameBits(const std::vector<float>& a, const std::vector<float>& b,
                    const std::string& what);

/// Logits of a sequence computed in one batch.
Logits RunAtOnce(TestModel& test, const std::vector<int32_t>& ids, int threads);

/// The name of a test parameter that is the path of a checkpoint.
std::string CheckpointName(const testing::TestParamInfo<const char*>& info);

}  // namespace fathom::tests
