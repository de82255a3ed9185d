#include "engine/validate.h"

#include <cmath>

namespace fathom::engine {
namespace {

using base::MakeError;

constexpr int kMaxThreads = 1024;

base::Status CheckIds(const std::vector<int32_t>& ids, const char* field, int64_t vocab) {
  for (size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= vocab)
      return MakeError("{}[{}]: token id {} is not in the vocabulary of {}", field, i, ids[i],
                       vocab);
  return {};
}

base::Status CheckRange(float value, float least, float most, const char* field) {
  if (value >= least && value <= most) return {};
  return MakeError("{}: {} is not between {} and {}", field, value, least, most);
}

base::Status CheckSampling(const SamplingOptions& sampling, const EngineInfo& info) {
  constexpr float kLarge = 1e6f;
  FATHOM_TRY(CheckRange(sampling.repetition_penalty, 1e-3f, kLarge, "repetition_penalty"));
  FATHOM_TRY(CheckRange(sampling.presence_penalty, -kLarge, kLarge, "presence_penalty"));
  FATHOM_TRY(CheckRange(sampling.frequency_penalty, -kLarge, kLarge, "frequency_penalty"));
  FATHOM_TRY(CheckRange(sampling.temperature, 0, kLarge, "temperature"));
  // Below this, dividing a logit could overflow; a user who wants less wants 0.
  if (sampling.temperature > 0 && sampling.temperature < 1e-6f)
    return MakeError("temperature: {} is neither 0 nor at least 1e-06", sampling.temperature);
  FATHOM_TRY(CheckRange(sampling.min_p, 0, 1, "min_p"));
  FATHOM_TRY(CheckRange(sampling.top_p, 0, 1, "top_p"));
  if (sampling.top_k < 0) return MakeError("top_k: {} is negative", sampling.top_k);
  for (const auto& [id, bias] : sampling.logit_bias) {
    FATHOM_TRY(CheckIds({id}, "logit_bias", info.vocab_size));
    FATHOM_TRY(CheckRange(bias, -kLarge, kLarge, "logit_bias"));
  }
  return {};
}

}  // namespace

base::Status CheckOptions(const EngineOptions& options, int64_t positions) {
  if (options.threads < 0 || options.threads > kMaxThreads)
    return MakeError("threads: {} is not between 0 and {}", options.threads, kMaxThreads);
  if (options.context < 0 || options.context > positions)
    return MakeError("context: {} is not between 1 and the model's {}", options.context, positions);
  if (options.batch_tokens < 1 || options.batch_tokens > 1 << 16)
    return MakeError("batch_tokens: {} is not between 1 and {}", options.batch_tokens, 1 << 16);
  if (options.chunk_tokens < 1)
    return MakeError("chunk_tokens: {} is below 1", options.chunk_tokens);
  if (options.max_batch < 1) return MakeError("max_batch: {} is below 1", options.max_batch);
  if (options.max_queue < 0 || options.max_queue > 1 << 20)
    return MakeError("max_queue: {} is not between 0 and {}", options.max_queue, 1 << 20);
  if (options.kv_memory > INT64_MAX)
    return MakeError("kv_memory: {} bytes are more than there can be", options.kv_memory);
  if (options.kv_disk > INT64_MAX)
    return MakeError("kv_disk: {} bytes are more than there can be", options.kv_disk);
  if (!options.kv_directory.empty() && options.kv_memory == 0)
    return MakeError("kv_directory: nothing is kept without kv_memory");
  return {};
}

base::Status CheckRequest(const Request& request, const EngineInfo& info) {
  if (request.prompt.empty()) return MakeError("prompt: empty");
  FATHOM_TRY(CheckIds(request.prompt, "prompt", info.vocab_size));
  const auto tokens = static_cast<int64_t>(request.prompt.size());
  if (tokens >= info.context)
    return MakeError("prompt: {} tokens leave no room for an answer in a context of {}", tokens,
                     info.context);
  for (size_t i = 0; i < request.boundaries.size(); ++i) {
    const int64_t least = i == 0 ? 1 : request.boundaries[i - 1] + 1;
    if (request.boundaries[i] < least || request.boundaries[i] > tokens)
      return MakeError("boundaries[{}]: {} is not between {} and {}", i, request.boundaries[i],
                       least, tokens);
  }
  FATHOM_TRY(CheckIds(request.stop_tokens, "stop_tokens", info.vocab_size));
  for (const std::string& stop : request.stop)
    if (stop.empty()) return MakeError("stop: an empty text would end every answer");
  if (request.top_logprobs < 0 || request.top_logprobs > info.vocab_size)
    return MakeError("top_logprobs: {} is not between 0 and {}", request.top_logprobs,
                     info.vocab_size);
  return CheckSampling(request.sampling, info);
}

}  // namespace fathom::engine
