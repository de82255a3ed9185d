// What a training does, as its file says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/sources.h"

namespace fathom::train {

/// Tokens of the longest block that a compressor sees: gaps between positions tear none.
inline constexpr int64_t kLongestBlock = 128;

/// Tokens of a crowd that are read at once.
inline constexpr int64_t kCrowdPassage = 1024;

/// The texts of a step.
struct StepTexts {
  int64_t length = 0;       ///< tokens of a sequence
  int64_t step_tokens = 0;  ///< tokens of a step: so many sequences, at least one
  /// Positions reach so far: sequences longer than this many tokens are imitated by a gap in the
  /// positions of shorter ones. 0: no gap.
  int64_t positions = 0;
  data::MixtureShares shares;
  data::RecallMixture recall;
  data::ToolMixture sessions;
  data::SampleWeights weights;
};

/// A part of a training in which nothing changes but the learning rate.
struct Stage : StepTexts {
  int64_t steps = 0;
  bool sparse = true;     ///< CSA layers attend to what the indexer picks; false: to all rows
  int64_t window = 0;     ///< PassOptions
  bool rounding = false;  ///< the quantisation points are in the loop
  double rate = 1;        ///< factor of the learning rates at the beginning ...
  double rate_end = 1;    ///< ... and at the end, straight between
  double mtp = 0.3;       ///< weight of the MTP block's loss
  /// Tokens of filler that every sequence reads on its way without learning from them: the one gap
  /// that it then has is where they stand. A multiple of kCrowdPassage; 0: none.
  int64_t crowd = 0;
  std::string text;  ///< its keys and values as TOML, by name
};

/// Texts of one kind, whose answers are examined apart: what a model has not learnt does not show
/// in the mean of all that it is trained on. What it reads of them counts nothing.
struct Exam : StepTexts {
  std::string name;
};

/// A whole training.
struct Recipe {
  std::string model;      ///< path of the config.json
  std::string tokenizer;  ///< path of the tokenizer.json
  uint64_t seed = 1;
  double muon_rate = 0.02;
  double adamw_rate = 0.003;
  int64_t warmup_steps = 50;  ///< in which the rates grow from 0
  double indexer = 1;         ///< weights of losses: LossOptions
  double balance = 1e-4;
  double bias_rate = 0.001;        ///< UpdateBias
  int64_t dense_every = 4;         ///< PassOptions
  int64_t batch_tokens = 4096;     ///< most tokens that are computed at once
  int64_t save_steps = 100;        ///< between states that a stopped training goes on from
  std::vector<std::string> prose;  ///< text files or directories of them: ReadProse
  data::MixtureOptions mixture;    ///< without what is the stage's, and prose
  std::vector<Stage> stages;
  std::vector<Exam> exams;
  int64_t exam_steps = 50;  ///< between examinations
  std::string text;         ///< the keys and values that are no stage's, as Stage::text

  int64_t steps() const;
};

/// Where a step lies.
struct StepPlace {
  const Stage* stage = nullptr;
  int64_t index = 0;  ///< of the stage
  double rate = 1;    ///< factor of the learning rates
};

/// REQUIRES: 0 <= step < recipe.steps().
StepPlace FindStep(const Recipe& recipe, int64_t step);

/// All of a recipe that its first `steps` steps depend on. Stages that begin later are not in it,
/// so that they may be changed, taken away or added while a training is on its way; nor are exams
/// and comments.
std::string TextUpTo(const Recipe& recipe, int64_t steps);

/// Reads the text of a recipe (TOML). Paths in it are relative to the directory of `source`. Errors
/// name `source` and the key, or the line where it is not TOML; keys that mean nothing are errors.
base::Result<Recipe> ParseRecipe(std::string_view toml, const std::string& source);

}  // namespace fathom::train
