#include "cli/settings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "cli/option.h"

namespace fathom::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct Settings {
  int64_t max_batch = 1;
  std::string host = "here";
  bool loud = false;
  std::vector<std::string> keys;
};

// The settings of a command line and a file, and the error of the file.
struct Outcome {
  Settings settings;
  std::string error;
};

Outcome Read(const std::vector<std::string>& arguments, const std::string& toml) {
  Outcome outcome;
  Settings& settings = outcome.settings;
  CLI::App app;
  AddInteger(app, "--max-batch", {1, 100}, "", [&](int64_t n) { settings.max_batch = n; });
  AddText(app, "--host", "HOST", "", &settings.host);
  app.add_flag("--loud", settings.loud, "");
  app.add_option("--api-key", settings.keys, "")->allow_extra_args(false);
  AddEnvironment(app);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  app.parse(reversed);
  const base::TemporaryFolder folder;
  const std::string path = folder / "settings_file_test.toml";
  std::ofstream(path) << toml;
  const base::Status status = ApplySettingsFile(path, app);
  if (!status.ok()) outcome.error = status.error().message;
  return outcome;
}

TEST(SettingsFile, GivesWhatNobodyElseGave) {
  const Outcome outcome =
      Read({}, "max-batch = 7\nhost = \"there\"\nloud = true\napi-key = [\"a\", \"b\"]\n");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.settings.max_batch, 7);
  EXPECT_EQ(outcome.settings.host, "there");
  EXPECT_TRUE(outcome.settings.loud);
  EXPECT_THAT(outcome.settings.keys, ElementsAre("a", "b"));
}

TEST(SettingsFile, YieldsToTheEnvironmentAndThatToTheCommandLine) {
  ASSERT_EQ(::setenv("FATHOM_MAX_BATCH", "5", 1), 0);
  EXPECT_EQ(Read({}, "max-batch = 7").settings.max_batch, 5);
  EXPECT_EQ(Read({"--max-batch", "3"}, "max-batch = 7").settings.max_batch, 3);
  ASSERT_EQ(::unsetenv("FATHOM_MAX_BATCH"), 0);
}

TEST(SettingsFile, ErrorsNameTheFileAndTheKey) {
  EXPECT_THAT(Read({}, "max-batch = 700").error,
              AllOf(HasSubstr("settings_file_test.toml: max-batch: "), HasSubstr("700")));
  EXPECT_THAT(Read({}, "max-bach = 7").error, HasSubstr("max-bach: there is no such option"));
  EXPECT_THAT(Read({}, "host = {a = 1}").error, HasSubstr("host: neither a value nor"));
  EXPECT_THAT(Read({}, "\nhost = \n").error, HasSubstr("line 2: "));
  CLI::App app;
  EXPECT_THAT(ApplySettingsFile("/no/such/file", app).error().message, HasSubstr("/no/such/file"));
}

}  // namespace
}  // namespace fathom::cli
