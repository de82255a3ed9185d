// What is made from the definitions of the options, held against the help: completions, manual
// pages, the list of settings. tests/package/run.sh asks zsh, fish and man themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>

#include "checkpoint/test_files.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAreArray;

Arguments SplitLines(const std::string& text) {
  Arguments lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The first group of each line that matches.
Arguments FindInLines(const std::string& text, const std::string& pattern) {
  Arguments found;
  const std::regex regex(pattern);
  std::smatch match;
  for (const std::string& line : SplitLines(text))
    if (std::regex_search(line, match, regex)) found.push_back(match[1]);
  return found;
}

const Arguments& ListCommands() {
  static const Arguments commands = FindInLines(RunWell({"--help"}), "^  ([a-z][a-z-]*) {2,}[A-Z]");
  return commands;
}

// "-m" and "--model" of a command's help.
Arguments ListOptions(const std::string& command) {
  const std::string help = RunWell({command, "--help"});
  Arguments names = FindInLines(help, "^  (-[a-z]), --");
  for (const std::string& name : FindInLines(help, "^  (?:-[a-z], |    )(--[a-z-]+)"))
    names.push_back(name);
  return names;
}

// What bash would offer for the last of the words behind "fathom".
Arguments CompleteInBash(const Arguments& words) {
  const checkpoint::TemporaryFolder folder;
  std::ofstream(folder / "script") << RunWell({"reference", "bash"});
  std::string line = "source " + (folder / "script") + " && COMP_WORDS=(fathom";
  for (const std::string& word : words) line += " '" + word + "'";
  line += ") COMP_CWORD=" + std::to_string(words.size()) +
          " && _fathom && printf \"%s\\n\" \"${COMPREPLY[@]}\"";
  std::FILE* pipe = ::popen(
      ("bash -euc '" + std::regex_replace(line, std::regex("'"), "'\\''") + "' 2>&1").c_str(), "r");
  std::string text;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  EXPECT_EQ(::pclose(pipe), 0) << line << text;
  return SplitLines(text);
}

TEST(Reference, BashOffersAllOptionsOfEveryCommand) {
  ASSERT_THAT(ListCommands(), IsSupersetOf({"run", "serve", "train", "reference"}));
  for (const std::string& command : ListCommands())
    EXPECT_THAT(CompleteInBash({command, "-"}), UnorderedElementsAreArray(ListOptions(command)))
        << command;
}

TEST(Reference, BashOffersCommandsAndValues) {
  EXPECT_THAT(CompleteInBash({""}), IsSupersetOf(ListCommands()));
  EXPECT_THAT(CompleteInBash({"toke"}), ElementsAre("tokenize"));
  EXPECT_THAT(CompleteInBash({"run", "--think", ""}), ElementsAre("none", "high", "max"));
  EXPECT_THAT(CompleteInBash({"run", "--think", "=", "h"}), ElementsAre("high"));
  EXPECT_THAT(CompleteInBash({"run", "--think", "="}), ElementsAre("none", "high", "max"));
  EXPECT_THAT(CompleteInBash({"eval", "re"}), ElementsAre("recall"));
  EXPECT_THAT(CompleteInBash({"run", "-n", ""}), ElementsAre(""));
  const std::string models = FATHOM_SOURCE_DIR "/models/";
  EXPECT_THAT(CompleteInBash({"inspect", models + "def"}), ElementsAre(models + "default"));
  const std::string config = RecallModel() + "/config.json";
  EXPECT_THAT(CompleteInBash({"run", "-f", RecallModel() + "/con"}), ElementsAre(config));
  EXPECT_THAT(CompleteInBash({"run", "-m", RecallModel() + "/con"}), ElementsAre(""));
}

TEST(Reference, ZshAndFishKnowEveryOption) {
  const std::string zsh = RunWell({"reference", "zsh"});
  const std::string fish = RunWell({"reference", "fish"});
  for (const std::string& command : ListCommands()) {
    const size_t begin = zsh.find("\n    " + command + ")\n");
    ASSERT_NE(begin, zsh.npos) << command;
    const std::string branch = zsh.substr(begin, zsh.find(";;", begin) - begin);
    std::string lines;
    for (const std::string& line : SplitLines(fish))
      if (line.find("_from " + command + "'") != line.npos) lines += line + "\n";
    for (const std::string& option : ListOptions(command)) {
      EXPECT_TRUE(std::regex_search(branch, std::regex("[,{)*]" + option + "[+=,}\\[]")))
          << command << " " << option;
      const std::string name =
          option.starts_with("--") ? " -l " + option.substr(2) : " -s " + option.substr(1);
      EXPECT_THAT(lines, HasSubstr(name + " ")) << command;
    }
  }
}

TEST(Reference, ManualPagesHaveEveryOption) {
  EXPECT_THAT(RunWell({"reference", "man"}), HasSubstr("\\fBfathom\\-serve\\fR(1)"));
  for (const std::string& command : ListCommands()) {
    const std::string page = RunWell({"reference", "man", "--command", command});
    for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS"})
      EXPECT_THAT(page, HasSubstr(std::string("\n.SH ") + section + "\n")) << command;
    for (const std::string& option : ListOptions(command))
      EXPECT_THAT(page,
                  HasSubstr("\\fB" + std::regex_replace(option, std::regex("-"), "\\-") + "\\fR"))
          << command;
  }
}

TEST(Reference, TheListOfSettingsIsTheCommittedOne) {
  std::ifstream file(FATHOM_SOURCE_DIR "/docs/configuration.md");
  const std::string committed((std::istreambuf_iterator<char>(file)), {});
  const std::string page = RunWell({"reference", "settings"});
  EXPECT_EQ(page, committed) << "after a change of the options of fathom serve: fathom reference "
                                "settings > docs/configuration.md";
  for (const std::string& option : ListOptions("serve")) {
    if (!option.starts_with("--")) continue;
    const bool is_setting = option != "--config" && option != "--help";
    EXPECT_EQ(page.find("\n| `" + option.substr(2) + "` |") != page.npos, is_setting) << option;
  }
}

TEST(Reference, WritesThePagesOfAllCommands) {
  const checkpoint::TemporaryFolder folder;
  EXPECT_EQ(RunWell({"reference", "man", "--out", folder / ""}), "");
  std::ifstream file(folder / "fathom-serve.1");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(page, RunWell({"reference", "man", "--command", "serve"}));
  EXPECT_TRUE(std::ifstream(folder / "fathom.1").good());
}

TEST(Reference, TellsWhatIsWrong) {
  ExpectFailure({"reference"}, 2, "FORM is required");
  ExpectFailure({"reference", "csh"}, 2, "\"csh\" is not bash, zsh, fish, man or settings");
  ExpectFailure({"reference", "man", "--command", "fly"}, 1, "there is no command \"fly\"");
  ExpectFailure({"reference", "man", "--command", "run", "--out", "/tmp"}, 2, "--out");
  ExpectFailure({"reference", "bash", "--out", "/no/such"}, 1, "/no/such/fathom");
}

}  // namespace
}  // namespace fathom::tests
