// Batch invariance: the logits of a position are the same bits whether its sequence was computed at
// once, in chunks, token by token, beside others, or with another number of threads.
#include <algorithm>
#include <bit>
#include <random>

#include "golden_file.h"
#include "kernels/dispatch.h"

namespace fathom::tests {
namespace {

constexpr int64_t kMaxTokens = 512;

struct Logits {
  std::vector<float> main;  ///< [T, vocab]
  std::vector<float> mtp;   ///< [T - 1, vocab], empty without an MTP head
};

/// Sequences computed side by side, some tokens of each a step.
class Runner {
 public:
  Runner(TestModel& test, int threads)
      : pool_(threads),
        model_(test.config, test.weights.weights(), **kernels::SelectKernels(), pool_, kMaxTokens) {
  }

  struct Sequence {
    explicit Sequence(model::Model& model, std::vector<int32_t> tokens)
        : cache(model.NewSequence()), ids(std::move(tokens)) {}
    kv::SequenceCache cache;
    std::vector<int32_t> ids;
    size_t done = 0;
    Logits logits;
  };

  Sequence Start(std::vector<int32_t> ids) { return Sequence(model_, std::move(ids)); }

  /// Computes the next counts[i] tokens of each sequence in one batch.
  void Step(std::span<Sequence*> sequences, std::span<const size_t> counts) {
    std::vector<model::Slice> slices;
    for (size_t i = 0; i < sequences.size(); ++i)
      slices.push_back({&sequences[i]->cache,
                        std::span(sequences[i]->ids).subspan(sequences[i]->done, counts[i])});
    model_.Forward(slices);
    int32_t token = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      std::vector<int32_t> tokens;
      for (size_t t = 0; t < counts[i]; ++t) tokens.push_back(token++);
      AppendLogits(sequences[i]->logits.main, tokens, false);
      sequences[i]->done += counts[i];
    }
    if (sequences.size() == 1) StepMtp(*sequences[0], counts[0]);
  }

 private:
  void AppendLogits(std::vector<float>& out, std::span<const int32_t> tokens, bool mtp) {
    const auto vocab = static_cast<size_t>(model_.config().vocab_size);
    out.resize(out.size() + tokens.size() * vocab);
    float* place = out.data() + out.size() - tokens.size() * vocab;
    mtp ? model_.MtpLogits(tokens, place) : model_.Logits(tokens, place);
  }

  void StepMtp(Sequence& sequence, size_t count) {
    if (model_.config().num_nextn_predict_layers == 0) return;
    const size_t first = sequence.done - count + 1;
    const size_t known = std::min(count, sequence.ids.size() - first);
    if (known == 0) return;
    model_.ForwardMtp(std::span(sequence.ids).subspan(first, known));
    std::vector<int32_t> tokens;
    for (size_t t = 0; t < known; ++t) tokens.push_back(static_cast<int32_t>(t));
    AppendLogits(sequence.logits.mtp, tokens, true);
  }

  base::ThreadPool pool_;
  model::Model model_;
};

std::vector<int32_t> RandomIds(std::mt19937& random, int64_t vocab, size_t count) {
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids)
    id = std::uniform_int_distribution<int32_t>(0, static_cast<int32_t>(vocab) - 1)(random);
  return ids;
}

void ExpectSameBits(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  const auto same = [](float x, float y) {
    return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  };
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end(), same)) << what;
}

Logits RunAtOnce(TestModel& test, const std::vector<int32_t>& ids, int threads) {
  Runner runner(test, threads);
  auto sequence = runner.Start(ids);
  Runner::Sequence* one = &sequence;
  const size_t count = ids.size();
  runner.Step({&one, 1}, {&count, 1});
  return sequence.logits;
}

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
    Runner::Sequence* one = &sequence;
    while (sequence.done < ids.size()) {
      const size_t count = std::min(chunk, ids.size() - sequence.done);
      runner.Step({&one, 1}, {&count, 1});
    }
    ExpectSameBits(sequence.logits.main, whole.main, fmt::format("chunk {}", chunk).c_str());
    ExpectSameBits(sequence.logits.mtp, whole.mtp, fmt::format("MTP, chunk {}", chunk).c_str());
  }
}

TEST_P(BatchInvariance, AnyNumberOfThreads) {
  const auto ids = RandomIds(random_, test_.config.vocab_size, 200);
  const Logits one = RunAtOnce(test_, ids, 1);
  for (const int threads : {2, 3, 5}) {
    const Logits many = RunAtOnce(test_, ids, threads);
    ExpectSameBits(many.main, one.main, fmt::format("{} threads", threads).c_str());
    ExpectSameBits(many.mtp, one.mtp, fmt::format("MTP, {} threads", threads).c_str());
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
                                         "models/default"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           name = name.substr(name.rfind('/') + 1);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace fathom::tests
