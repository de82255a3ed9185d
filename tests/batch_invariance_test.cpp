// Batch invariance: the logits of a position are the same bits whether its sequence was computed at
// once, in chunks, token by token, beside others, or with another number of threads.
#include <algorithm>
#include <random>

#include "sequence_runner.h"

namespace fathom::tests {
namespace {

class BatchInvariance : public testing::TestWithParam<const char*> {
 protected:
  TestModel test_{SourcePath(GetParam())};
  std::mt19937 random_{11};
};

TEST_P(BatchInvariance, ChunksOfAnySize) {
  const auto ids = RandomIds(random_, test_.config.vocab_size, 290);
  const Logits whole = RunAtOnce(test_, ids, 2);
  for (const size_t chunk : {1, 3, 7, 64, 200}) {
    Runner runner(test_, 2);
    auto sequence = runner.Start(ids);
    runner.RunTo(sequence, ids.size(), chunk);
    ExpectSameBits(sequence.logits.main, whole.main, fmt::format("chunk {}", chunk));
    ExpectSameBits(sequence.logits.mtp, whole.mtp, fmt::format("MTP, chunk {}", chunk));
  }
}

TEST_P(BatchInvariance, AnyNumberOfThreads) {
  const auto ids = RandomIds(random_, test_.config.vocab_size, 200);
  const Logits one = RunAtOnce(test_, ids, 1);
  for (const int threads : {2, 3, 5}) {
    const Logits many = RunAtOnce(test_, ids, threads);
    ExpectSameBits(many.main, one.main, fmt::format("{} threads", threads));
    ExpectSameBits(many.mtp, one.mtp, fmt::format("MTP, {} threads", threads));
  }
}

// Several sequences of random lengths, random pieces of a random subset of them in every batch.
TEST_P(BatchInvariance, RandomSchedulesOfManySequences) {
  for (int repeat = 0; repeat < 3; ++repeat) {
    Runner runner(test_, 1 + repeat);
    std::vector<Runner::Sequence> sequences;
    for (int i = 0; i < 5; ++i)
      sequences.push_back(
          runner.Start(RandomIds(random_, test_.config.vocab_size,
                                 std::uniform_int_distribution<size_t>(1, 280)(random_))));
    for (;;) {
      std::vector<Runner::Sequence*> batch;
      std::vector<size_t> counts;
      for (auto& sequence : sequences) {
        const size_t left = sequence.ids.size() - sequence.done;
        if (left == 0 || random_() % 3 == 0) continue;
        const size_t most = random_() % 2 == 0 ? 1 : std::min<size_t>(left, 90);
        batch.push_back(&sequence);
        counts.push_back(std::uniform_int_distribution<size_t>(1, most)(random_));
      }
      if (!batch.empty()) runner.Step(batch, counts);
      if (std::all_of(sequences.begin(), sequences.end(),
                      [](const auto& s) { return s.done == s.ids.size(); }))
        break;
    }
    for (const auto& sequence : sequences)
      ExpectSameBits(sequence.logits.main, RunAtOnce(test_, sequence.ids, 2).main, "schedule");
  }
}

// Long enough that every selection leaves most rows out and the window ring has wrapped many times.
TEST_P(BatchInvariance, LongPromptsInUnevenChunks) {
  const auto ids = RandomIds(random_, test_.config.vocab_size, kMaxTokens);
  const Logits whole = RunAtOnce(test_, ids, 2);
  Runner runner(test_, 2);
  auto sequence = runner.Start(ids);
  Runner::Sequence* one = &sequence;
  while (sequence.done < ids.size()) {
    const size_t left = ids.size() - sequence.done;
    const size_t count =
        std::uniform_int_distribution<size_t>(1, std::min<size_t>(left, 130))(random_);
    runner.Step({&one, 1}, {&count, 1});
  }
  ExpectSameBits(sequence.logits.main, whole.main, "uneven chunks");
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, BatchInvariance,
                         testing::Values("tests/goldens/nano-flash", "tests/goldens/nano-pro",
                                         "tests/models/recall"),
                         CheckpointName);

}  // namespace
}  // namespace fathom::tests
