#include "train/crowd.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "data/random.h"
#include "train/parallel.h"

namespace fathom::train {
namespace {

// What each layer keeps of one passage.
std::vector<LayerRows> ReadPassage(const Model& model, const std::vector<int64_t>& tokens,
                                   int64_t first_position, bool rounding) {
  at::NoGradGuard no_grad;
  const auto length = static_cast<int64_t>(tokens.size());
  const at::Tensor ids = at::tensor(tokens, at::kLong).unsqueeze(0);
  const at::Tensor positions =
      at::arange(first_position, first_position + length, at::kLong).unsqueeze(0);
  Pass pass = model.Begin(ids, positions,
                          {.rounding = rounding ? kEveryRounding : Rounding{},
                           .selection = Selection::kAll,
                           .keeps_rows = true});
  model.Forward(pass);
  return std::move(pass.rows);
}

at::Tensor Join(const std::vector<std::vector<LayerRows>>& passages, size_t layer,
                at::Tensor LayerRows::*part) {
  std::vector<at::Tensor> parts;
  for (const auto& passage : passages) parts.push_back(passage[layer].*part);
  return parts.front().defined() ? at::cat(parts, 1) : at::Tensor();
}

}  // namespace

CrowdPlace PlaceCrowd(const Stage& stage, uint64_t seed) {
  CrowdPlace place = {.passages = stage.crowd / kCrowdPassage,
                      .first = (stage.length + kLongestBlock - 1) / kLongestBlock * kLongestBlock};
  const auto least = static_cast<double>(place.passages * kCrowdPassage);
  const double most =
      std::max(least, static_cast<double>(stage.positions - place.first - stage.length));
  data::Random random(seed);
  const bool all_magnitudes = random.Chance(0.5);
  const double share = random.Uniform();
  const double span =
      all_magnitudes ? least * std::pow(most / least, share) : least + share * (most - least);
  place.stride = std::max(
      kCrowdPassage, static_cast<int64_t>(span) / place.passages / kLongestBlock * kLongestBlock);
  return place;
}

base::Result<Crowd> MakeCrowd(const Model& model, const data::Mixture& mixture, const Stage& stage,
                              uint64_t seed, base::ThreadPool& pool) {
  const CrowdPlace place = PlaceCrowd(stage, seed);
  std::vector<std::vector<int64_t>> texts;
  for (int64_t i = 0; i < place.passages; ++i) {
    FATHOM_ASSIGN(auto text,
                  mixture.MakeFiller(data::MixSeed(seed, static_cast<uint64_t>(i)), kCrowdPassage));
    texts.push_back(std::move(text));
  }
  std::vector<std::vector<LayerRows>> passages(texts.size());
  ForEachOrThrow(pool, place.passages, [&](int64_t item) {
    const auto i = static_cast<size_t>(item);
    passages[i] = ReadPassage(model, texts[i], place.first + item * place.stride, stage.rounding);
  });
  Crowd crowd;
  for (size_t layer = 0; layer < passages.front().size(); ++layer)
    crowd.layers.push_back(
        {Join(passages, layer, &LayerRows::rows), Join(passages, layer, &LayerRows::index_keys)});
  return crowd;
}

at::Tensor MakeCrowdedPositions(int64_t length, const CrowdPlace& crowd, int64_t at) {
  at::Tensor positions = at::arange(crowd.first - at, crowd.first - at + length, at::kLong);
  positions.slice(0, at).add_(crowd.span());
  return positions;
}

}  // namespace fathom::train
