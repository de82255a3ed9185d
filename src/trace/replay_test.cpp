// A trace that is run again gives the same tokens and the same decisions, and what was changed in
// it is found.
#include "trace/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "trace/trace_testing.h"

namespace fathom::trace {
namespace {

namespace fs = std::filesystem;
using engine::CacheDecision;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using Kind = CacheDecision::Kind;

ReplayReport RunAgain(const Recording& recording, int threads = 1,
                      const std::string& kv_directory = {}) {
  return Replay(recording, {.model_directory = engine::kNano,
                            .engine = {.threads = threads},
                            .kv_directory = kv_directory,
                            .make_constraint = MakeEveryFifth})
      .value();
}

void ExpectSame(const Recording& recording, const ReplayReport& report) {
  ASSERT_FALSE(report.difference) << DescribeDifference(*report.difference);
  int64_t tokens = 0;
  for (const RecordedRequest& request : recording.requests) tokens += std::ssize(request.tokens);
  EXPECT_EQ(report.tokens, tokens);
  EXPECT_EQ(report.requests, std::ssize(recording.requests));
}

Recording Parse(const std::string& text) { return ParseTrace(text, "trace").value(); }

// What stands once in a trace.
std::string Change(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Replay, IsTheSameWhateverTheThreads) {
  const base::TemporaryFolder folder;
  const Recording recording = Parse(Record(TightOptions(), folder / "trace", 1));
  EXPECT_GT(recording.requests.size(), 10u);
  EXPECT_THAT(KindsOf(recording), IsSupersetOf({Kind::kFound, Kind::kKept, Kind::kEvicted}));
  for (const int threads : {1, 2}) {
    const ReplayReport report = RunAgain(recording, threads);
    ExpectSame(recording, report);
    EXPECT_EQ(report.decisions, std::ssize(recording.decisions));
  }
}

// When a file is written, and thus when memory is free again, depends on the disk: the run waits
// for what the trace had by then, and for no more. What a session meets depends on it, too: on a
// slow disk some meet no file that they could read.
TEST(Replay, IsTheSameWithFiles) {
  const base::TemporaryFolder folder;
  EngineOptions options = TightOptions();
  options.kv_disk = 600'000;
  std::set<Kind> missing = {Kind::kRead, Kind::kQueued, Kind::kWritten, Kind::kRemoved};
  for (unsigned seed = 2; seed < 12 && !missing.empty(); ++seed) {
    const std::string name = folder / std::to_string(seed);
    options.kv_directory = name + ".kv";
    const Recording recording = Parse(Record(options, name, seed));
    EXPECT_TRUE(recording.is_parked);
    for (const Kind kind : KindsOf(recording)) missing.erase(kind);
    const ReplayReport report = RunAgain(recording);
    ExpectSame(recording, report);
    EXPECT_EQ(report.decisions, std::ssize(recording.decisions));
  }
  EXPECT_THAT(missing, IsEmpty());
}

TEST(Replay, FilesFromBeforeHaveToBeGiven) {
  const base::TemporaryFolder folder;
  EngineOptions options = TightOptions();
  options.kv_directory = folder / "kv";
  Record(options, folder / "before", 1);
  fs::copy(folder / "kv", folder / "copy", fs::copy_options::recursive);
  for (const auto& file : fs::recursive_directory_iterator(folder / "kv"))
    fs::last_write_time((folder / "copy") / fs::relative(file, folder / "kv"),
                        fs::last_write_time(file));
  const Recording recording = Parse(Record(options, folder / "trace", 1));
  ASSERT_GT(recording.header.files.value(), 0);

  const ReplayReport without = RunAgain(recording);
  ExpectSame(recording, without);
  EXPECT_EQ(without.decisions, 0);
  EXPECT_THAT(without.decisions_left_out, HasSubstr("files that are not given"));

  const ReplayReport with = RunAgain(recording, 1, folder / "copy");
  ExpectSame(recording, with);
  EXPECT_EQ(with.decisions, std::ssize(recording.decisions));
  EXPECT_EQ(with.decisions_left_out, "");
}

// A process that is killed leaves a trace that ends anywhere.
TEST(Replay, ATraceMayEndAnywhere) {
  const base::TemporaryFolder folder;
  const std::string text = Record(TightOptions(), folder / "trace", 4, 40);
  const size_t header = text.find('\n') + 1;
  for (size_t i = 0; i < 6; ++i) {
    const Recording recording =
        Parse(text.substr(0, header + (text.size() - header) * (i + 1) / 7));
    ExpectSame(recording, RunAgain(recording));
  }
}

TEST(Replay, NamesTheFirstTokenThatDiffers) {
  const base::TemporaryFolder folder;
  const std::string text = Record(TightOptions(), folder / "trace", 5, 40);
  Recording recording = Parse(text);
  const auto with_tokens =
      std::ranges::find_if(recording.requests, [](const RecordedRequest& request) {
        return request.tokens.size() > 4 && request.tokens[3].origin == engine::TokenOrigin::kDrawn;
      });
  ASSERT_NE(with_tokens, recording.requests.end());
  const int32_t right = std::exchange(with_tokens->tokens[3].id, 199);
  const ReplayReport report = RunAgain(recording);
  ASSERT_TRUE(report.difference);
  const int64_t number = with_tokens - recording.requests.begin() + 1;
  EXPECT_EQ(DescribeDifference(*report.difference),
            fmt::format("request {}, token 4: the trace has 199; this run has {}", number, right));
}

TEST(Replay, NamesWhatIsMissingAndWhatIsTooMuch) {
  const base::TemporaryFolder folder;
  const Recording recording = Parse(Record(TightOptions(), folder / "trace", 6, 40));
  const auto find = [&](Recording& changed) -> RecordedRequest& {
    return *std::ranges::find_if(changed.requests, [](const RecordedRequest& request) {
      return request.finish == engine::FinishReason::kLength && request.tokens.size() > 2;
    });
  };
  Recording longer = recording;
  find(longer).tokens.push_back({.id = 3});
  EXPECT_THAT(DescribeDifference(RunAgain(longer).difference.value()),
              HasSubstr("the trace has 3; this run has nothing"));
  Recording shorter = recording;
  find(shorter).tokens.pop_back();
  EXPECT_THAT(DescribeDifference(RunAgain(shorter).difference.value()),
              HasSubstr("the trace has nothing; this run has"));
  Recording other = recording;
  find(other).finish = engine::FinishReason::kStop;
  EXPECT_THAT(DescribeDifference(RunAgain(other).difference.value()),
              HasSubstr("tokens: the trace has stop; this run has length"));
}

TEST(Replay, NamesTheFirstDecisionThatDiffers) {
  const base::TemporaryFolder folder;
  Recording recording = Parse(Record(TightOptions(), folder / "trace", 7));
  const auto evicted = std::ranges::find(recording.decisions, Kind::kEvicted, &CacheDecision::kind);
  ASSERT_NE(evicted, recording.decisions.end());
  const int64_t position = evicted->position++;
  const ReplayReport report = RunAgain(recording);
  ASSERT_TRUE(report.difference);
  EXPECT_EQ(DescribeDifference(*report.difference),
            fmt::format("decision {} of the cache: the trace has evicted, position {}, {} tokens; "
                        "this run has evicted, position {}, {} tokens",
                        evicted - recording.decisions.begin() + 1, position + 1, evicted->tokens,
                        position, evicted->tokens));
}

TEST(Replay, AnotherModelIsRefused) {
  const base::TemporaryFolder folder;
  const Recording recording = Parse(Record(TightOptions(), folder / "trace", 1, 4));
  const std::string pro = std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/nano-pro";
  const auto refused = Replay(recording, {.model_directory = pro});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr(pro + ": not the trace's model"));
}

TEST(Replay, RequestsThatTheEngineRefusesAreErrors) {
  const base::TemporaryFolder folder;
  const std::string text = Record(TightOptions(), folder / "trace", 1, 30);
  const Recording recording = Parse(Change(text, "\"prompt\":[", "\"prompt\":[1000000,"));
  const auto refused =
      Replay(recording, {.model_directory = engine::kNano, .make_constraint = MakeEveryFifth});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("request 1: prompt[0]: token id 1000000"));
}

}  // namespace
}  // namespace fathom::trace
