#include "train/crowd.h"

#include <gtest/gtest.h>

#include "base/thread_pool.h"
#include "text/tokenizer.h"
#include "train/parameters.h"
#include "train/training_folder_testing.h"

namespace fathom::train {
namespace {

Stage CrowdedStage() {
  Stage stage;
  stage.length = 256;
  stage.step_tokens = 256;
  stage.crowd = 2 * kCrowdPassage;
  stage.positions = 1 << 20;
  return stage;
}

// The crowd stands in the gap of every sequence, and nothing beyond what a model was told of.
TEST(CrowdTest, StandsInTheGap) {
  const Stage stage = CrowdedStage();
  int64_t far = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const CrowdPlace place = PlaceCrowd(stage, seed);
    EXPECT_EQ(place.passages, 2);
    EXPECT_GE(place.stride, kCrowdPassage);
    EXPECT_EQ(place.stride % kLongestBlock, 0);
    const at::Tensor positions = MakeCrowdedPositions(stage.length, place, kLongestBlock);
    const int64_t* at = positions.data_ptr<int64_t>();
    EXPECT_GE(at[0], 0);
    for (int64_t i = 1; i < stage.length; ++i)
      EXPECT_EQ(at[i] - at[i - 1], i == kLongestBlock ? place.span() + 1 : 1);
    EXPECT_EQ(at[kLongestBlock], place.first + place.span());
    EXPECT_LT(at[stage.length - 1], stage.positions);
    far += place.span() > stage.positions / 2 ? 1 : 0;
  }
  EXPECT_GT(far, 40) << "a text of half a million tokens is to be nothing rare";
  EXPECT_LT(far, 140);
}

// What comes before the crowd does not see it, and what comes behind it does.
TEST(CrowdTest, IsSeenFromItsTokenOn) {
  const TrainingFolder folder;
  const auto config = model::LoadConfig(folder / "").value();
  const auto tokenizer = text::Tokenizer::Load(folder / "tokenizer.json").value();
  const auto mixture = data::Mixture::Create(tokenizer, {}).value();
  ParameterTable table(config);
  InitializeParameters(table, 1);
  const Model model(table);
  const Stage stage = CrowdedStage();
  base::ThreadPool pool(2);
  const Crowd crowd = MakeCrowd(model, mixture, stage, 5, pool).value();
  ASSERT_EQ(crowd.layers.size(), 2) << "a CSA and an HCA layer";
  EXPECT_EQ(crowd.layers[0].rows.size(1), 2 * kCrowdPassage / 4);
  EXPECT_EQ(crowd.layers[0].index_keys.size(1), 2 * kCrowdPassage / 4);
  EXPECT_EQ(crowd.layers[1].rows.size(1), 2 * kCrowdPassage / 128);
  EXPECT_FALSE(crowd.layers[1].index_keys.defined());

  at::NoGradGuard no_grad;
  const CrowdPlace place = PlaceCrowd(stage, 5);
  const at::Tensor positions =
      MakeCrowdedPositions(stage.length, place, kLongestBlock).unsqueeze(0);
  const at::Tensor ids = at::remainder(at::arange(stage.length), 90).unsqueeze(0);
  const auto run = [&](const Crowd* seen) {
    Pass pass = model.Begin(ids, positions, {.crowd = seen, .crowd_at = kLongestBlock});
    return model.Forward(pass);
  };
  const at::Tensor without = run(nullptr), with = run(&crowd);
  const auto part = [&](const at::Tensor& t, int64_t begin, int64_t end) {
    return t.slice(1, begin, end);
  };
  EXPECT_TRUE(at::equal(part(with, 0, kLongestBlock), part(without, 0, kLongestBlock)));
  for (int64_t token = kLongestBlock; token < stage.length; token += 16)
    EXPECT_FALSE(at::equal(part(with, token, token + 1), part(without, token, token + 1)));
}

}  // namespace
}  // namespace fathom::train
