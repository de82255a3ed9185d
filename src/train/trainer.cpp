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
#include "base/thread_pool.h"
#include "data/prose.h"
#include "data/random.h"
#include "data/sources.h"
#include "model/config.h"
#include "text/tokenizer.h"
#include "train/batch.h"
#include "train/checkpoint_io.h"
#include "train/crowd.h"
#include "train/lora.h"
#include "train/loss.h"
#include "train/model.h"
#include "train/optimizer.h"
#include "train/parallel.h"
#include "train/parameters.h"
#include "train/recipe.h"
#include "train/state_file.h"
#include "train/token_vectors.h"

// OpenBLAS starts threads of its own, which would wait for each other in every small product.
// Absent where another BLAS is installed.
extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace fathom::train {
namespace {

// The files that a training is made of, read whole.
struct Inputs {
  Recipe recipe;
  std::string config_text;
  std::string tokenizer_text;
  model::ModelConfig config;

  // Of what has made a training's first steps: other texts make another one.
  std::string Identity(const TrainingOptions& options, int64_t steps) const {
    base::DigestBuilder builder;
    for (const std::string& part : {TextUpTo(recipe, steps), config_text, tokenizer_text,
                                    options.from, std::to_string(options.lora_rank)}) {
      const uint64_t size = part.size();
      builder.Add(std::as_bytes(std::span(&size, 1)));
      builder.Add(std::as_bytes(std::span(part)));
    }
    return base::ToHex(builder.Finish());
  }
};

base::Result<Inputs> ReadInputs(const TrainingOptions& options) {
  Inputs in;
  FATHOM_ASSIGN(const std::string recipe, base::ReadFile(options.recipe));
  FATHOM_ASSIGN(in.recipe, ParseRecipe(recipe, options.recipe));
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

base::Result<data::Mixture> MakeMixture(const Recipe& recipe, const StepTexts& texts,
                                        const std::vector<std::string>& prose,
                                        const text::Tokenizer& tokenizer) {
  data::MixtureOptions options = recipe.mixture;
  options.shares = texts.shares;
  options.recall = texts.recall;
  options.sessions = texts.sessions;
  options.weights = texts.weights;
  options.prose = prose;
  return data::Mixture::Create(tokenizer, std::move(options));
}

// An exam's name, and its texts.
struct ExamPaper {
  std::string name;
  std::vector<Batch> batches;
};

// What one batch gives.
struct Lesson {
  std::vector<at::Tensor> gradients;  // of the trained parameters; undefined: none
  std::vector<at::Tensor> loads;      // Pass::expert_loads
  double share = 0;                   // of the step
  LossValues values;
};

// first + second, where either may be undefined.
at::Tensor Add(const at::Tensor& first, const at::Tensor& second) {
  if (!first.defined() || !second.defined()) return first.defined() ? first : second;
  return first + second;
}

// One after the other: the order of additions does not depend on which thread was done first.
Lesson AddUp(const std::vector<Lesson>& lessons) {
  Lesson sum = lessons.front();
  sum.values = {};
  sum.share = 0;
  for (const Lesson& lesson : lessons) {
    sum.share += lesson.share;
    sum.values.next_token += lesson.share * lesson.values.next_token;
    sum.values.mtp += lesson.share * lesson.values.mtp;
    sum.values.indexer += lesson.share * lesson.values.indexer;
    sum.values.accuracy += lesson.share * lesson.values.accuracy;
    if (&lesson == &lessons.front()) continue;
    for (size_t i = 0; i < sum.gradients.size(); ++i)
      sum.gradients[i] = Add(sum.gradients[i], lesson.gradients[i]);
    for (size_t i = 0; i < sum.loads.size(); ++i) sum.loads[i] = sum.loads[i] + lesson.loads[i];
  }
  return sum;
}

class Training {
 public:
  static base::Result<std::unique_ptr<Training>> Create(const TrainingOptions& options);

  base::Result<TrainingEnd> Run(const std::function<bool(const StepReport&)>& on_step);

 private:
  Training(const TrainingOptions& options, Inputs inputs, text::Tokenizer tokenizer)
      : options_(options),
        pool_(options.threads),
        in_(std::move(inputs)),
        tokenizer_(std::move(tokenizer)),
        table_(in_.config) {}

  base::Status CheckLengths() const;
  base::Status MakeMixtures();
  base::Status MakeExams(const std::vector<std::string>& prose);
  base::Status MakeModel();
  base::Status Resume();
  base::Result<CurvePoint> Step();
  Pass Begin(const Batch& batch, const Stage& stage, const Crowd* crowd) const;
  Lesson Learn(const Batch& batch, const Stage& stage, const Crowd* crowd, double share) const;
  std::vector<Lesson> LearnAll(const std::vector<Batch>& batches, const Stage& stage,
                               const Crowd* crowd);
  void MoveParameters(const Lesson& lesson, double rate);
  std::vector<ExamPoint> HoldExams(const Stage& stage);
  ExamPoint Examine(const ExamPaper& paper, const Stage& stage);
  std::vector<StateTensor> State() const;
  base::Status Save() const;
  base::Result<TrainingEnd> Export();

  const TrainingOptions& options_;
  base::ThreadPool pool_;
  Inputs in_;
  text::Tokenizer tokenizer_;
  std::vector<data::Mixture> mixtures_;  // one a stage
  std::vector<ExamPaper> papers_;
  ParameterTable table_;
  std::vector<Parameter> trained_;
  std::optional<Model> model_;
  std::optional<Optimizer> optimizer_;
  std::vector<CurvePoint> curve_;
  std::vector<ExamPoint> exams_;
  int64_t step_ = 0;
  int64_t tokens_ = 0;
};

base::Result<std::unique_ptr<Training>> Training::Create(const TrainingOptions& options) {
  FATHOM_ASSIGN(Inputs inputs, ReadInputs(options));
  FATHOM_ASSIGN(text::Tokenizer tokenizer, LoadTokenizer(inputs));
  FATHOM_TRY(base::MakeDirectories(options.out));
  std::unique_ptr<Training> training(
      new Training(options, std::move(inputs), std::move(tokenizer)));
  FATHOM_TRY(training->CheckLengths());
  FATHOM_TRY(training->MakeMixtures());
  FATHOM_TRY(training->MakeModel());
  FATHOM_TRY(training->Resume());
  return training;
}

base::Status Training::CheckLengths() const {
  const int64_t most = in_.config.max_position_embeddings;
  const auto check = [&](const StepTexts& texts, std::string_view key, size_t at) -> base::Status {
    if (texts.length <= most && texts.positions <= most) return {};
    const bool is_long = texts.length > most;
    return base::MakeError("{}: {} {}: {}: {} is more than the model's {} positions",
                           options_.recipe, key, at + 1, is_long ? "length" : "positions",
                           is_long ? texts.length : texts.positions, most);
  };
  for (size_t i = 0; i < in_.recipe.stages.size(); ++i)
    FATHOM_TRY(check(in_.recipe.stages[i], "stage", i));
  for (size_t i = 0; i < in_.recipe.exams.size(); ++i)
    FATHOM_TRY(check(in_.recipe.exams[i], "exam", i));
  return {};
}

base::Status Training::MakeMixtures() {
  FATHOM_ASSIGN(const auto prose, data::ReadProse(in_.recipe.prose));
  for (size_t i = 0; i < in_.recipe.stages.size(); ++i) {
    auto mixture = MakeMixture(in_.recipe, in_.recipe.stages[i], prose, tokenizer_);
    if (!mixture.ok())
      return base::MakeError("{}: stage {}: {}", options_.recipe, i + 1, mixture.error().message);
    mixtures_.push_back(std::move(*mixture));
  }
  return MakeExams(prose);
}

base::Status Training::MakeExams(const std::vector<std::string>& prose) {
  for (const Exam& exam : in_.recipe.exams) {
    const auto mixture = MakeMixture(in_.recipe, exam, prose, tokenizer_);
    if (!mixture.ok())
      return base::MakeError("{}: exam \"{}\": {}", options_.recipe, exam.name,
                             mixture.error().message);
    FATHOM_ASSIGN(auto batches, MakeExam(in_.recipe, exam, *mixture));
    papers_.push_back({exam.name, std::move(batches)});
  }
  return {};
}

base::Status Training::MakeModel() {
  if (options_.from.empty()) {
    InitializeParameters(table_, in_.recipe.seed);
    InitializeTokens(table_, tokenizer_);
  } else {
    FATHOM_TRY(ReadParameters(options_.from, table_));
  }
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
  if (found->identity != in_.Identity(options_, found->step))
    return base::MakeError(
        "{}: holds a training of another recipe (stages that it has begun included), model or "
        "tokenizer; choose another directory",
        options_.out);
  FATHOM_TRY(ReadState(options_.out, found->step, State()));
  FATHOM_ASSIGN(curve_, ReadCurves(options_.out + "/curves.csv", found->step));
  FATHOM_ASSIGN(exams_, ReadExams(options_.out + "/exams.csv", found->step));
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
  if (!exams_.empty()) FATHOM_TRY(WriteExams(options_.out + "/exams.csv", exams_));
  return WriteState(options_.out,
                    {.step = step_, .identity = in_.Identity(options_, step_), .tensors = State()});
}

// As a stage reads.
Pass Training::Begin(const Batch& batch, const Stage& stage, const Crowd* crowd) const {
  return model_->Begin(batch.tokens.slice(1, 0, batch.positions.size(1)), batch.positions,
                       {.rounding = stage.rounding ? kEveryRounding : Rounding{},
                        .selection = stage.sparse ? Selection::kIndexed : Selection::kAll,
                        .window = stage.window,
                        .with_losses = true,
                        .dense_every = in_.recipe.dense_every,
                        .turn = step_,
                        .crowd = crowd,
                        .crowd_at = batch.crowd_at});
}

Lesson Training::Learn(const Batch& batch, const Stage& stage, const Crowd* crowd,
                       double share) const {
  Pass pass = Begin(batch, stage, crowd);
  const Loss loss = ComputeLoss(
      *model_, batch,
      {.mtp = stage.mtp, .indexer = in_.recipe.indexer, .balance = in_.recipe.balance}, pass);
  std::vector<at::Tensor> values;
  for (const Parameter& p : trained_)
    if (p.value.requires_grad()) values.push_back(p.value);
  return {.gradients = torch::autograd::grad({loss.total * share}, values, {}, {}, false, true),
          .loads = pass.expert_loads,
          .share = share,
          .values = loss.values};
}

// Batches are computed side by side, each by one thread: operations on small tensors are over
// before a second thread has begun to help.
std::vector<Lesson> Training::LearnAll(const std::vector<Batch>& batches, const Stage& stage,
                                       const Crowd* crowd) {
  double weight = 0;
  for (const Batch& batch : batches) weight += batch.weights.sum().item<double>();
  std::vector<Lesson> lessons(batches.size());
  ForEachOrThrow(pool_, std::ssize(batches), [&](int64_t item) {
    const auto i = static_cast<size_t>(item);
    lessons[i] = Learn(batches[i], stage, crowd, batches[i].weights.sum().item<double>() / weight);
  });
  return lessons;
}

base::Result<CurvePoint> Training::Step() {
  const StepPlace place = FindStep(in_.recipe, step_);
  const auto& mixture = mixtures_[static_cast<size_t>(place.index)];
  FATHOM_ASSIGN(const auto batches, MakeStep(in_.recipe, mixture, step_));
  int64_t sequences = 0;
  for (const Batch& batch : batches) sequences += batch.tokens.size(0);
  std::optional<Crowd> crowd;
  if (place.stage->crowd > 0) {
    const uint64_t seed = data::MixSeed(in_.recipe.seed, static_cast<uint64_t>(step_));
    FATHOM_ASSIGN(crowd, MakeCrowd(*model_, mixture, *place.stage, seed, pool_));
  }
  const Lesson lesson = AddUp(LearnAll(batches, *place.stage, crowd ? &*crowd : nullptr));
  const CurvePoint point = {.step = step_ + 1,
                            .tokens = tokens_ + sequences * place.stage->length,
                            .length = place.stage->length,
                            .rate = place.rate,
                            .losses = lesson.values};
  if (!std::isfinite(point.losses.next_token + point.losses.mtp + point.losses.indexer))
    return base::MakeError("{}: step {}: the loss is no number any more; lower the rates",
                           options_.recipe, step_ + 1);
  MoveParameters(lesson, place.rate);
  tokens_ = point.tokens;
  ++step_;
  return point;
}

void Training::MoveParameters(const Lesson& lesson, double rate) {
  auto gradient = lesson.gradients.begin();
  for (const Parameter& p : trained_)
    if (p.value.requires_grad()) at::Tensor(p.value).mutable_grad() = *gradient++;
  optimizer_->Step({.muon = in_.recipe.muon_rate * rate, .adamw = in_.recipe.adamw_rate * rate},
                   pool_);
  const auto biases = model_->RouterBiases();
  if (options_.lora_rank > 0) return;
  // The MTP block's comes last, and is not there in stages without it.
  for (size_t i = 0; i < lesson.loads.size(); ++i)
    UpdateBias(biases[i], lesson.loads[i], in_.recipe.bias_rate);
}

std::vector<ExamPoint> Training::HoldExams(const Stage& stage) {
  std::vector<ExamPoint> points;
  for (const ExamPaper& paper : papers_) points.push_back(Examine(paper, stage));
  exams_.insert(exams_.end(), points.begin(), points.end());
  return points;
}

ExamPoint Training::Examine(const ExamPaper& paper, const Stage& stage) {
  std::vector<LossValues> values(paper.batches.size());
  ForEachOrThrow(pool_, std::ssize(paper.batches), [&](int64_t item) {
    const at::NoGradGuard no_gradients;
    const auto i = static_cast<size_t>(item);
    Pass pass = Begin(paper.batches[i], stage, nullptr);
    values[i] = ComputeLoss(*model_, paper.batches[i], {.mtp = 0}, pass).values;
  });
  ExamPoint point = {.step = step_, .tokens = tokens_, .exam = paper.name};
  double weight = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double own = paper.batches[i].weights.sum().item<double>();
    weight += own;
    point.loss += own * values[i].next_token;
    point.accuracy += own * values[i].accuracy;
  }
  point.loss /= std::max(weight, 1.0);
  point.accuracy /= std::max(weight, 1.0);
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
    const bool is_exam_day = step_ == steps || step_ % in_.recipe.exam_steps == 0;
    const Stage& stage = *FindStep(in_.recipe, step_ - 1).stage;
    const bool goes_on =
        on_step({.point = point,
                 .exams = is_exam_day ? HoldExams(stage) : std::vector<ExamPoint>(),
                 .steps = steps,
                 .step_tokens = tokens_ - before,
                 .seconds = seconds.count()});
    if (!goes_on || step_ == steps || step_ % in_.recipe.save_steps == 0) FATHOM_TRY(Save());
    if (!goes_on) break;
  }
  return Export();
}

}  // namespace

bool HasOpenBlas() { return openblas_set_num_threads != nullptr; }

base::Result<TrainingEnd> Train(const TrainingOptions& options,
                                const std::function<bool(const StepReport&)>& on_step) {
  try {
    at::set_num_threads(1);
    if (HasOpenBlas()) openblas_set_num_threads(1);
    FATHOM_ASSIGN(const auto training, Training::Create(options));
    return training->Run(on_step);
  } catch (const c10::Error& error) {
    return base::MakeError("{}: LibTorch: {}", options.recipe, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return base::MakeError("{}: not enough memory; lower batch_tokens or step_tokens",
                           options.recipe);
  }
}

}  // namespace fathom::train
