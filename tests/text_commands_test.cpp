// `fathom tokenize` and `fathom encode` from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "checkpoint/test_files.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::ReadBytes;
using checkpoint::TemporaryFolder;
using checkpoint::WriteBytes;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(Tokenize, EveryByteComesBack) {
  TemporaryFolder folder;
  std::mt19937 random(7);
  std::string bytes(50'000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  WriteBytes(folder / "bytes", bytes);
  const std::string ids = RunWell({"tokenize", "-m", RecallModel(), "-f", folder / "bytes"});
  EXPECT_EQ(CountLines(ids), 1);
  WriteBytes(folder / "ids", ids);
  const Arguments decode = {"tokenize", "-m", RecallModel(), "--decode", "-f", folder / "ids"};
  EXPECT_EQ(RunWell(decode), bytes);
}

TEST(Tokenize, ReadsSpecialTokensOnlyIfRaw) {
  const ProgramOptions input = {.input = "a<｜User｜>"};
  EXPECT_EQ(RunWell({"tokenize", "-m", RecallModel(), "--raw"}, input), "97 258\n");
  EXPECT_THAT(RunWell({"tokenize", "-m", RecallModel()}, input),
              AllOf(StartsWith("97 60 "), EndsWith(" 62\n")));
  EXPECT_EQ(RunWell({"tokenize", "-m", RecallModel()}), "\n");
  EXPECT_EQ(RunWell({"tokenize", "-m", RecallModel(), "--decode"}, {.input = " 97\n258 "}),
            "a<｜User｜>");
}

TEST(Tokenize, NeedsNothingButTokenizerJson) {
  TemporaryFolder folder;
  std::filesystem::copy(RecallModel() + "/tokenizer.json", folder / "tokenizer.json");
  EXPECT_EQ(RunWell({"tokenize", "-m", folder.path()}, {.input = "hi"}), "104 105\n");
}

TEST(Tokenize, SaysWhereTheInputIsWrong) {
  const Arguments decode = {"tokenize", "-m", RecallModel(), "--decode"};
  const std::string limit = " is not a token id from 0 to ";
  ExpectFailure(decode, 1, "standard input: line 2, word 2: \"x7\"" + limit,
                {.input = "1 2\n3 x7 4"});
  for (const char* word : {"-1", "+1", "1,2", "0x1", "1.0", "100000", "99999999999999999999"})
    ExpectFailure(decode, 1, std::string("line 1, word 1: \"") + word + "\"" + limit,
                  {.input = word});
  ExpectFailure({"tokenize", "-m", RecallModel(), "-f", "no-such-file"}, 1, "no-such-file");
  ExpectFailure({"tokenize", "-m", NanoFlash()}, 1, "nano-flash/tokenizer.json");
}

TEST(Tokenize, ReadsOnWhereItsInputStands) {
  TemporaryFolder folder;
  WriteBytes(folder / "text", "skipped\nhi");
  const std::string command =
      fmt::format("(read line; exec {} tokenize -m {}) < {} > {}", FATHOM_PROGRAM, RecallModel(),
                  folder / "text", folder / "ids");
  // The shell leaves the file's position behind the line that it reads.
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(ReadBytes(folder / "ids"), "104 105\n");
}

TEST(Encode, PrintsThePromptAndNothingElse) {
  TemporaryFolder folder;
  WriteBytes(folder / "chat.json",
             R"({"messages": [{"role": "system", "content": "Be brief."},
                              {"role": "user", "content": "1 + 1?"}]})");
  const std::string start = "<｜begin▁of▁sentence｜>Be brief.<｜User｜>1 + 1?<｜Assistant｜>";
  const Arguments encode = {"encode", "--messages", folder / "chat.json"};
  EXPECT_EQ(RunWell(encode), start + "<think>");
  for (const auto& [think, suffix] : {std::pair("none", "</think>"), {"high", "<think>"}}) {
    Arguments arguments = encode;
    arguments.insert(arguments.end(), {"--think", think});
    EXPECT_EQ(RunWell(arguments), start + suffix);
  }
  const std::string from_input = RunWell({"encode", "--messages", "-", "--think", "max"},
                                         {.input = R"([{"role": "user", "content": "1 + 1?"}])"});
  EXPECT_THAT(from_input, AllOf(StartsWith("<｜begin▁of▁sentence｜>Reasoning Effort"),
                                EndsWith("<｜User｜>1 + 1?<｜Assistant｜><think>")));
}

TEST(Encode, NamesTheMessageThatIsWrong) {
  const Arguments encode = {"encode", "--messages", "-"};
  ExpectFailure(encode, 1, "standard input: messages[0].role", {.input = R"([{"role": "pope"}])"});
  ExpectFailure(encode, 1, "standard input: byte 0", {.input = "x"});
  ExpectFailure({"encode", "--messages", "no-such-file"}, 1, "no-such-file");
}

}  // namespace
}  // namespace fathom::tests
