#include "train/trainer.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/file.h"
#include "data/prose.h"
#include "data/sources.h"
#include "model/config.h"
#include "text/tokenizer.h"
#include "train/batch.h"
#include "train/checkpoint_io.h"
#include "train/lora.h"
#include "train/loss.h"
#include "train/model.h"
#include "train/optimizer.h"
#include "train/parameters.h"
#include "train/recipe.h"
#include "train/state_file.h"

namespace fathom::train {
namespace {

// The files that a training is made of, read whole.
struct Inputs {
  Recipe recipe;
  std::string recipe_text;
  std::string config_text;
  std::string tokenizer_text;
  model::ModelConfig config;

  // Other texts make another training.
  std::string Identity(const TrainingOptions& options) const {
    base::DigestBuilder builder;
    for (const std::string& part : {recipe_text, config_text, tokenizer_text, options.from,
                                    std::to_string(options.lora_rank)}) {
      const uint64_t size = part.size();
      builder.Add(std::as_bytes(std::span(&size, 1)));
      builder.Add(std::as_bytes(std::span(part)));
    }
    std::string hex;
    for (const std::byte byte : builder.Finish()) hex += fmt::format("{:02x}", byte);
    return hex;
  }
};

base::Result<Inputs> ReadInputs(const TrainingOptions& options) {
  Inputs in;
  FATHOM_ASSIGN(in.recipe_text, base::ReadFile(options.recipe));
  FATHOM_ASSIGN(in.recipe, ParseRecipe(in.recipe_text, options.recipe));
  if (!options.from.empty()) {
    in.recipe.model = options.from + "/config.json";
    in.recipe.tokenizer = options.from + "/tokenizer.json";
  }
  FATHOM_ASSIGN(in.config_text, base::ReadFile(in.recipe.model));
  FATHOM_ASSIGN(in.config, model::ParseConfig(in.config_text, in.recipe.model));
  FATHOM_ASSIGN(in.tokenizer_text, base::ReadFile(in.recipe.tokenizer));
  return in;
}

base::Result<text::Tokenizer> LoadTokenizer(const Inputs& in) {
  FATHOM_ASSIGN(text::Tokenizer tokenizer,
                text::Tokenizer::FromJson(in.tokenizer_text, in.recipe.tokenizer));
  if (tokenizer.vocab_size() > in.config.vocab_size)
    return base::MakeError("{}: has {} tokens, more than vocab_size of {}: {}", in.recipe.tokenizer,
                           tokenizer.vocab_size(), in.recipe.model, in.config.vocab_size);
  return tokenizer;
}

base::Result<data::Mixture> MakeMixture(const Recipe& recipe, const data::MixtureShares& shares,
                                        const std::vector<std::string>& prose,
                                        const text::Tokenizer& tokenizer) {
  data::MixtureOptions options = recipe.mixture;
  options.shares = shares;
  options.prose = prose;
  return data::Mixture::Create(tokenizer, std::move(options));
}

class Training {
 public:
  static base::Result<std::unique_ptr<Training>> Create(const TrainingOptions& options);

  base::Result<TrainingEnd> Run(const std::function<bool(const StepReport&)>& on_step);

 private:
  Training(const TrainingOptions& options, Inputs inputs, text::Tokenizer tokenizer)
      : options_(options),
        in_(std::move(inputs)),
        tokenizer_(std::move(tokenizer)),
        table_(in_.config) {}

  base::Status MakeMixtures();
  base::Status MakeModel();
  base::Status Resume();
  base::Result<CurvePoint> Step();
  LossValues Learn(const Batch& batch, const StepPlace& place, double share,
                   std::vector<at::Tensor>& loads);
  std::vector<StateTensor> State() const;
  base::Status Save() const;
  base::Result<TrainingEnd> Export();

  const TrainingOptions& options_;
  Inputs in_;
  text::Tokenizer tokenizer_;
  std::vector<data::Mixture> mixtures_;  // one a stage
  ParameterTable table_;
  std::vector<Parameter> trained_;
  std::optional<Model> model_;
  std::optional<Optimizer> optimizer_;
  std::vector<CurvePoint> curve_;
  int64_t step_ = 0;
  int64_t tokens_ = 0;
};

base::Result<std::unique_ptr<Training>> Training::Create(const TrainingOptions& options) {
  FATHOM_ASSIGN(Inputs inputs, ReadInputs(options));
  FATHOM_ASSIGN(text::Tokenizer tokenizer, LoadTokenizer(inputs));
  FATHOM_TRY(base::MakeDirectories(options.out));
  std::unique_ptr<Training> training(
      new Training(options, std::move(inputs), std::move(tokenizer)));
  FATHOM_TRY(training->MakeMixtures());
  FATHOM_TRY(training->MakeModel());
  FATHOM_TRY(training->Resume());
  return training;
}

base::Status Training::MakeMixtures() {
  FATHOM_ASSIGN(const auto prose, data::ReadProse(in_.recipe.prose));
  for (size_t i = 0; i < in_.recipe.stages.size(); ++i) {
    auto mixture = MakeMixture(in_.recipe, in_.recipe.stages[i].shares, prose, tokenizer_);
    if (!mixture.ok())
      return base::MakeError("{}: stage {}: {}", options_.recipe, i + 1, mixture.error().message);
    mixtures_.push_back(std::move(*mixture));
  }
  return {};
}

base::Status Training::MakeModel() {
  if (options_.from.empty())
    InitializeParameters(table_, in_.recipe.seed);
  else
    FATHOM_TRY(ReadParameters(options_.from, table_));
  if (options_.lora_rank > 0) {
    trained_ = AttachAdapters(table_, options_.lora_rank, in_.recipe.seed);
    optimizer_.emplace(trained_);
  } else {
    trained_ = table_.parameters();
    optimizer_.emplace(table_);
  }
  model_.emplace(table_);
  for (const Parameter& p : trained_) {
    at::Tensor value = p.value;
    value.requires_grad_(true);
  }
  for (at::Tensor& bias : model_->RouterBiases()) bias.requires_grad_(false);
  return {};
}

base::Status Training::Resume() {
  FATHOM_ASSIGN(const auto found, FindState(options_.out));
  if (!found) return {};
  if (found->identity != in_.Identity(options_))
    return base::MakeError(
        "{}: holds a training of another recipe, model or tokenizer; choose another directory",
        options_.out);
  FATHOM_TRY(ReadState(options_.out, found->step, State()));
  FATHOM_ASSIGN(curve_, ReadCurves(options_.out + "/curves.csv", found->step));
  step_ = found->step;
  if (!curve_.empty()) tokens_ = curve_.back().tokens;
  return {};
}

// Everything that changes: parameters with the routers' biases, tables of experts, the optimiser.
std::vector<StateTensor> Training::State() const {
  std::vector<StateTensor> state = optimizer_->State();
  for (const Parameter& p : table_.parameters()) state.push_back({p.name, p.value.detach()});
  for (const StoredSlot& stored : table_.slots())
    if (stored.slot.kind == model::TensorKind::kExpertIds)
      state.push_back({stored.slot.name, stored.value});
  if (options_.lora_rank > 0)
    for (const Parameter& p : trained_) state.push_back({p.name, p.value.detach()});
  return state;
}

base::Status Training::Save() const {
  FATHOM_TRY(WriteCurves(options_.out + "/curves.csv", curve_));
  return WriteState(options_.out,
                    {.step = step_, .identity = in_.Identity(options_), .tensors = State()});
}

// Adds the gradient of one batch, which makes up `share` of the step.
LossValues Training::Learn(const Batch& batch, const StepPlace& place, double share,
                           std::vector<at::Tensor>& loads) {
  const Stage& stage = *place.stage;
  const Rounding rounding = stage.rounding ? kEveryRounding : Rounding{};
  Pass pass = model_->Begin(batch.tokens.slice(1, 0, stage.length), batch.positions,
                            {.rounding = rounding,
                             .selection = stage.sparse ? Selection::kIndexed : Selection::kAll,
                             .with_losses = true,
                             .dense_every = in_.recipe.dense_every,
                             .turn = step_});
  const Loss loss = ComputeLoss(
      *model_, batch,
      {.mtp = stage.mtp, .indexer = in_.recipe.indexer, .balance = in_.recipe.balance}, pass);
  (loss.total * share).backward();
  if (loads.empty()) loads.resize(pass.expert_loads.size());
  for (size_t i = 0; i < loads.size(); ++i)
    loads[i] = loads[i].defined() ? loads[i] + pass.expert_loads[i] : pass.expert_loads[i];
  return loss.values;
}

base::Result<CurvePoint> Training::Step() {
  const StepPlace place = FindStep(in_.recipe, step_);
  const auto& mixture = mixtures_[static_cast<size_t>(place.index)];
  FATHOM_ASSIGN(const auto batches, MakeStep(in_.recipe, mixture, step_));
  int64_t sequences = 0;
  for (const Batch& batch : batches) sequences += batch.tokens.size(0);
  CurvePoint point = {.step = step_ + 1,
                      .tokens = tokens_ + sequences * place.stage->length,
                      .length = place.stage->length,
                      .rate = place.rate,
                      .losses = {}};
  std::vector<at::Tensor> loads;
  for (const Batch& batch : batches) {
    const double share = static_cast<double>(batch.tokens.size(0)) / static_cast<double>(sequences);
    const LossValues values = Learn(batch, place, share, loads);
    point.losses.next_token += share * values.next_token;
    point.losses.mtp += share * values.mtp;
    point.losses.indexer += share * values.indexer;
    point.losses.accuracy += share * values.accuracy;
  }
  if (!std::isfinite(point.losses.next_token + point.losses.mtp + point.losses.indexer))
    return base::MakeError("{}: step {}: the loss is no number any more; lower the rates",
                           options_.recipe, step_ + 1);
  optimizer_->Step(
      {.muon = in_.recipe.muon_rate * place.rate, .adamw = in_.recipe.adamw_rate * place.rate});
  const auto biases = model_->RouterBiases();
  if (options_.lora_rank == 0)
    for (size_t i = 0; i < loads.size(); ++i) UpdateBias(biases[i], loads[i], in_.recipe.bias_rate);
  tokens_ = point.tokens;
  ++step_;
  return point;
}

base::Result<TrainingEnd> Training::Export() {
  if (options_.lora_rank > 0) MergeAdapters(table_);
  const std::string directory = options_.out + "/model";
  FATHOM_TRY(base::MakeDirectories(directory));
  FATHOM_TRY(WriteParameters(directory, table_));
  FATHOM_TRY(base::ReplaceFile(directory + "/config.json", in_.config_text));
  FATHOM_TRY(base::ReplaceFile(directory + "/tokenizer.json", in_.tokenizer_text));
  return TrainingEnd{step_ == in_.recipe.steps(), directory};
}

base::Result<TrainingEnd> Training::Run(const std::function<bool(const StepReport&)>& on_step) {
  using Clock = std::chrono::steady_clock;
  const int64_t steps = in_.recipe.steps();
  while (step_ < steps) {
    const auto start = Clock::now();
    const int64_t before = tokens_;
    FATHOM_ASSIGN(const CurvePoint point, Step());
    curve_.push_back(point);
    const std::chrono::duration<double> seconds = Clock::now() - start;
    const bool goes_on = on_step({.point = point,
                                  .steps = steps,
                                  .step_tokens = tokens_ - before,
                                  .seconds = seconds.count()});
    if (!goes_on || step_ == steps || step_ % in_.recipe.save_steps == 0) FATHOM_TRY(Save());
    if (!goes_on) break;
  }
  return Export();
}

}  // namespace

base::Result<TrainingEnd> Train(const TrainingOptions& options,
                                const std::function<bool(const StepReport&)>& on_step) {
  try {
    at::set_num_threads(options.threads);
    FATHOM_ASSIGN(const auto training, Training::Create(options));
    return training->Run(on_step);
  } catch (const c10::Error& error) {
    return base::MakeError("{}: LibTorch: {}", options.recipe, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return base::MakeError("{}: not enough memory; lower batch_tokens", options.recipe);
  }
}

}  // namespace fathom::train
