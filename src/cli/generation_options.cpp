#include "cli/generation_options.h"

#include <optional>
#include <utility>

#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/progress_bar.h"
#include "text/utf8.h"

namespace fathom::cli {
namespace {

constexpr double kLargest = 1e6;
constexpr const char* kSamplingGroup = "Sampling, in the order in which it applies";

void AddFloat(CLI::App& app, const std::string& name, NumberRange range,
              const std::string& description, float* value) {
  AddNumber(app, name, range, description, [value](double number) {
    *value = static_cast<float>(number);
  }).Group(kSamplingGroup);
}

void AddSamplingOptions(CLI::App& app, engine::SamplingOptions* sampling) {
  AddFloat(app, "--repetition-penalty", {1e-3, kLargest},
           "Make tokens of prompt and answer less likely by\nthis factor (default: 1)",
           &sampling->repetition_penalty);
  AddFloat(app, "--presence-penalty", {-kLargest, kLargest},
           "Subtract this from the logits of tokens that the\nanswer holds (default: 0)",
           &sampling->presence_penalty);
  AddFloat(app, "--frequency-penalty", {-kLargest, kLargest},
           "The same for every time that it holds them\n(default: 0)",
           &sampling->frequency_penalty);
  AddFloat(app, "--temp", {0, kLargest}, "Temperature; 0 takes the likeliest token (default: 1)",
           &sampling->temperature);
  AddInteger(app, "--top-k", {0, INT32_MAX}, "Keep the N likeliest tokens (default: 0, all)",
             [sampling](int64_t k) { sampling->top_k = static_cast<int32_t>(k); })
      .Group(kSamplingGroup);
  AddFloat(app, "--min-p", {0, 1},
           "Keep tokens at least this likely, as a share of the\nlikeliest one (default: 0, all)",
           &sampling->min_p);
  AddFloat(app, "--top-p", {0, 1},
           "Keep the likeliest tokens that make up this\nprobability (default: 1, all)",
           &sampling->top_p);
  AddInteger(app, "--seed", {0}, "Same seed, same answer (default: 0)", [sampling](int64_t seed) {
    sampling->seed = static_cast<uint64_t>(seed);
  }).Group(kSamplingGroup);
}

}  // namespace

void AddEngineOptions(CLI::App& app, EngineFlags* flags) {
  AddModelOption(app, &flags->model);
  AddThreadsOption(app, &flags->threads);
  AddInteger(
      app, "--context", {1},
      "Longest sequence, prompt and answer, in tokens\n(default: what the model was made for)",
      [flags](int64_t tokens) { flags->context = tokens; });
  AddInteger(app, "--batch-tokens", {1, 1 << 16},
             "Tokens of a prompt that are computed at a time\n(default: 512)",
             [flags](int64_t tokens) { flags->batch_tokens = tokens; });
  AddExpertMemoryOption(app, &flags->expert_memory);
  AddPlacementOptions(app, &flags->placement);
}

void AddGenerationOptions(CLI::App& app, GenerationFlags* flags) {
  AddText(app, "--system", "TEXT", "The system message", &flags->system);
  AddThinkOption(app, "Thinking before the answer (default: none)", &flags->think);
  AddInteger(app, "-n,--max-tokens", {1}, "Longest answer (default: until the context is full)",
             [flags](int64_t tokens) { flags->max_tokens = tokens; });
  const auto is_empty = [](const std::string& text) {
    return text.empty() ? "an empty text would end every answer" : std::string();
  };
  AddTexts(app, "--stop", "TEXT", "End the answer before this text; may be repeated", &flags->stop,
           is_empty);
  AddSamplingOptions(app, &flags->sampling);
}

void ApplyEngineFlags(const EngineFlags& flags, engine::EngineOptions* options) {
  options->threads = flags.threads;
  options->context = flags.context;
  options->batch_tokens = flags.batch_tokens;
  options->expert_memory = flags.expert_memory;
  options->pin_threads = flags.placement.pin_threads;
  options->interleave_memory = flags.placement.interleave_memory;
  options->large_pages = flags.placement.large_pages;
}

base::Result<std::unique_ptr<engine::Engine>> OpenEngine(const EngineFlags& flags) {
  FATHOM_ASSIGN(const std::string directory, FindModel(flags.model));
  ProgressBar bar("Reading " + directory, ProgressBar::Unit::kBytes);
  engine::EngineOptions options;
  ApplyEngineFlags(flags, &options);
  options.on_progress = [&bar](uint64_t done, uint64_t total) { bar.Update(done, total); };
  engine::Engine::OpenResult opened = engine::Engine::Open(directory, options);
  if (!opened.engine) return base::Error{opened.error};
  return std::move(opened.engine);
}

engine::Request MakeRequest(const GenerationFlags& flags) {
  engine::Request request;
  request.max_tokens = flags.max_tokens;
  request.sampling = flags.sampling;
  request.stop = flags.stop;
  return request;
}

base::Result<std::vector<int32_t>> EncodeConversation(const engine::Engine& engine,
                                                      const std::string& json,
                                                      text::ThinkingEffort think) {
  std::string error;
  auto tokens = engine.EncodeConversation(json, static_cast<engine::Thinking>(think), &error);
  if (!tokens) return base::Error{error};
  return std::move(*tokens);
}

base::Status CheckUtf8(const std::string& text, const std::string& source) {
  const size_t valid = text::ValidPrefixLength(text);
  if (valid == text.size()) return {};
  return base::MakeError("{}: byte {} is not UTF-8", source, valid);
}

}  // namespace fathom::cli
