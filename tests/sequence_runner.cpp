#include "sequence_runner.h"

#include <algorithm>
#include <bit>

#include "kernels/dispatch.h"

namespace fathom::tests {

Runner::Runner(TestModel& test, int threads)
    : pool_(threads),
      model_(test.config, test.weights.weights(), **kernels::SelectKernels(), pool_, kMaxTokens) {}

Runner::Sequence Runner::Start(std::vector<int32_t> ids) {
  return {model_.NewSequence(), std::move(ids), 0, {}};
}

void Runner::Step(std::span<Sequence*> sequences, std::span<const size_t> counts) {
  std::vector<model::Slice> slices;
  for (size_t i = 0; i < sequences.size(); ++i)
    slices.push_back({&sequences[i]->cache,
                      std::span(sequences[i]->ids).subspan(sequences[i]->done, counts[i])});
  ASSERT_TRUE(model_.Forward(slices).ok());
  int32_t token = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    std::vector<int32_t> tokens;
    for (size_t t = 0; t < counts[i]; ++t) tokens.push_back(token++);
    AppendLogits(sequences[i]->logits.main, tokens, false);
    sequences[i]->done += counts[i];
  }
  if (sequences.size() == 1) StepMtp(*sequences[0], counts[0]);
}

void Runner::RunTo(Sequence& sequence, size_t end, size_t chunk) {
  Sequence* one = &sequence;
  while (sequence.done < end) {
    const size_t count = std::min(chunk, end - sequence.done);
    Step({&one, 1}, {&count, 1});
  }
}

void Runner::AppendLogits(std::vector<float>& out, std::span<const int32_t> tokens, bool mtp) {
  const auto vocab = static_cast<size_t>(model_.config().vocab_size);
  out.resize(out.size() + tokens.size() * vocab);
  float* place = out.data() + out.size() - tokens.size() * vocab;
  mtp ? model_.MtpLogits(tokens, place) : model_.Logits(tokens, place);
}

void Runner::StepMtp(Sequence& sequence, size_t count) {
  if (model_.config().num_nextn_predict_layers == 0) return;
  const size_t first = sequence.done - count + 1;
  const size_t known = std::min(count, sequence.ids.size() - first);
  if (known == 0) return;
  ASSERT_TRUE(model_.ForwardMtp(std::span(sequence.ids).subspan(first, known)).ok());
  std::vector<int32_t> tokens;
  for (size_t t = 0; t < known; ++t) tokens.push_back(static_cast<int32_t>(t));
  AppendLogits(sequence.logits.mtp, tokens, true);
}

std::vector<int32_t> RandomIds(std::mt19937& random, int64_t vocab, size_t count) {
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids)
    id = std::uniform_int_distribution<int32_t>(0, static_cast<int32_t>(vocab) - 1)(random);
  return ids;
}

void ExpectSameBits(const std::vector<float>& a, const std::vector<float>& b,
                    const std::string& what) {
  const auto same = [](float x, float y) {
    return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  };
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end(), same)) << what;
}

Logits RunAtOnce(TestModel& test, const std::vector<int32_t>& ids, int threads) {
  Runner runner(test, threads);
  Runner::Sequence sequence = runner.Start(ids);
  runner.RunTo(sequence, ids.size());
  return sequence.logits;
}

std::string CheckpointName(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  name = name.substr(name.rfind('/') + 1);
  std::erase(name, '-');
  return name;
}

}  // namespace fathom::tests
