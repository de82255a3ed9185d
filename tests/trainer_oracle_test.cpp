// The trainer's model and the engine's, which share no arithmetic, on the same checkpoints.
#include <gtest/gtest.h>

#include "data/recall_document.h"
#include "golden_file.h"
#include "kernels/dispatch.h"
#include "text/tokenizer.h"
#include "train/checkpoint_io.h"
#include "train/model.h"

namespace fathom::tests {
namespace {

const kernels::KernelTable& Kernels() {
  auto kernels = kernels::SelectKernels();
  if (!kernels.ok()) throw std::runtime_error(kernels.error().message);
  return **kernels;
}

struct Outputs {
  std::vector<float> logits;
  std::vector<float> mtp_logits;
};

Outputs RunEngine(const std::string& directory, const std::vector<int32_t>& ids) {
  TestModel test(directory);
  const auto vocab = static_cast<size_t>(test.config.vocab_size);
  model::Model model(test.config, test.weights.weights(), Kernels(), test.pool,
                     static_cast<int64_t>(ids.size()));
  auto cache = model.NewSequence();
  const model::Slice slice{&cache, ids};
  EXPECT_TRUE(model.Forward({&slice, 1}).ok());
  std::vector<int32_t> tokens(ids.size());
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i);
  Outputs out;
  out.logits.resize(ids.size() * vocab);
  model.Logits(tokens, out.logits.data());
  if (test.config.num_nextn_predict_layers == 0) return out;
  EXPECT_TRUE(model.ForwardMtp(std::span(ids).subspan(1)).ok());
  tokens.pop_back();
  out.mtp_logits.resize(tokens.size() * vocab);
  model.MtpLogits(tokens, out.mtp_logits.data());
  return out;
}

std::vector<float> ToVector(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

Outputs RunTrainer(const std::string& directory, const std::vector<int32_t>& ids) {
  at::NoGradGuard no_grad;
  auto config = model::LoadConfig(directory);
  EXPECT_TRUE(config.ok());
  const train::ParameterTable table(*config);
  const auto read = train::ReadParameters(directory, table);
  EXPECT_TRUE(read.ok()) << read.error().message;
  const train::Model model(table);
  const auto tokens = static_cast<int64_t>(ids.size());
  const at::Tensor all = at::tensor(ids, at::kLong).unsqueeze(0);
  train::Pass pass = model.Begin(all, at::arange(tokens).unsqueeze(0), {});
  const at::Tensor streams = model.Forward(pass);
  Outputs out = {ToVector(model.Logits(model.Hidden(streams))), {}};
  if (!model.has_mtp()) return out;
  train::Pass mtp = model.Begin(all, at::arange(tokens - 1).unsqueeze(0), {});
  out.mtp_logits = ToVector(
      model.Logits(model.MtpHidden(streams.slice(1, 0, tokens - 1), all.slice(1, 1), mtp)));
  return out;
}

std::vector<double> RowErrors(const std::vector<float>& a, const std::vector<float>& b,
                              size_t width) {
  EXPECT_EQ(a.size(), b.size());
  std::vector<double> errors;
  for (size_t i = 0; i < a.size(); i += width)
    errors.push_back(RelativeError(&a[i], &b[i], static_cast<int64_t>(width)));
  return errors;
}

// Any tokens, or those of a document to look facts up in, which a trained model is at home in.
std::vector<int32_t> MakeRandomTokens(int32_t vocab) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 290; ++i) ids.push_back(2 + (i * 7919 + i * i * 31) % (vocab - 2));
  return ids;
}

std::vector<int32_t> MakeDocumentTokens(const std::string& directory, size_t count) {
  const auto tokenizer = text::Tokenizer::Load(directory + "/tokenizer.json").value();
  auto ids =
      tokenizer.EncodePlain(data::MakeRecallDocument({.seed = 3, .bytes = 12000}).text).value();
  EXPECT_GE(ids.size(), count);
  ids.resize(count);
  return ids;
}

// A random network is chaotic: a value that rounds the other way flips an expert or a row, and
// moves everything after it. Before the first such flip the two agree to float32's rounding.
struct Case {
  std::string directory;
  size_t vocab;
  size_t document_tokens;  // more than are all seen; 0: random ones
  double median;
  double far;  // of 95 % of the positions
};

class TrainerOracle : public ::testing::TestWithParam<Case> {};

TEST_P(TrainerOracle, AgreesWithTheEngine) {
  const Case& c = GetParam();
  const std::string directory = SourcePath(c.directory);
  const std::vector<int32_t> ids = c.document_tokens > 0
                                       ? MakeDocumentTokens(directory, c.document_tokens)
                                       : MakeRandomTokens(static_cast<int32_t>(c.vocab));
  const Outputs engine = RunEngine(directory, ids);
  const Outputs trainer = RunTrainer(directory, ids);
  const auto errors = RowErrors(trainer.logits, engine.logits, c.vocab);
  EXPECT_LT(errors.front(), 1e-4);
  EXPECT_LT(Quantile(errors, 0.5), c.median);
  EXPECT_LT(Quantile(errors, 0.95), c.far);
  const auto mtp_errors = RowErrors(trainer.mtp_logits, engine.mtp_logits, c.vocab);
  if (mtp_errors.empty()) return;
  EXPECT_LT(Quantile(mtp_errors, 0.5), c.median);
  EXPECT_LT(Quantile(mtp_errors, 0.95), c.far);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, TrainerOracle,
                         ::testing::Values(Case{"tests/goldens/nano-flash", 256, 0, 0.05, 0.3},
                                           Case{"tests/goldens/nano-pro", 333, 0, 0.05, 0.3},
                                           Case{"tests/models/recall", 288, 600, 0.01, 0.1},
                                           Case{"models/default", 1664, 1500, 0.01, 0.1}));

}  // namespace
}  // namespace fathom::tests
