// --session of `fathom run` and `fathom chat`, from the outside: what was said goes on in another
// process as in one, and a file that cannot be used is left alone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "talk.h"

namespace fathom::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Lively enough that a wrong bit would show, and short.
const Arguments kLively = {"--temp", "1.5", "--seed", "4", "-n", "25"};
constexpr const char* kFirst = "Code of saddle thorn?";
constexpr const char* kSecond = "Code of linen swan?";

void WriteText(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class TalkSession : public testing::Test {
 protected:
  Outcome Run(const Arguments& arguments) const {
    return RunProgram(WithModel("run") + Arguments{"--session", path_} + arguments);
  }
  // The first question, and with it the document.
  Outcome RunFirst(const Arguments& arguments) const {
    return Run(Arguments{"--system", Document(), "-p", kFirst} + arguments);
  }
  Outcome Chat(const std::string& input, const Arguments& arguments) const {
    return RunProgram(WithModel("chat") + arguments, {.input = input});
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    return names;
  }

  const base::TemporaryFolder folder_;
  const std::string path_ = folder_ / "talk.session";
};

TEST_F(TalkSession, GoesOnInAnotherProcessAsInOne) {
  const Outcome whole = Chat(std::string(kFirst) + "\n" + kSecond + "\n" + kFirst + "\n",
                             Arguments{"--system", Document()} + kLively);
  ASSERT_EQ(whole.exit_code, 0) << whole.err;

  const Outcome first = RunFirst(kLively);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_THAT(first.err, StartsWith("prompt 337 tokens (0 cached)"));
  EXPECT_THAT(Names(), ElementsAre("talk.session"));
  const Outcome second = Chat(std::string(kSecond) + "\n", Arguments{"--session", path_} + kLively);
  const Outcome third = Run(Arguments{"-p", kFirst} + kLively);
  EXPECT_EQ(first.out + second.out + third.out, whole.out);
  // What a process says about the cache is what one that never ended would say.
  const auto cached = [](const std::string& line) { return line.substr(0, line.find(')')); };
  const auto lines = Lines(whole.err);
  ASSERT_EQ(lines.size(), 3U) << whole.err;
  EXPECT_EQ(cached(second.err), cached(lines[1]));
  EXPECT_EQ(cached(third.err), cached(lines[2]));
}

TEST_F(TalkSession, ComputesOnlyWhatIsNew) {
  EXPECT_EQ(RunFirst({"--temp", "0"}).out, "3257\n");
  const Outcome second = Run({"-p", kSecond, "--temp", "0"});
  EXPECT_EQ(second.out, "5035\n");
  // The prompt, and the answer's four digits; the answer's end was drawn, but not computed.
  EXPECT_THAT(second.err, HasSubstr("(341 cached)"));

  // Another system message leaves the path at once.
  const Outcome other = Run({"-p", kSecond, "--temp", "0", "--system", "Nothing."});
  EXPECT_EQ(other.exit_code, 0);
  EXPECT_THAT(other.err, HasSubstr("(0 cached)"));
}

TEST_F(TalkSession, AnAnswerThatIsInterruptedIsKept) {
  Program program(Ask() + kEndless + Arguments{"--session", path_});
  program.AwaitOutput(20);
  program.Interrupt();
  const Outcome outcome = program.Wait();
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, EndsWith(" | interrupted\n"));
  const auto answered = outcome.out.size() - 1;
  const Outcome next = Run({"-p", kSecond, "--temp", "0"});
  ASSERT_EQ(next.exit_code, 0) << next.err;
  // The last token was drawn, but not computed.
  EXPECT_THAT(next.err, HasSubstr(fmt::format("({} cached)", 337 + answered - 1)));
}

TEST_F(TalkSession, AProcessThatIsKilledLeavesTheFileAsItWas) {
  ASSERT_EQ(RunFirst({"--temp", "0"}).exit_code, 0);
  const std::string before = ReadText(path_);
  Program program(WithModel("run") + kEndless + Arguments{"--session", path_, "-p", kSecond});
  program.AwaitOutput(20);
  program.Kill();
  EXPECT_EQ(program.Wait().exit_code, -1);
  EXPECT_TRUE(ReadText(path_) == before);
  EXPECT_EQ(Run({"-p", kSecond, "--temp", "0"}).out, "5035\n");
}

TEST_F(TalkSession, WhatWasSaidBeforeAnErrorIsKept) {
  const Outcome chat = Chat(std::string(kFirst) + "\n/nothing\n",
                            {"--system", Document(), "--temp", "0", "--session", path_});
  EXPECT_EQ(chat.exit_code, 1);
  EXPECT_THAT(chat.err, EndsWith("fathom: /nothing: no such command; /help lists them\n"));
  EXPECT_EQ(Run({"-p", kSecond, "--temp", "0"}).out, "5035\n");
}

TEST_F(TalkSession, AChatThatChangesNothingWritesNothing) {
  EXPECT_EQ(Chat("/help\n", {"--session", path_}).exit_code, 0);
  EXPECT_FALSE(fs::exists(path_));
  ASSERT_EQ(RunFirst({"--temp", "0"}).exit_code, 0);
  const auto written = fs::last_write_time(path_);
  EXPECT_EQ(Chat("/think high\n", {"--session", path_}).exit_code, 0);
  EXPECT_EQ(fs::last_write_time(path_), written);
  EXPECT_EQ(Chat("/clear\n", {"--session", path_}).exit_code, 0);
  EXPECT_EQ(Run({"-p", kSecond, "--temp", "0"}).out, "5035\n") << "the system message stays";
}

TEST_F(TalkSession, AFileThatCannotBeUsedIsRefusedAndLeftAlone) {
  ASSERT_EQ(RunFirst({"--temp", "0"}).exit_code, 0);
  const std::string good = ReadText(path_);
  std::string flipped = good;
  flipped[good.size() / 2] ^= 1;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {good.substr(0, good.size() - 1), "damaged: "}, {good.substr(0, 10), "not a session file"},
      {flipped, "does not match its checksum"},       {"", "not a session file"},
      {R"({"messages": []})", "not a session file"},
  };
  for (const auto& [bytes, reason] : cases) {
    WriteText(path_, bytes);
    for (const Outcome& outcome : {Run({"-p", kSecond}), Chat("hello\n", {"--session", path_})}) {
      EXPECT_EQ(outcome.exit_code, 1);
      EXPECT_EQ(outcome.out, "");
      EXPECT_THAT(outcome.err, StartsWith("fathom: " + path_ + ": "));
      EXPECT_THAT(outcome.err, HasSubstr(reason));
      EXPECT_EQ(Lines(outcome.err).size(), 1U) << outcome.err;
    }
    EXPECT_TRUE(ReadText(path_) == bytes);
  }
}

TEST_F(TalkSession, AnotherCheckpointIsRefused) {
  ASSERT_EQ(RunFirst({"--temp", "0"}).exit_code, 0);
  const std::string model = folder_ / "model";
  fs::copy(SourcePath("tests/models/recall"), model);
  std::string config = ReadText(model + "/config.json");
  const std::string key = "\"rms_norm_eps\": 1e-06";
  ASSERT_NE(config.find(key), std::string::npos);
  config.replace(config.find(key), key.size(), "\"rms_norm_eps\": 2e-06");
  WriteText(model + "/config.json", config);
  const Outcome outcome = RunProgram({"run", "-m", model, "--session", path_, "-p", kSecond});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "fathom: " + path_ + ": belongs to another checkpoint\n");
}

TEST_F(TalkSession, APathThatCannotBeWrittenIsToldAtOnce) {
  const std::string missing = folder_ / "no/such";
  const Outcome outcome =
      RunProgram(WithModel("run") + Arguments{"--session", missing, "-p", kFirst});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "fathom: " + missing + ": cannot create: No such file or directory\n");
  EXPECT_EQ(Chat("hello\n", {"--session", folder_.path()}).err,
            "fathom: " + folder_.path() + ": not a regular file\n");
  EXPECT_EQ(Run({"--raw", "-p", "x"}).exit_code, 2);
}

}  // namespace
}  // namespace fathom::tests
