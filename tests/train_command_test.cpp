// "fathom train" from the outside: killed at any time, it goes on; what it writes, others read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "program.h"
#include "train/training_folder_testing.h"

namespace fathom::tests {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> TrainIn(const train::TrainingFolder& folder, const std::string& out) {
  return {"train", folder / "recipe.toml", "--out", folder / out, "--threads", "1"};
}

TEST(TrainCommandTest, SurvivesBeingKilled) {
  const train::TrainingFolder folder;
  const Outcome straight = RunProgram(TrainIn(folder, "straight"));
  ASSERT_EQ(straight.exit_code, 0) << straight.err;
  EXPECT_THAT(straight.out, HasSubstr("straight/model"));
  {
    Program killed(TrainIn(folder, "killed"));
    while (!folder.Has("killed/state.json"))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    killed.Kill();
    EXPECT_EQ(killed.Wait().exit_code, -1);
  }
  const Outcome resumed = RunProgram(TrainIn(folder, "killed"));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  for (const char* file :
       {"/state-5.safetensors", "/curves.csv", "/model/model-00001-of-00001.safetensors"})
    EXPECT_TRUE(folder.Read(std::string("straight") + file) ==
                folder.Read(std::string("killed") + file))
        << file;
  EXPECT_THAT(folder.Read("killed/curves.svg"), HasSubstr("</svg>"));

  const Outcome run =
      RunProgram({"run", "-m", folder / "killed/model", "-p", "Hello", "-n", "4", "--temp", "0"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST(TrainCommandTest, TellsWhatIsWrong) {
  const train::TrainingFolder folder;
  EXPECT_EQ(RunProgram({"train", folder / "recipe.toml"}).exit_code, 2);
  EXPECT_THAT(RunProgram({"train", "--help"}).out, HasSubstr("--lora"));
  const Outcome missing = RunProgram({"train", folder / "none.toml", "--out", folder / "out"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("none.toml"));
}

}  // namespace
}  // namespace fathom::tests
