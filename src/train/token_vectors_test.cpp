#include "train/token_vectors.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "data/bpe_trainer.h"
#include "train/tiny_model_testing.h"

namespace fathom::train {
namespace {

text::Tokenizer TrainedTokenizer() {
  const auto json = data::TrainTokenizer(data::MakeTokenizerTexts(1, 3), {.vocab_size = 800});
  auto tokenizer = text::Tokenizer::FromJson(*json, "trained");
  EXPECT_TRUE(tokenizer.ok());
  return std::move(tokenizer).value();
}

model::ModelConfig ConfigOf(const text::Tokenizer& tokenizer) {
  auto json = nlohmann::json::parse(TinyConfigJson());
  json["vocab_size"] = tokenizer.vocab_size();
  return model::ParseConfig(json.dump(), "tiny").value();
}

double Cosine(const at::Tensor& a, const at::Tensor& b) {
  return (a.dot(b) / (a.norm() * b.norm())).item<double>();
}

class TokenVectors : public testing::Test {
 protected:
  TokenVectors() : tokenizer_(TrainedTokenizer()), table_(ConfigOf(tokenizer_)) {
    InitializeParameters(table_, 3);
    output_deviation_ = Output().std().item<double>();
    InitializeTokens(table_, tokenizer_);
  }

  at::Tensor Embedding() const { return table_.Of(table_.skeleton().embed).value; }
  at::Tensor Output() const { return table_.Of(table_.skeleton().output).value; }

  text::Tokenizer tokenizer_;
  ParameterTable table_;
  double output_deviation_;
};

TEST_F(TokenVectors, AWordIsNearItselfWithASpace) {
  std::map<std::string, int32_t, std::less<>> ids;
  for (int32_t id = 0; id < tokenizer_.vocab_size(); ++id)
    if (tokenizer_.Has(id)) ids.emplace(tokenizer_.BytesOf(id), id);
  int pairs = 0;
  for (const auto& [spelling, id] : ids) {
    if (spelling.size() < 2 || spelling.front() != ' ') continue;
    const auto bare = ids.find(spelling.substr(1));
    if (bare == ids.end()) continue;
    ++pairs;
    EXPECT_GT(Cosine(Embedding()[id], Embedding()[bare->second]), 0.75) << spelling;
    EXPECT_LT(Cosine(Embedding()[id], Embedding()[bare->second]), 0.99) << spelling;
    EXPECT_LT(std::abs(Cosine(Embedding()[id], Embedding()['A'])), 0.5) << spelling;
  }
  EXPECT_GT(pairs, 20);
}

TEST_F(TokenVectors, TheOutputLooksWhereTheEmbeddingPoints) {
  for (const int64_t id : {0, 65, 700}) EXPECT_GT(Cosine(Output()[id], Embedding()[id]), 0.9999);
  EXPECT_NEAR(Output().std().item<double>(), output_deviation_, 1e-3 * output_deviation_);
}

}  // namespace
}  // namespace fathom::train
