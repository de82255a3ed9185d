#include "train/batch.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "data/random.h"
#include "train/crowd.h"

namespace fathom::train {
namespace {

constexpr int64_t kMostGaps = 4;

// Everything random about a step comes from its seed.
struct StepMaker {
  const StepTexts& texts;
  const data::Mixture& mixture;
  std::optional<CrowdPlace> crowd;
  uint64_t seed;

  base::Result<Batch> MakeBatch(int64_t sequences, uint64_t batch_seed) const {
    const int64_t length = texts.length + 1;
    Batch batch = {.tokens = at::empty({sequences, length}, at::kLong),
                   .weights = at::empty({sequences, length}),
                   .positions = at::empty({sequences, texts.length}, at::kLong)};
    for (int64_t i = 0; i < sequences; ++i) {
      const uint64_t own = data::MixSeed(batch_seed, static_cast<uint64_t>(i));
      FATHOM_ASSIGN(const data::Sample sample, mixture.Make(own, length));
      std::copy(sample.tokens.begin(), sample.tokens.end(), batch.tokens[i].data_ptr<int64_t>());
      std::copy(sample.weights.begin(), sample.weights.end(), batch.weights[i].data_ptr<float>());
      if (!crowd) {
        batch.positions[i].copy_(MakePositions(texts.length, texts.positions, kLongestBlock, own));
        continue;
      }
      batch.crowd_at =
          data::Random(own).Between(1, (texts.length - 1) / kLongestBlock) * kLongestBlock;
      batch.positions[i].copy_(MakeCrowdedPositions(texts.length, *crowd, batch.crowd_at));
    }
    return batch;
  }

  base::Result<std::vector<Batch>> Make(int64_t batch_tokens) const {
    // The crowd stands before one token of a batch.
    const int64_t most = crowd ? 1 : std::max<int64_t>(1, batch_tokens / texts.length);
    std::vector<Batch> batches;
    for (int64_t left = std::max<int64_t>(1, texts.step_tokens / texts.length); left > 0;) {
      const int64_t sequences = std::min(left, most);
      FATHOM_ASSIGN(Batch batch,
                    MakeBatch(sequences, data::MixSeed(seed, static_cast<uint64_t>(left))));
      batches.push_back(std::move(batch));
      left -= sequences;
    }
    return batches;
  }
};

}  // namespace

at::Tensor MakePositions(int64_t length, int64_t reach, int64_t grain, uint64_t seed) {
  at::Tensor positions = at::arange(length, at::kLong);
  const int64_t places = (length - 1) / grain;
  const int64_t most = (reach - length) / grain;
  if (places == 0 || most < 1) return positions;
  data::Random random(seed);
  const bool all_magnitudes = random.Chance(0.5);
  const double share = random.Uniform();
  const double sum = all_magnitudes ? std::pow(static_cast<double>(most), share)
                                    : share * static_cast<double>(most);
  const int64_t gaps = random.Between(1, kMostGaps);
  const auto size = static_cast<int64_t>(sum / static_cast<double>(gaps));
  for (int64_t i = 0; i < gaps; ++i)
    positions.slice(0, random.Between(1, places) * grain).add_(size * grain);
  return positions;
}

base::Result<std::vector<Batch>> MakeStep(const Recipe& recipe, const data::Mixture& mixture,
                                          int64_t step) {
  const Stage& stage = *FindStep(recipe, step).stage;
  StepMaker maker = {.texts = stage,
                     .mixture = mixture,
                     .crowd = {},
                     .seed = data::MixSeed(recipe.seed, static_cast<uint64_t>(step))};
  if (stage.crowd > 0) maker.crowd = PlaceCrowd(stage, maker.seed);
  return maker.Make(recipe.batch_tokens);
}

base::Result<std::vector<Batch>> MakeExam(const Recipe& recipe, const Exam& exam,
                                          const data::Mixture& mixture) {
  constexpr uint64_t kNoStep = ~uint64_t{0};
  const StepMaker maker = {
      .texts = exam, .mixture = mixture, .crowd = {}, .seed = data::MixSeed(recipe.seed, kNoStep)};
  return maker.Make(recipe.batch_tokens);
}

}  // namespace fathom::train
