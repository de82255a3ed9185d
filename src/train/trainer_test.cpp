#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "train/recipe.h"
#include "train/training_folder_testing.h"

namespace fathom::train {
namespace {

class TrainerTest : public ::testing::Test {
 protected:
  // Trains in OUT until it is done, or stops after so many steps of this call.
  base::Result<TrainingEnd> Run(const std::string& out, int steps = 1000, int threads = 1) const {
    return Train({.recipe = folder_ / "recipe.toml", .out = folder_ / out, .threads = threads},
                 [&](const StepReport&) { return --steps > 0; });
  }

  TrainingFolder folder_;
};

// Stopped and started again, on other numbers of threads, a training ends with the same bits.
TEST_F(TrainerTest, ResumesExactly) {
  const auto straight = Run("straight");
  ASSERT_TRUE(straight.ok()) << straight.error().message;
  EXPECT_TRUE(straight->is_complete);
  for (int i = 0; i < 2; ++i) {
    const auto part = Run("stopped", 2, 3 - i);
    ASSERT_TRUE(part.ok()) << part.error().message;
    EXPECT_FALSE(part->is_complete);
  }
  ASSERT_TRUE(Run("stopped")->is_complete);
  for (const char* file :
       {"state-5.safetensors", "curves.csv", "model/model-00001-of-00001.safetensors"})
    EXPECT_TRUE(folder_.Read(std::string("straight/") + file) ==
                folder_.Read(std::string("stopped/") + file))
        << file;
  EXPECT_FALSE(folder_.Has("stopped/state-4.safetensors"));
}

// What a kill leaves: a state older than the curves, and half of a newer one.
TEST_F(TrainerTest, ResumesFromTheLastWholeState) {
  ASSERT_TRUE(Run("straight").ok());
  ASSERT_TRUE(Run("killed", 2).ok());
  std::ofstream(folder_ / "killed/curves.csv", std::ios::app) << "3,1,1,1,1,1,1,1\n";
  folder_.Write("killed/state-3.safetensors.partial-1-0", "half");
  ASSERT_TRUE(Run("killed")->is_complete);
  EXPECT_TRUE(folder_.Read("straight/curves.csv") == folder_.Read("killed/curves.csv"));
  EXPECT_TRUE(folder_.Read("straight/state-5.safetensors") ==
              folder_.Read("killed/state-5.safetensors"));
}

// What a text says where another stands.
std::string Replaced(std::string text, const std::string& old, const std::string& other) {
  const size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), other);
}

TEST_F(TrainerTest, RefusesTheStateOfAnotherRecipe) {
  ASSERT_TRUE(Run("first", 3).ok());
  ASSERT_TRUE(Run("second", 4).ok());
  const auto refuses = [&](const std::string& out, const std::string& recipe) {
    folder_.Write("recipe.toml", recipe);
    const auto end = Run(out, 1);
    return !end.ok() && end.error().message.find("of another recipe") != std::string::npos;
  };
  for (const std::string out : {"first", "second"}) {
    EXPECT_TRUE(refuses(out, Replaced(kTinyRecipe, "seed = 7", "seed = 8")));
    EXPECT_TRUE(refuses(out, Replaced(kTinyRecipe, "steps = 3", "steps = 4")));
  }
  EXPECT_TRUE(refuses("second", Replaced(kTinyRecipe, "tools = 1", "tools = 2")));
}

// A kind of text that is not trained on, and one that is, held every two steps and at the end.
constexpr const char* kExams = R"(
exam_steps = 2

[[exam]]
name = "tools"
length = 96
step_tokens = 192
tools = 1

[[exam]]
name = "words as codes"
length = 64
step_tokens = 128
positions = 4096
recall = 1
words = 1
)";

// Exams stand before the stages, where keys of the whole recipe have their place.
std::string RecipeWithExams() {
  return Replaced(kTinyRecipe, "\n[[stage]]\nsteps = 3",
                  kExams + std::string("[[stage]]\nsteps = 3"));
}

// They change nothing, may come when a training is on its way, and are the same after a stop.
TEST_F(TrainerTest, ExamsOnlyLook) {
  ASSERT_TRUE(Run("without")->is_complete);
  ASSERT_TRUE(Run("late", 1).ok());
  folder_.Write("recipe.toml", RecipeWithExams());
  std::vector<ExamPoint> points;
  const auto end = Train({.recipe = folder_ / "recipe.toml", .out = folder_ / "with"},
                         [&](const StepReport& report) {
                           points.insert(points.end(), report.exams.begin(), report.exams.end());
                           return true;
                         });
  ASSERT_TRUE(end.ok()) << end.error().message;
  ASSERT_EQ(points.size(), size_t{6});
  for (size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(points[i].exam, i % 2 == 0 ? "tools" : "words as codes");
    EXPECT_EQ(points[i].step, i < 2 ? 2 : i < 4 ? 4 : 5);
    EXPECT_GT(points[i].loss, 1);
    EXPECT_LT(points[i].loss, 10);
  }
  EXPECT_LT(points[5].loss, points[1].loss) << "it is trained on documents";
  for (int threads = 2; threads <= 3; ++threads) ASSERT_TRUE(Run("late", 2, threads).ok());
  for (const char* file : {"state-5.safetensors", "curves.csv"})
    EXPECT_TRUE(folder_.Read(std::string("with/") + file) ==
                folder_.Read(std::string("without/") + file))
        << file;
  EXPECT_TRUE(folder_.Read("with/exams.csv") == folder_.Read("late/exams.csv"));
  EXPECT_FALSE(folder_.Has("without/exams.csv"));
}

// Comments are no part of a training, and stages that have not begun are what they are when they
// do.
TEST_F(TrainerTest, GoesOnWithOtherStages) {
  const std::string other = Replaced(kTinyRecipe, "tools = 1", "tools = 2");
  folder_.Write("recipe.toml", other);
  ASSERT_TRUE(Run("straight")->is_complete);
  folder_.Write("recipe.toml", kTinyRecipe);
  ASSERT_TRUE(Run("changed", 3).ok());
  folder_.Write("recipe.toml", "# The second stage is another.\n" + other);
  const auto end = Run("changed");
  ASSERT_TRUE(end.ok()) << end.error().message;
  EXPECT_TRUE(folder_.Read("straight/state-5.safetensors") ==
              folder_.Read("changed/state-5.safetensors"));
}

TEST_F(TrainerTest, RefusesSequencesThatTheModelHasNoPositionsFor) {
  std::string recipe = kTinyRecipe;
  const std::string length = "length = 160";
  recipe.replace(recipe.find(length), length.size(), "length = 1000000000");
  const std::string crowd = "crowd = 1024";
  recipe.erase(recipe.find(crowd), crowd.size());
  folder_.Write("recipe.toml", recipe);
  const auto refused = Run("out");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              ::testing::HasSubstr("recipe.toml: stage 2: length: 1000000000 is more than"));

  // A crowd that no memory holds is none that fits there.
  recipe = kTinyRecipe;
  const std::string positions = "positions = 4096\ncrowd = 1024";
  recipe.replace(recipe.find(positions), positions.size(),
                 "positions = 1000000000\ncrowd = 900000768");
  folder_.Write("recipe.toml", recipe);
  const auto vast = Run("out");
  ASSERT_FALSE(vast.ok());
  EXPECT_THAT(vast.error().message,
              ::testing::HasSubstr("stage 2: positions: 1000000000 is more than"));
}

// Adapters change what the model answers, and are part of its matrices when it is written.
TEST_F(TrainerTest, FineTunesWithAdapters) {
  ASSERT_TRUE(Run("base", 1).ok());
  const auto tuned = Train({.recipe = folder_ / "recipe.toml",
                            .out = folder_ / "tuned",
                            .from = folder_ / "base/model",
                            .lora_rank = 4},
                           [](const StepReport&) { return true; });
  ASSERT_TRUE(tuned.ok()) << tuned.error().message;
  const std::string shard = "model/model-00001-of-00001.safetensors";
  EXPECT_EQ(folder_.Read("base/" + shard).size(), folder_.Read("tuned/" + shard).size());
  EXPECT_NE(folder_.Read("base/" + shard), folder_.Read("tuned/" + shard));
}

TEST(RecipeTest, NamesWhatIsWrong) {
  const auto message = [](const std::string& toml) {
    const auto recipe = ParseRecipe(toml, "r.toml");
    return recipe.ok() ? "" : recipe.error().message;
  };
  const std::string head = "model = \"c\"\ntokenizer = \"t\"\n";
  const std::string stage = "[[stage]]\nsteps = 1\nlength = 64\nstep_tokens = 64\nrecall = 1\n";
  EXPECT_EQ(message(head + stage), "");
  EXPECT_EQ(message("tokenizer = \"t\"\n" + stage), "r.toml: model: is missing");
  EXPECT_EQ(message(head), "r.toml: stage: expected at least one [[stage]]");
  EXPECT_EQ(message(head + "speed = 3\n" + stage), "r.toml: speed: is no key of a recipe");
  EXPECT_EQ(message(head + "muon_rate = -1\n" + stage),
            "r.toml: muon_rate: expected a number of at least 0");
  EXPECT_EQ(message(head + stage + "sparse = 1\n"),
            "r.toml: stage 1: sparse: expected true or false");
  EXPECT_EQ(message(head + stage + "remember = 1.5\n"),
            "r.toml: stage 1: remember: expected a share of at most 1");
  EXPECT_EQ(message(head + stage + "crowd = 1500\n"),
            "r.toml: stage 1: crowd: expected a multiple of 1024");
  EXPECT_EQ(message(head + stage + "crowd = 1024\n"),
            "r.toml: stage 1: crowd: expected a length of more than 128");
  EXPECT_EQ(message(head + "[[stage]]\nsteps = 1\nlength = 256\nstep_tokens = 64\n" +
                    "positions = 1791\ncrowd = 1024\n"),
            "r.toml: stage 1: crowd: does not fit into positions with twice the length");
  EXPECT_EQ(message(head + "[[stage]]\nlength = 64\nstep_tokens = 64\n"),
            "r.toml: stage 1: steps: is missing");
  EXPECT_EQ(message(head + "stage = 3\n"), "r.toml: stage: expected [[stage]]");
  const std::string exam = "[[exam]]\nlength = 64\nstep_tokens = 64\n";
  EXPECT_EQ(message(head + stage + exam + "name = \"a b\"\n"), "");
  EXPECT_EQ(message(head + stage + exam), "r.toml: exam 1: name: is missing");
  EXPECT_EQ(message(head + stage + exam + "name = \"a,b\"\n"),
            "r.toml: exam 1: name: expected letters, digits, spaces, '-' and '_'");
  EXPECT_EQ(message(head + stage + exam + "name = \"a\"\nrounding = true\n"),
            "r.toml: exam 1: rounding: is no key of a recipe");
  EXPECT_EQ(message(head + stage + exam + "name = \"a\"\n" + exam + "name = \"a\"\n"),
            "r.toml: exam 2: name: another exam has it");
  EXPECT_THAT(message("model ="), ::testing::StartsWith("r.toml: line 1, column "));
}

TEST(RecipeTest, RatesWarmUpAndGoStraight) {
  const auto recipe = ParseRecipe(
      "model = \"c\"\ntokenizer = \"t\"\nwarmup_steps = 1\n"
      "[[stage]]\nsteps = 4\nlength = 64\nstep_tokens = 64\n"
      "[[stage]]\nsteps = 2\nlength = 64\nstep_tokens = 64\nrate = 1.0\nrate_end = 0.5\n",
      "dir/r.toml");
  ASSERT_TRUE(recipe.ok()) << recipe.error().message;
  EXPECT_EQ(recipe->model, "dir/c");
  const double expected[] = {0.5, 1, 1, 1, 1, 0.75};
  for (int64_t step = 0; step < 6; ++step) {
    EXPECT_DOUBLE_EQ(FindStep(*recipe, step).rate, expected[step]);
    EXPECT_EQ(FindStep(*recipe, step).index, step < 4 ? 0 : 1);
  }
}

// A training of hours should not end with a key that has been renamed since.
TEST(RecipeTest, OfTheProjectNamesWhatIsThere) {
  const std::string path = FATHOM_SOURCE_DIR "/configs/default.toml";
  const auto text = base::ReadFile(path);
  ASSERT_TRUE(text.ok()) << text.error().message;
  const auto recipe = ParseRecipe(*text, path);
  ASSERT_TRUE(recipe.ok()) << recipe.error().message;
  EXPECT_TRUE(std::filesystem::is_regular_file(recipe->model));
  EXPECT_TRUE(std::filesystem::is_regular_file(recipe->tokenizer));
}

}  // namespace
}  // namespace fathom::train
