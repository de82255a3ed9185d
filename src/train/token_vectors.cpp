#include "train/token_vectors.h"

#include <cmath>
#include <cstdint>
#include <string_view>
#include <unordered_map>

namespace fathom::train {
namespace {

// The cosine of two spellings of a word.
constexpr float kSharedPart = 0.9f;

void ShareSpellings(const text::Tokenizer& tokenizer, const at::Tensor& embedding) {
  const float own_part = std::sqrt(1 - kSharedPart * kSharedPart);
  std::unordered_map<std::string_view, int64_t> first_of;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.Has(id)) continue;
    std::string_view spelling = tokenizer.BytesOf(id);
    if (spelling.size() > 1 && spelling.front() == ' ') spelling.remove_prefix(1);
    const auto [first, is_new] = first_of.emplace(spelling, id);
    if (is_new) continue;
    const at::Tensor row = embedding.select(0, id);
    row.mul_(own_part).add_(embedding.select(0, first->second), kSharedPart);
  }
}

}  // namespace

void InitializeTokens(const ParameterTable& table, const text::Tokenizer& tokenizer) {
  at::NoGradGuard no_grad;
  const model::ModelWeights& skeleton = table.skeleton();
  const at::Tensor& embedding = table.Of(skeleton.embed).value;
  const at::Tensor& output = table.Of(skeleton.output).value;
  ShareSpellings(tokenizer, embedding);
  output.copy_(embedding * (output.std() / embedding.std()));
}

}  // namespace fathom::train
