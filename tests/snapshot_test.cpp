// Snapshots and forks: a sequence that went another way and returned, or that shares its past with
// another, computes the same bits as one that never did.
#include <algorithm>
#include <random>
#include <vector>

#include "sequence_runner.h"

namespace fathom::tests {
namespace {

class SnapshotTest : public testing::TestWithParam<const char*> {
 protected:
  std::vector<int32_t> Ids(size_t count) {
    return RandomIds(random_, test_.config.vocab_size, count);
  }

  // Has the sequence compute other tokens for a while, so that rings wrap, blocks end and pages
  // fill, then returns it to the snapshot.
  void StrayAndReturn(Runner& runner, Runner::Sequence& sequence, const kv::Snapshot& snapshot,
                      size_t stray) {
    const std::vector<int32_t> ids = sequence.ids;
    sequence.ids.resize(sequence.done);
    const std::vector<int32_t> other = Ids(stray);
    sequence.ids.insert(sequence.ids.end(), other.begin(), other.end());
    runner.RunTo(sequence, sequence.ids.size(), 37);

    sequence.cache.Restore(snapshot);
    sequence.ids = ids;
    sequence.done = static_cast<size_t>(snapshot.length);
    const auto vocab = static_cast<size_t>(test_.config.vocab_size);
    sequence.logits.main.resize(sequence.done * vocab);
    sequence.logits.mtp.resize(static_cast<size_t>(snapshot.mtp_length) * vocab);
  }

  // Logits of the first tokens, as far as there are any.
  std::vector<float> FirstTokens(std::vector<float> logits, size_t tokens) const {
    logits.resize(std::min(logits.size(), tokens * static_cast<size_t>(test_.config.vocab_size)));
    return logits;
  }

  TestModel test_{SourcePath(GetParam())};
  std::mt19937 random_{5};
};

// The borders of blocks of 4 and 128, of tiles of 16 keys (every 64 tokens), and of windows of 16
// and 32 rows.
constexpr size_t kCuts[] = {1,  2,  3,  4,  5,   7,   8,   15,  16,  17,  31,  32,  33,
                            63, 64, 65, 68, 127, 128, 129, 130, 132, 191, 255, 256, 257};

TEST_P(SnapshotTest, ReturningGivesTheSameBits) {
  const auto ids = Ids(290);
  const Logits whole = RunAtOnce(test_, ids, 2);
  Runner runner(test_, 2);
  for (const size_t cut : kCuts) {
    auto sequence = runner.Start(ids);
    runner.RunTo(sequence, cut, 50);
    const kv::Snapshot snapshots[] = {sequence.cache.TakeSnapshot(0),
                                      sequence.cache.TakeSnapshot(1)};
    // Until a block of 128 has ended.
    const size_t end = std::min(ids.size(), (cut / 128 + 1) * 128 + 5);
    for (const kv::Snapshot& snapshot : snapshots) {
      StrayAndReturn(runner, sequence, snapshot, cut % 2 == 0 ? 140 : 9);
      runner.RunTo(sequence, end, 61);
      const std::string what = fmt::format("cut at {}, back to {}", cut, snapshot.length);
      ExpectSameBits(sequence.logits.main, FirstTokens(whole.main, end), what);
      ExpectSameBits(sequence.logits.mtp, FirstTokens(whole.mtp, end), "MTP, " + what);
    }
  }
}

TEST_P(SnapshotTest, ADefaultSnapshotIsTheEmptySequence) {
  const auto ids = Ids(150);
  Runner runner(test_, 2);
  auto sequence = runner.Start(Ids(200));
  runner.RunTo(sequence, 200);
  sequence.cache.Restore({});
  auto again = Runner::Sequence{std::move(sequence.cache), ids, 0, {}};
  runner.RunTo(again, ids.size());
  const Logits whole = RunAtOnce(test_, ids, 2);
  ExpectSameBits(again.logits.main, whole.main, "anew");
  ExpectSameBits(again.logits.mtp, whole.mtp, "MTP, anew");
}

TEST_P(SnapshotTest, ForksShareThePastAndNothingElse) {
  const auto past = Ids(270);
  Runner runner(test_, 2);
  for (const size_t cut : {size_t{1}, size_t{66}, size_t{131}, size_t{256}, size_t{270}}) {
    std::vector<Runner::Sequence> sequences;
    for (int i = 0; i < 3; ++i) {
      auto ids = past;
      ids.resize(cut);
      const auto own = Ids(90);
      ids.insert(ids.end(), own.begin(), own.end());
      sequences.push_back(runner.Start(std::move(ids)));
    }
    runner.RunTo(sequences[0], cut, 100);
    for (int i = 1; i < 3; ++i) {
      auto& fork = sequences[static_cast<size_t>(i)];
      fork.cache = sequences[0].cache.Fork();
      fork.done = cut;
      fork.logits.main = sequences[0].logits.main;
    }
    // Side by side, so that each writes while the others still read what they share.
    std::vector<Runner::Sequence*> batch;
    for (auto& sequence : sequences) batch.push_back(&sequence);
    const std::vector<size_t> counts(batch.size(), 9);
    for (int step = 0; step < 10; ++step) runner.Step(batch, counts);
    for (const auto& sequence : sequences)
      ExpectSameBits(sequence.logits.main, RunAtOnce(test_, sequence.ids, 2).main,
                     fmt::format("fork at {}", cut));
  }
}

// A snapshot of one sequence serves a fork that has gone elsewhere.
TEST_P(SnapshotTest, AForkMayReturnToASnapshotOfItsOrigin) {
  const auto ids = Ids(200);
  Runner runner(test_, 2);
  auto origin = runner.Start(ids);
  runner.RunTo(origin, 131, 50);
  const kv::Snapshot snapshot = origin.cache.TakeSnapshot();
  auto fork = Runner::Sequence{origin.cache.Fork(), ids, 131, origin.logits};
  StrayAndReturn(runner, fork, snapshot, 70);
  runner.RunTo(origin, ids.size());
  runner.RunTo(fork, ids.size(), 13);
  ExpectSameBits(fork.logits.main, origin.logits.main, "after the return");
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, SnapshotTest,
                         testing::Values("tests/goldens/nano-flash", "tests/goldens/nano-pro",
                                         "tests/models/recall"),
                         CheckpointName);

}  // namespace
}  // namespace fathom::tests
