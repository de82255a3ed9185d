#include "evaluate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "kernels/dispatch.h"
#include "model/config.h"
#include "model/model.h"
#include "model/weights_loader.h"
#include "text/tokenizer.h"

namespace fathom::evaluate {
namespace {

constexpr int64_t kChunk = 256;

double LossOf(std::span<const float> logits, int32_t target) {
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - top));
  return std::log(sum) - static_cast<double>(logits[static_cast<size_t>(target)] - top);
}

// Adds the losses of a document's tokens but the first.
base::Status AddLosses(model::Model& model, const std::vector<int32_t>& ids, Perplexity& sum) {
  kv::SequenceCache cache = model.NewSequence();
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  std::vector<float> logits(static_cast<size_t>(kChunk) * vocab);
  std::vector<int32_t> tokens(static_cast<size_t>(kChunk));
  std::iota(tokens.begin(), tokens.end(), 0);
  const size_t predicted = ids.size() - 1;
  for (size_t begin = 0; begin < predicted; begin += kChunk) {
    const size_t count = std::min<size_t>(kChunk, predicted - begin);
    const model::Slice slice{&cache, std::span(ids).subspan(begin, count)};
    FATHOM_TRY(model.Forward({&slice, 1}));
    model.Logits(std::span(tokens).first(count), logits.data());
    for (size_t i = 0; i < count; ++i)
      sum.mean_loss += LossOf(std::span(logits).subspan(i * vocab, vocab), ids[begin + i + 1]);
  }
  sum.tokens += static_cast<int64_t>(predicted);
  return {};
}

}  // namespace

base::Result<Perplexity> MeasurePerplexity(const std::string& directory,
                                           const std::vector<std::string>& texts,
                                           base::ThreadPool& pool) {
  FATHOM_ASSIGN(const text::Tokenizer tokenizer,
                text::Tokenizer::Load(directory + "/tokenizer.json"));
  FATHOM_ASSIGN(const model::ModelConfig config, model::LoadConfig(directory));
  FATHOM_ASSIGN(const auto weights, model::LoadedWeights::Open(directory, config, pool));
  FATHOM_ASSIGN(const kernels::KernelTable* kernels, kernels::SelectKernels());
  model::Model model(config, weights.weights(), *kernels, pool, kChunk);
  Perplexity out;
  for (const std::string& text : texts) {
    FATHOM_ASSIGN(std::vector<int32_t> ids, tokenizer.EncodePlain(text));
    ids.insert(ids.begin(), static_cast<int32_t>(config.bos_token_id));
    FATHOM_TRY(AddLosses(model, ids, out));
  }
  if (out.tokens == 0) return base::MakeError("there is no text to predict");
  out.mean_loss /= static_cast<double>(out.tokens);
  out.perplexity = std::exp(out.mean_loss);
  return out;
}

}  // namespace fathom::evaluate
