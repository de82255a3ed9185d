#include "measure/model_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "measure/nano_model_testing.h"

namespace fathom::measure {
namespace {

using testing::AllOf;
using testing::Each;
using testing::Gt;
using testing::HasSubstr;
using testing::SizeIs;

class ModelBenchTest : public testing::Test {
 protected:
  ModelRow Measure(int64_t context, int64_t batch, const ModelBenchOptions& options) {
    ModelBench bench(nano_.model, nano_.pool, options);
    const auto row = bench.Measure(context, batch, [&](int64_t done, int64_t total) {
      EXPECT_GE(done, progress_);
      EXPECT_EQ(total, batch * context);
      progress_ = done;
    });
    EXPECT_TRUE(row.ok());
    EXPECT_EQ(progress_, batch * context);
    progress_ = 0;
    return *row;
  }

  int64_t CountComputedBytes(int64_t length) {
    kv::SequenceCache cache = nano_.model.NewSequence();
    nano_.Forward(length, cache);
    return cache.bytes().total();
  }

  NanoModel nano_{"nano-flash"};
  int64_t progress_ = 0;
};

TEST_F(ModelBenchTest, EndsAtTheContextHoweverItIsFilled) {
  for (const Fill fill : {Fill::kRandom, Fill::kPrefill}) {
    const ModelRow row = Measure(400, 1, {.prefill_tokens = 64, .decode_tokens = 3, .fill = fill});
    EXPECT_EQ(row.fill, fill);
    EXPECT_EQ(row.kv_bytes, CountComputedBytes(400));
    EXPECT_EQ(row.prefill_tokens, 64);
    EXPECT_THAT(row.decode_seconds, AllOf(SizeIs(3), Each(Gt(0))));
    EXPECT_GT(row.prefill_seconds, 0);
  }
}

TEST_F(ModelBenchTest, SequencesShareTheChunk) {
  const ModelRow row = Measure(300, 5, {.prefill_tokens = 64, .decode_tokens = 2});
  EXPECT_EQ(row.prefill_tokens, 60);
  EXPECT_EQ(row.kv_bytes, 5 * CountComputedBytes(300));
  EXPECT_DOUBLE_EQ(row.prefill_rate(), 60 / row.prefill_seconds);
  EXPECT_DOUBLE_EQ(row.decode_rate(), 10 / (row.decode_seconds[0] + row.decode_seconds[1]));
}

TEST_F(ModelBenchTest, AShortContextIsPrefilledWhole) {
  const ModelRow row = Measure(20, 1, {.prefill_tokens = 64, .decode_tokens = 8});
  EXPECT_EQ(row.prefill_tokens, 12);
  EXPECT_EQ(row.fill, Fill::kPrefill);
}

TEST_F(ModelBenchTest, FillsLongContextsAtRandomByDefault) {
  const ModelBenchOptions options = {.prefill_tokens = 64, .decode_tokens = 8};
  EXPECT_EQ(Measure(ModelBench::kMostPrefilled + 72, 1, options).fill, Fill::kPrefill);
  EXPECT_EQ(Measure(ModelBench::kMostPrefilled + 73, 1, options).fill, Fill::kRandom);
}

TEST_F(ModelBenchTest, CountsWhatAStepReads) {
  const model::ModelConfig& c = nano_.config;
  // nano-flash: every matrix that a token meets, by hand from its shapes.
  int64_t always = c.vocab_size * c.hidden_size * 2 + c.hidden_size * 2;
  always += (c.hc_mult * c.hc_mult * c.hidden_size + c.hc_mult + 1) * 4;
  int64_t expert = 0;
  for (const model::LayerWeights& layer : nano_.weights.weights().layers) {
    const auto add = [](const tensor::WeightMatrix& m) {
      const int64_t blocks = (m.rows + 127) / 128 * ((m.cols + 127) / 128);
      switch (m.format) {
        case tensor::WeightFormat::kF32:
          return m.rows * m.cols * 4;
        case tensor::WeightFormat::kBf16:
          return m.rows * m.cols * 2;
        case tensor::WeightFormat::kE4m3:
          return m.rows * m.cols + blocks;
        case tensor::WeightFormat::kE2m1:
          return m.rows * m.cols / 2 + m.rows * m.cols / 32;
      }
      return int64_t{0};
    };
    const auto& attn = layer.attn;
    for (const auto* m :
         {&layer.hc_attn.fn, &layer.hc_ffn.fn, &attn.wq_a, &attn.wq_b, &attn.wkv, &attn.wo_a,
          &attn.wo_b, &attn.compressor.wkv, &attn.compressor.wgate, &attn.indexer.wq_b,
          &attn.indexer.weights_proj, &attn.indexer.compressor.wkv, &attn.indexer.compressor.wgate,
          &layer.ffn.gate, &layer.ffn.shared.w1, &layer.ffn.shared.w2, &layer.ffn.shared.w3})
      always += add(*m);
    // Norms of BF16; bases, scales, sinks, biases and positional scores of float32.
    always += (2 * c.hidden_size + c.q_lora_rank + c.head_dim) * 2;
    always += (2 * (c.hc_mix_rows() + 3) + c.num_attention_heads) * 4;
    if (layer.ffn.bias != nullptr) always += c.n_routed_experts * 4;
    const auto index = static_cast<size_t>(&layer - nano_.weights.weights().layers.data());
    const model::LayerPlan& plan = c.layers[index];
    for (const auto& [compressor, dim] :
         {std::pair{&attn.compressor, c.head_dim}, {&attn.indexer.compressor, c.index_head_dim}}) {
      if (compressor->ape == nullptr) continue;
      always += plan.compress_ratio * c.compressor_width(plan, dim) * 4 + dim * 2;
    }
    const model::ExpertWeights& first = layer.ffn.experts.front();
    expert = add(first.w1) + add(first.w2) + add(first.w3);
  }
  const ModelBenchOptions options = {.prefill_tokens = 16, .decode_tokens = 4};
  const ModelRow one = Measure(100, 1, options);
  const int64_t experts = c.num_hidden_layers * c.num_experts_per_tok;
  EXPECT_EQ(one.weight_bytes_per_token(), static_cast<double>(always + experts * expert));

  // Four tokens use more experts than one, at most four times as many; all else is read once.
  const ModelRow four = Measure(100, 4, options);
  EXPECT_GT(four.weight_bytes, one.weight_bytes);
  EXPECT_LE(four.weight_bytes, static_cast<double>(always + 4 * experts * expert));
  EXPECT_EQ(four.kv_bytes_read, 4 * one.kv_bytes_read);
}

TEST_F(ModelBenchTest, SharesArePartsOfTheCeilings) {
  ModelRow row = {.batch = 2};
  row.prefill_seconds = 2;
  row.prefill_macs = 1e9;
  row.decode_seconds = {0.5, 0.25, 0.5};
  row.weight_bytes = 3e8;
  row.kv_bytes_read = 1e8;
  const Ceilings ceilings = {.read_bytes = 1.6e9, .bf16_macs = 2e9, .int8_macs = 1};
  EXPECT_DOUBLE_EQ(row.share_of_read(ceilings), 0.5);
  EXPECT_DOUBLE_EQ(row.share_of_bf16(ceilings), 0.25);
  EXPECT_DOUBLE_EQ(row.weight_bytes_per_token(), 1.5e8);
  EXPECT_DOUBLE_EQ(row.decode_rate(), 4);
}

TEST_F(ModelBenchTest, SkipsWhatDoesNotFit) {
  ModelBench bench(nano_.model, nano_.pool, {});
  const auto row = bench.Measure(1'000'000'000, 4096, [](int64_t, int64_t) { FAIL(); });
  ASSERT_TRUE(row.ok());
  EXPECT_THAT(row->skipped, HasSubstr(" GB of memory, "));
  EXPECT_THAT(row->decode_seconds, SizeIs(0));
}

}  // namespace
}  // namespace fathom::measure
