// The whole forward pass against vectors of an independent implementation. A random network is
// chaotic: a value that rounds the other way flips an expert or a row and moves all that follows.
// So each layer alone, from exact inputs, is held tightly, and the whole model statistically; the
// trained model is much less so and is held tightly in the median and in what it answers.
#include <algorithm>
#include <set>

#include "golden_file.h"
#include "kernels/dispatch.h"

namespace fathom::tests {
namespace {

constexpr int64_t kMaxTokens = 2048;

const kernels::KernelTable& Kernels() {
  auto kernels = kernels::SelectKernels();
  if (!kernels.ok()) throw std::runtime_error(kernels.error().message);
  return **kernels;
}

// What a forward pass chose, in the form of the vectors.
class Choices : public model::ForwardObserver {
 public:
  void OnExperts(int64_t layer, int64_t, std::span<const int32_t> chosen) override {
    experts[layer].emplace_back(chosen.begin(), chosen.end());
  }
  void OnSelected(int64_t layer, int64_t, std::span<const int32_t> rows) override {
    selected[layer].emplace_back(rows.begin(), rows.end());
  }

  std::map<int64_t, std::vector<std::set<int32_t>>> experts;
  std::map<int64_t, std::vector<std::set<int32_t>>> selected;
};

std::vector<std::set<int32_t>> GoldenExperts(const GoldenFile& golden, const std::string& layer) {
  const auto ids = golden.Get<int32_t>(layer + ".experts");
  const int64_t per_token = golden.ShapeOf(layer + ".experts")[1];
  std::vector<std::set<int32_t>> experts;
  for (size_t i = 0; i < ids.size(); i += static_cast<size_t>(per_token))
    experts.emplace_back(ids.begin() + static_cast<ptrdiff_t>(i),
                         ids.begin() + static_cast<ptrdiff_t>(i) + per_token);
  return experts;
}

std::vector<std::set<int32_t>> GoldenSelected(const GoldenFile& golden, const std::string& layer) {
  const auto bits = golden.Get<uint8_t>(layer + ".selected");
  const int64_t bytes = golden.ShapeOf(layer + ".selected")[1];
  std::vector<std::set<int32_t>> selected(bits.size() / static_cast<size_t>(bytes));
  for (size_t i = 0; i < bits.size(); ++i)
    for (int32_t bit = 0; bit < 8; ++bit)
      if ((bits[i] >> (7 - bit) & 1) != 0)
        selected[i / static_cast<size_t>(bytes)].insert(
            static_cast<int32_t>(i % static_cast<size_t>(bytes)) * 8 + bit);
  return selected;
}

double EqualShare(const std::vector<std::set<int32_t>>& a,
                  const std::vector<std::set<int32_t>>& b) {
  EXPECT_EQ(a.size(), b.size());
  double equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return equal / static_cast<double>(a.size());
}

std::vector<int32_t> Iota(int64_t n) {
  std::vector<int32_t> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  return values;
}

std::vector<double> RowErrors(const std::vector<float>& a, const std::vector<float>& b,
                              int64_t width) {
  EXPECT_EQ(a.size(), b.size());
  std::vector<double> errors;
  for (size_t i = 0; i < a.size(); i += static_cast<size_t>(width))
    errors.push_back(RelativeError(&a[i], &b[i], width));
  return errors;
}

double EqualArgMax(const std::vector<float>& a, const std::vector<float>& b, int64_t width) {
  double equal = 0;
  for (size_t i = 0; i < a.size(); i += static_cast<size_t>(width))
    equal += ArgMax(&a[i], width) == ArgMax(&b[i], width) ? 1 : 0;
  return equal * static_cast<double>(width) / static_cast<double>(a.size());
}

struct Outputs {
  std::vector<float> logits;
  std::vector<float> mtp_logits;
};

Outputs RunWhole(TestModel& test, const std::vector<int32_t>& ids) {
  model::Model model(test.config, test.weights.weights(), Kernels(), test.pool, kMaxTokens);
  auto cache = model.NewSequence();
  const model::Slice slice{&cache, ids};
  EXPECT_TRUE(model.Forward({&slice, 1}).ok());
  Outputs out;
  const auto tokens = Iota(static_cast<int64_t>(ids.size()));
  out.logits.resize(ids.size() * static_cast<size_t>(test.config.vocab_size));
  model.Logits(tokens, out.logits.data());
  if (test.config.num_nextn_predict_layers == 0) return out;
  EXPECT_TRUE(model.ForwardMtp(std::span(ids).subspan(1)).ok());
  out.mtp_logits.resize((ids.size() - 1) * static_cast<size_t>(test.config.vocab_size));
  model.MtpLogits(std::span(tokens).first(tokens.size() - 1), out.mtp_logits.data());
  return out;
}

// Runs each layer but the first alone, from the streams that the vectors give for the one before.
// `far` bounds the error at 95 % of the positions: the others hold values that rounded the other
// way.
void ExpectLayersAgree(TestModel& test, const GoldenFile& golden, double far) {
  const auto ids = golden.Get<int32_t>("input_ids");
  const auto tokens = static_cast<int64_t>(ids.size());
  const int64_t width = test.config.hc_mult * test.config.hidden_size;

  for (int64_t layer = 1; layer < test.config.num_hidden_layers; ++layer) {
    const std::string name = fmt::format("layers.{}", layer);
    model::Model model(test.config, test.weights.weights(), Kernels(), test.pool, kMaxTokens);
    auto cache = model.NewSequence();
    const model::Slice slice{&cache, ids};
    model.StartBatch({&slice, 1});
    const auto input = golden.Get<float>(fmt::format("layers.{}.hidden", layer - 1));
    std::copy(input.begin(), input.end(), model.streams());
    Choices choices;
    ASSERT_TRUE(model.RunLayer(layer, &choices).ok());

    const std::vector<float> output(model.streams(), model.streams() + tokens * width);
    const auto errors = RowErrors(output, golden.Get<float>(name + ".hidden"), width);
    EXPECT_LE(Quantile(errors, 0.5), 1e-5) << name;
    EXPECT_LE(Quantile(errors, 0.95), far) << name;
    EXPECT_GE(EqualShare(choices.experts[layer], GoldenExperts(golden, name)), 0.995) << name;
    if (golden.Has(name + ".selected")) {
      EXPECT_GE(EqualShare(choices.selected[layer], GoldenSelected(golden, name)), 0.995) << name;
    }
  }
}

TEST(Goldens, EachLayerOfNanoFlashFromExactInputs) {
  TestModel test(SourcePath("tests/goldens/nano-flash"));
  ExpectLayersAgree(test, GoldenFile(SourcePath("tests/goldens/nano-flash/expected.safetensors")),
                    2e-2);
}

TEST(Goldens, EachLayerOfTheTrainedModelFromExactInputs) {
  TestModel test(SourcePath("tests/models/recall"));
  ExpectLayersAgree(test, GoldenFile(SourcePath("tests/goldens/recall/layers.safetensors")), 1e-3);
}

// Layer 0 has no earlier streams to start from: its input is the embedding.
TEST(Goldens, TheFirstLayerOfEachRandomModel) {
  for (const std::string name : {"nano-flash", "nano-pro"}) {
    TestModel test(SourcePath("tests/goldens/" + name));
    const GoldenFile golden(SourcePath("tests/goldens/" + name + "/expected.safetensors"));
    const auto ids = golden.Get<int32_t>("input_ids");
    model::Model model(test.config, test.weights.weights(), Kernels(), test.pool, kMaxTokens);
    auto cache = model.NewSequence();
    const model::Slice slice{&cache, ids};
    Choices choices;
    ASSERT_TRUE(model.Forward({&slice, 1}, &choices).ok());
    EXPECT_GE(EqualShare(choices.experts[0], GoldenExperts(golden, "layers.0")), 0.995) << name;
  }
}

TEST(Goldens, RandomModelsEndToEnd) {
  for (const std::string name : {"nano-flash", "nano-pro"}) {
    TestModel test(SourcePath("tests/goldens/" + name));
    const GoldenFile golden(SourcePath("tests/goldens/" + name + "/expected.safetensors"));
    const Outputs out = RunWhole(test, golden.Get<int32_t>("input_ids"));
    const int64_t vocab = test.config.vocab_size;
    const auto logits = golden.Get<float>("logits_f32");
    EXPECT_LE(Quantile(RowErrors(out.logits, logits, vocab), 0.5), 5e-2) << name;
    EXPECT_GE(EqualArgMax(out.logits, logits, vocab), 0.88) << name;
    const auto mtp_logits = golden.Get<float>("mtp_logits_f32");
    EXPECT_LE(Quantile(RowErrors(out.mtp_logits, mtp_logits, vocab), 0.5), 5e-2) << name;
    EXPECT_GE(EqualArgMax(out.mtp_logits, mtp_logits, vocab), 0.88) << name;
  }
}

TEST(Goldens, TheTrainedModel) {
  TestModel test(SourcePath("tests/models/recall"));
  const GoldenFile golden(SourcePath("tests/goldens/recall/expected.safetensors"));
  const auto ids = golden.Get<int32_t>("input_ids");
  const Outputs out = RunWhole(test, ids);
  const int64_t vocab = test.config.vocab_size;
  const auto logits = golden.Get<float>("logits_f32");
  const auto errors = RowErrors(out.logits, logits, vocab);
  // A key that rounds the other way stays in view of all later positions. The implementation that
  // made the vectors, run again with its embeddings moved by 3e-7, differs from itself by 2e-7 to
  // 1.4e-3 in the median and by 6e-3 to 3e-2 at 95 % of the positions (eight seeds); its arg-maxes
  // stay the same in 99.8 %.
  EXPECT_LE(Quantile(errors, 0.5), 5e-3);
  EXPECT_LE(Quantile(errors, 0.95), 5e-2);
  EXPECT_GE(EqualArgMax(out.logits, logits, vocab), 0.995);

  const auto mask = golden.Get<uint8_t>("answer_mask");
  int64_t digits = 0;
  for (size_t t = 0; t + 1 < ids.size(); ++t) {
    if (mask[t] == 0) continue;
    ++digits;
    EXPECT_EQ(ArgMax(&out.logits[t * static_cast<size_t>(vocab)], vocab), ids[t + 1]) << t;
  }
  EXPECT_GT(digits, 0);
}

}  // namespace
}  // namespace fathom::tests
