// The command line itself, from the outside: help, wrong usage, streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>
#include <string>

#include "checkpoint/test_files.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CommandLine, EveryHelpFitsATerminalAndNamesTheExitCodes) {
  for (const char* command :
       {"", "run", "chat", "serve", "demo", "inspect", "cost", "bench", "bench-serve", "logits",
        "synth", "train", "eval", "replay", "train-tokenizer", "tokenize", "encode", "reference"}) {
    Arguments arguments = {"--help"};
    if (*command != '\0') arguments.insert(arguments.begin(), command);
    const std::string help = RunWell(arguments);
    const std::string name = *command == '\0' ? "fathom" : std::string("fathom ") + command;
    EXPECT_THAT(help, StartsWith(name + " - "));
    EXPECT_THAT(help, AllOf(HasSubstr("\nUsage: " + name + " "), HasSubstr("\nExit codes:\n")));
    EXPECT_EQ(help.find("\nExamples:\n  ") == help.npos, *command == '\0');
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(CommandLine, TheProgramsHelpNamesEveryCommand) {
  const std::string help = RunWell({"-h"});
  for (const char* command :
       {"run", "chat", "serve", "demo", "inspect", "cost", "bench", "bench-serve", "logits",
        "synth", "train", "eval", "replay", "train-tokenizer", "tokenize", "encode", "reference"})
    EXPECT_THAT(help, HasSubstr(std::string("\n  ") + command + " "));
  EXPECT_THAT(RunWell({"--version"}), testing::MatchesRegex("fathom [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, WrongUsageExitsWithTwo) {
  ExpectFailure({}, 2, "no command");
  ExpectFailure({"improve"}, 2, "unknown command \"improve\"");
  ExpectFailure({"--frobnicate"}, 2, "unknown option \"--frobnicate\"");
  ExpectFailure({"cost", "--frobnicate"}, 2, "unknown option \"--frobnicate\"");
  ExpectFailure({"logits", "--frobnicate"}, 2, "unknown option \"--frobnicate\"");
  ExpectFailure({"cost", "much"}, 2, "unexpected argument \"much\"");
  ExpectFailure({"eval", "beauty"}, 2, "\"beauty\" is not recall, tools or ppl");
  ExpectFailure({"inspect"}, 2, "DIR is required");
  ExpectFailure({"logits", "--ids", "-"}, 2, "--out is required");
  ExpectFailure({"tokenize", "--model"}, 2, "--model");
  ExpectFailure({"encode", "--messages", "-", "--think", "hard"}, 2, "--think: \"hard\"");
}

TEST(CommandLine, WrongNumbersNameTheirOption) {
  const Arguments wrong_contexts = {
      "0", "-1", "x", "1e6", "0x10", "1.5", "", "1000000001", "99999999999999999999"};
  for (const std::string& context : wrong_contexts)
    ExpectFailure({"cost", "--context=" + context}, 2, "--context");
  const Arguments logits = {"logits", "--ids", "-", "--out", "out"};
  for (const char* option : {"--chunk", "--threads"}) {
    Arguments arguments = logits;
    arguments.insert(arguments.end(), {option, "0"});
    ExpectFailure(arguments, 2, std::string(option) + ": \"0\" is not an integer from 1");
  }
  ExpectFailure({"synth", "--like", "flash", "--out", "x", "--seed", "-3"}, 2, "--seed");
}

TEST(CommandLine, AnErrorStaysOneLineWhateverAFileIsCalled) {
  ExpectFailure({"inspect", "no\nsuch\rfile"}, 1, "no\\x0asuch\\x0dfile/config.json");
}

TEST(CommandLine, OutputThatCannotBeWrittenIsAFailure) {
  const Arguments commands[] = {{"--help"},
                                {"--version"},
                                {"cost"},
                                {"cost", "--json"},
                                {"inspect", RecallModel()},
                                {"tokenize", "-m", RecallModel()}};
  for (const Arguments& arguments : commands) {
    ExpectFailure(arguments, 1, "standard output: cannot write: No space left on device",
                  {.input = "x", .out_path = "/dev/full"});
    ExpectFailure(arguments, 1, "standard output: cannot write: Broken pipe",
                  {.input = "x", .closed_output = true});
  }
}

TEST(CommandLine, AnUnknownTierIsAFailure) {
  ExpectFailure({"inspect", RecallModel()}, 1, "FATHOM_ISA=sse9",
                {.environment = {"FATHOM_ISA=sse9"}});
}

TEST(Progress, ShowsOnATerminalAndIsErased) {
  TemporaryFolder folder;
  TerminalProgram program({"synth", "--like", NanoFlash() + "/config.json", "--out", folder / "x"},
                          {"TERM=xterm"});
  program.Await("writing [");
  program.Await("\r\033[K");
  EXPECT_THAT(program.Await("\n"), HasSubstr(folder / "x"));
  EXPECT_EQ(program.Wait(), 0);
}

TEST(CommandLine, ClosedStreamsAreFailures) {
  const std::string fathom = std::string(FATHOM_PROGRAM) + " ";
  for (const std::string& command :
       Arguments{"cost >&-", "tokenize -m " + RecallModel() + " <&-"}) {
    const int status = std::system((fathom + command + " 2> /dev/null").c_str());
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << command;
  }
}

}  // namespace
}  // namespace fathom::tests
