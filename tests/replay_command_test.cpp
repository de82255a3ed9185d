// `fathom replay` from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/file.h"
#include "checkpoint/test_files.h"
#include "engine/engine.h"
#include "program_checks.h"
#include "trace/trace_writer.h"

namespace fathom::tests {
namespace {

using checkpoint::TemporaryFolder;
using nlohmann::json;

// A trace of two requests, the second one like the first, with 24 tokens altogether.
std::string Record(const std::string& path) {
  const auto writer = trace::TraceWriter::Create({.path = path, .program = "test"}).value();
  const auto opened = engine::Engine::Open(
      NanoFlash(), {.threads = 1, .context = 500, .kv_memory = 64 << 20, .observer = writer.get()});
  for (int i = 0; i < 2; ++i) {
    engine::Request request;
    request.prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    request.max_tokens = 12;
    request.ignore_end = true;
    request.sampling.seed = static_cast<uint64_t>(i);
    EXPECT_TRUE(opened.engine->Submit(std::move(request)).number);
    while (opened.engine->Step()) {
    }
  }
  return path;
}

// Has the file hold `text`.
void Put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(ReplayCommand, SaysThatAllIsTheSame) {
  const TemporaryFolder folder;
  const std::string trace = Record(folder / "trace");
  EXPECT_EQ(RunWell({"replay", trace, "--threads", "2"}),
            "2 requests, 24 tokens, 5 cache decisions: the same\n");
  const json report = json::parse(RunWell({"replay", trace, "-m", NanoFlash(), "--json"}));
  EXPECT_EQ(report["same"], true);
  EXPECT_EQ(report["tokens"], 24);
  EXPECT_TRUE(report["difference"].is_null());

  Put(trace, base::ReadFile(trace).value() + "{\"time\":9");
  EXPECT_EQ(RunWell({"replay", trace}),
            "2 requests, 24 tokens, 5 cache decisions: the same\n"
            "the last line is not whole, and was left out\n");
}

TEST(ReplayCommand, NamesWhatDiffersAndFails) {
  const TemporaryFolder folder;
  const std::string trace = Record(folder / "trace");
  std::string text = base::ReadFile(trace).value();
  // Of the second answer, the third token.
  const std::string token = R"("event":"token","request":2,"id":)";
  size_t at = 0;
  for (int i = 0; i < 3; ++i) at = text.find(token, at) + token.size();
  const size_t end = text.find('}', at);
  const std::string right = text.substr(at, end - at);
  const std::string wrong = right == "1" ? "2" : "1";
  Put(trace, text.replace(at, end - at, wrong));
  const std::string line =
      trace + ": request 2, token 3: the trace has " + wrong + "; this run has " + right;
  ExpectFailure({"replay", trace}, 1, line);
  const Outcome outcome = RunProgram({"replay", trace, "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "fathom: " + line + "\n");
  const json difference = {
      {"kind", "token"}, {"request", 2}, {"position", 3}, {"expected", wrong}, {"got", right}};
  EXPECT_EQ(json::parse(outcome.out)["difference"], difference);
}

TEST(ReplayCommand, SaysWhatIsWrongWithATrace) {
  const TemporaryFolder folder;
  const std::string trace = Record(folder / "trace");
  ExpectFailure({"replay", trace, "-m", RecallModel()}, 1, "not the trace's model");
  ExpectFailure({"replay", folder / "none"}, 1, "none: ");
  ExpectFailure({"replay"}, 2, "FILE is required");
  Put(trace, base::ReadFile(trace).value() + "{\"step\":1}\n");
  ExpectFailure({"replay", trace}, 1, ": step: less than that of the line before");
}

}  // namespace
}  // namespace fathom::tests
