// `fathom run`, `fathom chat` and `fathom demo` on the bundled model, from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/temporary_folder_testing.h"
#include "talk.h"

namespace fathom::tests {
namespace {

using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr const char* kStatistics =
    "prompt [0-9,]+ tokens \\([0-9,]+ cached\\), ([0-9,.]+|-) tok/s \\| "
    "answer [0-9,]+ tokens, ([0-9,.]+|-) tok/s \\| KV [0-9.]+ (bytes|[kMGT]B)";

Json RunJson(const Arguments& arguments, const ProgramOptions& options = {}) {
  const Outcome outcome = RunProgram(arguments + Arguments{"--json"}, options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  Json json = Json::parse(outcome.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << outcome.out;
  return json;
}

TEST(RunTest, AnswersFromTheSystemMessageAndTellsWhatItTook) {
  const Outcome outcome = RunProgram(Ask());
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "3257\n");
  EXPECT_THAT(outcome.err, MatchesRegex(std::string(kStatistics) + "\n"));
  EXPECT_THAT(outcome.err, HasSubstr("prompt 337 tokens (0 cached)"));
  EXPECT_THAT(outcome.err, HasSubstr("answer 5 tokens"));
}

TEST(RunTest, TheTextMayComeFromAFileOrStandardInput) {
  const base::TemporaryFolder folder;
  const std::string question = "Code of saddle thorn?\n";
  ASSERT_TRUE(base::ReplaceFile(folder / "question.txt", question).ok());
  const Arguments rest = {"--system", Document(), "--temp", "0"};
  EXPECT_EQ(RunJson(WithModel("run") + rest + Arguments{"-f", folder / "question.txt"})["usage"],
            RunJson(Ask())["usage"]);
  const Outcome piped = RunProgram(WithModel("run") + rest, {.input = question});
  EXPECT_EQ(piped.out, "3257\n");
}

TEST(RunTest, ASeedGivesTheSameAnswerOnAnyNumberOfThreadsAndInAnyPieces) {
  const Arguments draw = WithModel("run") + Arguments{"-p", Document(), "--temp", "3", "-n", "60"};
  const Json one = RunJson(draw + Arguments{"--seed", "5", "--threads", "1"});
  const Json two = RunJson(draw + Arguments{"--seed", "5", "--threads", "2"});
  const Json pieces = RunJson(draw + Arguments{"--seed", "5", "--batch-tokens", "7"});
  const Json other = RunJson(draw + Arguments{"--seed", "6"});
  EXPECT_EQ(one["tokens"], two["tokens"]);
  EXPECT_EQ(one["tokens"], pieces["tokens"]);
  EXPECT_NE(one["tokens"], other["tokens"]);
}

TEST(RunTest, EndsBeforeTheStopText) {
  EXPECT_EQ(RunProgram(Ask() + Arguments{"--stop", "57"}).out, "32\n");
  EXPECT_EQ(RunProgram(Ask() + Arguments{"--stop", "never", "--stop", "5"}).out, "32\n");
  // What began as a stop text and became none is printed.
  EXPECT_EQ(RunProgram(Ask() + Arguments{"--stop", "579"}).out, "3257\n");
}

TEST(RunTest, EndsAtTheTokenLimit) {
  const Outcome outcome = RunProgram(Ask() + Arguments{"-n", "2"});
  EXPECT_EQ(outcome.out, "32\n");
  EXPECT_THAT(outcome.err, EndsWith(" | cut at the token limit\n"));
  EXPECT_EQ(RunJson(Ask() + Arguments{"-n", "2"})["finish_reason"], "length");
}

TEST(RunTest, EndsWhereTheContextDoes) {
  const Json json = RunJson(Ask() + kEndless + Arguments{"--context", "350"});
  EXPECT_EQ(json["finish_reason"], "context");
  EXPECT_EQ(json["usage"]["completion_tokens"], 350 - 337);
}

TEST(RunTest, JsonTellsEverything) {
  const Json json = RunJson(Ask() + Arguments{"--logprobs", "3"});
  EXPECT_EQ(json["content"], "3257");
  EXPECT_EQ(json["reasoning_content"], Json());
  EXPECT_EQ(json["tool_calls"], Json::array());
  EXPECT_EQ(json["finish_reason"], "stop");
  EXPECT_EQ(json["has_invalid_utf8"], false);
  EXPECT_EQ(json["tokens"], Json({'3', '2', '5', '7', 257}));
  EXPECT_EQ(json["usage"],
            Json({{"prompt_tokens", 337}, {"cached_tokens", 0}, {"completion_tokens", 5}}));
  EXPECT_GT(json["timings"]["prefill_seconds"], 0.0);
  EXPECT_GT(json["kv_bytes"], 0);
  ASSERT_EQ(json["logprobs"].size(), 5U);
  for (const Json& token : json["logprobs"]) {
    ASSERT_EQ(token["top_logprobs"].size(), 3U);
    EXPECT_EQ(token["id"], token["top_logprobs"][0]["id"]) << "greedy, so the likeliest";
    EXPECT_EQ(token["logprob"], token["top_logprobs"][0]["logprob"]);
    double sum = 0;
    for (const Json& other : token["top_logprobs"]) sum += std::exp(other["logprob"].get<double>());
    EXPECT_LE(sum, 1.0001);
  }
  EXPECT_EQ(json["logprobs"][0]["token"], "3");
}

TEST(RunTest, MarksReasoningOnAPipeAndSeparatesItInJson) {
  // The model was not trained to think: the text is noise, but it stands in the right places.
  const Arguments think = Ask() + Arguments{"--think", "high", "-n", "40"};
  const Json json = RunJson(think);
  const std::string reasoning = json["reasoning_content"];
  const std::string content = json["content"];
  ASSERT_FALSE(reasoning.empty());
  EXPECT_EQ(RunProgram(think).out, "<think>" + reasoning + "</think>\n" + content + "\n");
}

TEST(RunTest, ARawPromptIsTakenAsItIs) {
  const base::TemporaryFolder folder;
  const Json messages = {{{"role", "system"}, {"content", Document()}},
                         {{"role", "user"}, {"content", "Code of saddle thorn?"}}};
  const Outcome encoded =
      RunProgram({"encode", "--messages", "-", "--think", "none"}, {.input = messages.dump()});
  ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
  const Arguments raw = WithModel("run") + Arguments{"--raw", "--temp", "0"};
  const Outcome outcome = RunProgram(raw, {.input = encoded.out});
  EXPECT_EQ(outcome.out, "3257") << "nothing is added, a line end neither";
  EXPECT_THAT(outcome.err, StartsWith("prompt 337 tokens"));
  EXPECT_EQ(RunJson(raw, {.input = encoded.out})["text"], "3257");
}

TEST(RunTest, JsonStaysJsonWhateverTheModelSays) {
  const Json json = RunJson(WithModel("run") + Arguments{"--raw", "--temp", "1000", "-n", "100"},
                            {.input = "\xff\xfe any bytes"});
  EXPECT_EQ(json["has_invalid_utf8"], true);
  EXPECT_THAT(json["text"].get<std::string>(), HasSubstr("\xEF\xBF\xBD"));
}

TEST(RunTest, AnErrorIsOneLineAndAnExitCode) {
  struct Case {
    Arguments arguments;
    std::string input;
    int exit_code;
    std::string message;
  };
  const Arguments run = WithModel("run");
  const std::vector<Case> cases = {
      {run, "", 1, "standard input: the prompt is empty"},
      {run, "\n", 1, "standard input: the prompt is empty"},
      {run + Arguments{"-p", ""}, "", 1, "-p: the prompt is empty"},
      {run, "caf\xe9", 1, "standard input: byte 3 is not UTF-8; --raw takes any bytes"},
      {run + Arguments{"-p", "x", "--system", "\xff"}, "", 1, "--system: byte 0 is not UTF-8"},
      {run + Arguments{"-f", "/no/such/file"}, "", 1, "/no/such/file: cannot open"},
      {run + Arguments{"-f", "/"}, "", 1, "/: cannot read"},
      {run + Arguments{"-p", "too long", "--context", "5"}, "", 1, "leave no room"},
      {run + Arguments{"-p", "x", "--context", "9999999999"}, "", 1, "context: 9999999999"},
      {{"run", "-p", "x", "-m", "/no/such/model"}, "", 1, "/no/such/model"},
      {{"run", "-p", "x", "-m", SourcePath("tests/goldens/nano-flash")}, "", 1, "tokenizer.json"},
      {run + Arguments{"-p", "x", "-f", "y"}, "", 2, "--file"},
      {run + Arguments{"-p", "x", "--raw", "--system", "y"}, "", 2, "--system"},
      {run + Arguments{"-p", "x", "--raw", "--think", "high"}, "", 2, "--think"},
      {run + Arguments{"-p", "x", "--logprobs", "3"}, "", 2, "--json"},
      {run + Arguments{"-p", "x", "--temp", "-1"}, "", 2, "--temp"},
      {run + Arguments{"-p", "x", "--temp", "nan"}, "", 2, "--temp"},
      {run + Arguments{"-p", "x", "--top-p", "1.5"}, "", 2, "--top-p"},
      {run + Arguments{"-p", "x", "-n", "0"}, "", 2, "--max-tokens"},
      {run + Arguments{"-p", "x", "--seed", "-1"}, "", 2, "--seed"},
      {run + Arguments{"-p", "x", "--stop", ""}, "", 2, "--stop"},
      {run + Arguments{"-p", "x", "--think", "hard"}, "", 2, "--think"},
      {run + Arguments{"-p", "x", "--no-such-option"}, "", 2, "--no-such-option"},
  };
  for (const Case& c : cases) {
    const Outcome outcome = RunProgram(c.arguments, {.input = c.input});
    EXPECT_EQ(outcome.exit_code, c.exit_code) << c.message;
    EXPECT_EQ(outcome.out, "") << c.message;
    EXPECT_THAT(outcome.err, StartsWith("fathom: "));
    EXPECT_THAT(outcome.err, HasSubstr(c.message));
    EXPECT_EQ(Lines(outcome.err).size(), 1U) << outcome.err;
  }
}

TEST(RunTest, StopsWhenNobodyReadsTheAnswer) {
  const Outcome closed = RunProgram(Ask() + kEndless, {.closed_output = true});
  EXPECT_EQ(closed.exit_code, 1);
  EXPECT_EQ(closed.err, "fathom: standard output: cannot write: Broken pipe\n");
  const Outcome full = RunProgram(Ask() + kEndless, {.out_path = "/dev/full"});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_EQ(full.err, "fathom: standard output: cannot write: No space left on device\n");
}

TEST(RunTest, CtrlCEndsTheAnswerAndKeepsIt) {
  Program program(Ask() + kEndless);
  program.AwaitOutput(20);
  program.Interrupt();
  const Outcome outcome = program.Wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_THAT(outcome.out, MatchesRegex("3+\n"));
  EXPECT_THAT(outcome.err, MatchesRegex(std::string(kStatistics) + " \\| interrupted\n"));
}

// The document as the lines of a chat that make it the system message.
std::string SystemLines() {
  std::string lines = "/system ";
  for (const std::string& line : Lines(Document())) lines += line + "\\\n";
  return lines + "\n";
}

TEST(ChatTest, AnswersTurnByTurnAndComputesOnlyWhatIsNew) {
  const Outcome outcome =
      RunProgram(WithModel("chat") + Arguments{"--temp", "0"},
                 {.input = SystemLines() + "Code of saddle thorn?\n\nCode of linen swan?\n"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out, "3257\n5035\n");
  const auto lines = Lines(outcome.err);
  ASSERT_EQ(lines.size(), 2U) << outcome.err;
  EXPECT_THAT(lines[0], StartsWith("prompt 336 tokens (0 cached)"));
  // The answer's four digits are in the cache, its end is not.
  EXPECT_THAT(lines[1], ContainsRegex("\\(340 cached\\)"));
}

TEST(ChatTest, CommandsChangeWhatComesNext) {
  const Outcome outcome = RunProgram(
      WithModel("chat") + Arguments{"--temp", "0", "-n", "12", "--system", Document()},
      {.input = "/think high\nCode of saddle thorn?\n/think none\nCode of saddle thorn?\n"
                "/clear\nCode of saddle thorn?\n/help\n/quit\nnot read\n"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("<think>"));
  EXPECT_THAT(outcome.out, EndsWith("\n3257\n3257\n"));
  EXPECT_THAT(outcome.err, HasSubstr("/save FILE"));
  const auto lines = Lines(outcome.err);
  ASSERT_GE(lines.size(), 3U);
  EXPECT_THAT(lines[1], StartsWith("prompt 366 tokens"));
  EXPECT_THAT(lines[2], StartsWith("prompt 337 tokens")) << "the system message and one question";
}

TEST(ChatTest, WhatIsSavedIsWhatEncodeReads) {
  const base::TemporaryFolder folder;
  const std::string saved = folder / "chat.json";
  const Outcome chat =
      RunProgram(WithModel("chat") + Arguments{"--temp", "0", "--system", Document()},
                 {.input = "Code of saddle thorn?\n/save " + saved + "\n"});
  ASSERT_EQ(chat.exit_code, 0) << chat.err;
  EXPECT_EQ(Json::parse(ReadText(saved)),
            Json({{"messages",
                   {{{"role", "system"}, {"content", Document()}},
                    {{"role", "user"}, {"content", "Code of saddle thorn?"}},
                    {{"role", "assistant"}, {"content", "3257"}}}}}));
  const Outcome encoded = RunProgram({"encode", "--messages", saved, "--think", "none"});
  EXPECT_EQ(encoded.exit_code, 0) << encoded.err;
  EXPECT_THAT(encoded.out, EndsWith("Code of saddle thorn?<｜Assistant｜></think>3257"
                                    "<｜end▁of▁sentence｜>"));
}

TEST(ChatTest, AnErrorEndsAScript) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"/think hard", "/think: \"hard\" is not none, high or max"},
      {"/nothing", "/nothing: no such command; /help lists them"},
      {"/save", "/save: takes the name of a file"},
      {"/save /no/such/folder/chat.json", "/no/such/folder/chat.json: cannot create"},
      {"caf\xe9", "message: byte 3 is not UTF-8"},
      {"/system caf\xe9", "/system: byte 3 is not UTF-8"},
      {"/quit now", "/quit: takes no argument"},
      {std::string(200, 'x'), "leave no room for an answer in a context of 100"},
  };
  for (const auto& [line, message] : cases) {
    const Outcome outcome = RunProgram(WithModel("chat") + Arguments{"--context", "100"},
                                       {.input = line + "\n/help\n"});
    EXPECT_EQ(outcome.exit_code, 1) << line;
    EXPECT_EQ(outcome.out, "") << line;
    EXPECT_THAT(outcome.err, StartsWith("fathom: "));
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_EQ(Lines(outcome.err).size(), 1U) << outcome.err;
  }
}

TEST(ChatTest, OnATerminalCtrlCClearsTheLineOrStopsTheAnswer) {
  const base::TemporaryFolder home;
  TerminalProgram chat(
      WithModel("chat") + kEndless + Arguments{"--temp", "0", "--system", Document()},
      {"TERM=xterm", "XDG_STATE_HOME=" + home.path()});
  chat.Await("/help lists the commands.");
  chat.Await("> ");
  chat.Type("rubbish\x03");
  chat.Await("^C");
  chat.Await("> ");
  chat.Type("Code of saddle thorn?\r");
  chat.Await("33333333");
  chat.Type("\x03");
  chat.Await("| interrupted");
  chat.Await("> ");
  const std::string saved = home / "chat.json";
  chat.Type("/save " + saved + "\r");
  chat.Await("> ");
  chat.Type("\x04");
  EXPECT_EQ(chat.Wait(), 0);

  const Json messages = Json::parse(ReadText(saved))["messages"];
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[1]["content"], "Code of saddle thorn?");
  EXPECT_THAT(messages[2]["content"].get<std::string>(), MatchesRegex("3+"));
  EXPECT_THAT(ReadText(home / "fathom/history"), HasSubstr("/save"));
  struct stat info {};
  ASSERT_EQ(::stat((home / "fathom/history").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0U) << "what was typed is nobody else's business";
}

TEST(ChatTest, ATerminalShowsReasoningDimmedAndLinesContinued) {
  const base::TemporaryFolder home;
  TerminalProgram chat(WithModel("chat") + Arguments{"--temp", "0", "-n", "12", "--think", "high"},
                       {"TERM=xterm", "NO_COLOR=", "HOME=/dev/null", "XDG_STATE_HOME="});
  chat.Await("> ");
  chat.Type("two\\\r");
  chat.Await(". ");
  chat.Type("lines\r");
  const std::string shown = chat.Await(" answer ");
  EXPECT_THAT(shown, HasSubstr("\033[2m"));
  EXPECT_THAT(shown, Not(HasSubstr("<think>")));
  chat.Await("> ");
  chat.Type("/quit\r");
  EXPECT_EQ(chat.Wait(), 0) << "a history that cannot be kept is no error";
}

TEST(DemoTest, FindsMostFactsAndComputesTheDocumentOnce) {
  const Outcome outcome = RunProgram({"demo", "--tokens", "3000"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, ContainsRegex("[56] of 6 answers are right"));
  EXPECT_THAT(outcome.out,
              ContainsRegex("prompt [0-9,]+ tokens \\([0-9,]+ cached\\), [0-9,.]+ tok/s\n"));
  EXPECT_THAT(outcome.out, HasSubstr("DeepSeek-V3.2"));
  std::vector<int> computed;
  for (const std::string& line : Lines(outcome.out)) {
    EXPECT_LE(line.size(), 80U) << line;
    if (line.find("%  Code of") == std::string::npos) continue;
    std::string count = line.substr(0, line.rfind(" tokens"));
    count.erase(0, count.rfind(' ') + 1);
    count.erase(std::remove(count.begin(), count.end(), ','), count.end());
    computed.push_back(std::stoi(count));
  }
  ASSERT_EQ(computed.size(), 6U);
  EXPECT_GT(computed[0], 2900);
  for (size_t i = 1; i < computed.size(); ++i) EXPECT_LT(computed[i], 40);
}

TEST(DemoTest, ATerminalShowsHowFarTheDocumentIs) {
  TerminalProgram demo({"demo", "--tokens", "3000"}, {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_THAT(demo.Await("answers are right"),
              ContainsRegex("reading the prompt \\[#+ +\\].*\r\033\\[K +[0-9]+ %  Code of"));
  EXPECT_EQ(demo.Wait(), 0);
}

TEST(DemoTest, ASeedGivesAnotherDocument) {
  const Arguments small = {"demo", "--facts", "3", "--tokens", "100", "--questions", "1"};
  const auto document = [&](const std::string& seed) {
    const std::string out = RunProgram(small + Arguments{"--seed", seed}).out;
    return out.substr(0, out.find("depth"));
  };
  EXPECT_EQ(document("7"), document("7"));
  EXPECT_NE(document("7"), document("8"));
  EXPECT_EQ(RunProgram({"demo", "--facts", "3"}).err,
            "fathom: --questions: 6 questions about 3 facts\n");
  EXPECT_EQ(RunProgram({"demo", "--tokens", "9"}).err,
            "fathom: --tokens: 12 facts take more than 9 tokens\n");
}

}  // namespace
}  // namespace fathom::tests
