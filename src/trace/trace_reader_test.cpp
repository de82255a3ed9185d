// What is written is read as it was, and what nobody wrote is an error with its line.
#include "trace/trace_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "trace/trace_lines.h"

namespace fathom::trace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

const TraceHeader kHeader = {.began = "2026-01-02T03:04:05Z",
                             .program = "1.2.3",
                             .model = "a \"model\"",
                             .fingerprint = "00ff",
                             .isa = "portable",
                             .context = 1000,
                             .batch_tokens = 1,
                             .chunk_tokens = 2,
                             .max_batch = 3,
                             .max_queue = 4,
                             .kv_memory = int64_t{1} << 40,
                             .kv_disk = 6,
                             .files = 7};

std::string HeaderLine() {
  std::string text;
  AppendHeader(kHeader, &text);
  return text;
}

engine::Request FullRequest() {
  engine::Request request;
  request.prompt = {5, 6, 7};
  request.boundaries = {1, 3};
  request.max_tokens = 9;
  request.sampling = {.repetition_penalty = 1.1f,
                      .presence_penalty = -0.3f,
                      .frequency_penalty = 1e-7f,
                      .logit_bias = {{1, 0.1f}, {2, -100}},
                      .temperature = 0.7f,
                      .top_k = 40,
                      .min_p = 0.05f,
                      .top_p = 0.95f,
                      .seed = UINT64_MAX};
  request.stop = {"a\n\"b\"", "\xC3\xA9"};
  request.stop_tokens = {8};
  request.ignore_end = true;
  request.logprobs = true;
  request.top_logprobs = 2;
  request.priority = -4;
  return request;
}

void ExpectEqual(const engine::Request& one, const engine::Request& other) {
  EXPECT_EQ(one.prompt, other.prompt);
  EXPECT_EQ(one.boundaries, other.boundaries);
  EXPECT_EQ(one.max_tokens, other.max_tokens);
  EXPECT_EQ(one.stop, other.stop);
  EXPECT_EQ(one.stop_tokens, other.stop_tokens);
  EXPECT_EQ(one.ignore_end, other.ignore_end);
  EXPECT_EQ(one.logprobs, other.logprobs);
  EXPECT_EQ(one.top_logprobs, other.top_logprobs);
  EXPECT_EQ(one.priority, other.priority);
  EXPECT_EQ(one.sampling.seed, other.sampling.seed);
  EXPECT_EQ(one.sampling.top_k, other.sampling.top_k);
  EXPECT_EQ(one.sampling.logit_bias, other.sampling.logit_bias);
  for (const auto& [name, value] : SamplingFields())
    EXPECT_EQ(one.sampling.*value, other.sampling.*value) << name;
}

TEST(TraceReader, ReadsWhatIsWritten) {
  const std::string constraint = R"({"tools": [{"name": "x", "n": 12345678901234567890123}]})";
  const engine::CacheDecision kept = {.kind = engine::CacheDecision::Kind::kKept,
                                      .request = 2,
                                      .position = 1,
                                      .tokens = 3,
                                      .bytes = 4,
                                      .look = 5};
  std::string text = HeaderLine();
  AppendRequest({.step = 1}, 1, FullRequest(), constraint, {}, FullRequest().prompt, &text);
  AppendToken({.step = 2}, {1, 77, engine::TokenOrigin::kSaid}, &text);
  AppendRequest({.step = 2}, 2, {}, {}, {.request = 1, .tokens = 4}, FullRequest().prompt, &text);
  AppendDecision({.step = 3}, kept, &text);
  AppendCancel({.step = 3}, {2}, &text);
  AppendDone({.step = 4}, {2, engine::FinishReason::kCancelled}, &text);
  AppendPark({.step = 5}, &text);
  AppendDecision({.step = 5}, kept, &text);

  const Recording recording = ParseTrace(text, "trace").value();
  std::string header;
  AppendHeader(recording.header, &header);
  EXPECT_EQ(header, HeaderLine());
  ASSERT_EQ(recording.requests.size(), 2u);
  ExpectEqual(recording.request(1).request, FullRequest());
  EXPECT_EQ(recording.request(1).constraint, constraint);
  EXPECT_THAT(recording.request(1).tokens,
              ElementsAre(RecordedToken{77, engine::TokenOrigin::kSaid}));
  EXPECT_FALSE(recording.request(1).finish);
  EXPECT_THAT(recording.PromptOf(2), ElementsAre(5, 6, 7, 77, 5, 6, 7));
  EXPECT_EQ(recording.request(2).finish, engine::FinishReason::kCancelled);
  EXPECT_THAT(recording.decisions, ElementsAre(kept)) << "and none behind the end";
  ASSERT_EQ(recording.calls.size(), 3u);
  EXPECT_EQ(recording.calls[2].kind, RecordedCall::Kind::kCancel);
  EXPECT_EQ(recording.calls[2].step, 3);
  EXPECT_EQ(recording.steps, 5);
  EXPECT_FALSE(recording.is_torn);
}

TEST(TraceReader, LeavesOutALineThatIsNotWhole) {
  std::string text = HeaderLine();
  AppendRequest({}, 1, FullRequest(), {}, {}, FullRequest().prompt, &text);
  const size_t whole = text.size();
  AppendToken({}, {1, 77, engine::TokenOrigin::kDrawn}, &text);
  for (size_t end = whole + 1; end < text.size(); ++end) {
    const Recording recording = ParseTrace(text.substr(0, end), "trace").value();
    EXPECT_TRUE(recording.is_torn);
    EXPECT_TRUE(recording.request(1).tokens.empty());
  }
}

TEST(TraceReader, NamesTheLineAndWhatIsWrongThere) {
  const std::string request = R"({"step":2,"event":"request","request":1,"prompt":[5],)";
  const std::string seed = R"("sampling":{"seed":1}})";
  const struct {
    std::string line;
    std::string message;
  } cases[] = {
      {"no JSON", "trace:3: JSON: byte 0"},
      {"[1]", "expected an object"},
      {"{}", "trace:3: step: missing"},
      {R"({"step":1,"event":"park"})", "step: less than that of the line before"},
      {R"({"step":2.5,"event":"park"})", "step: 2.5 is not an integer"},
      {R"({"step":3,"event":"dance"})", "event: unknown \"dance\""},
      {R"({"step":3,"event":"token","request":2,"id":1})", "request: there is no such request"},
      {R"({"step":3,"event":"token","request":1})", "id: missing"},
      {R"({"step":3,"event":"token","request":1,"id":4294967296})", "id: 4294967296 is not"},
      {R"({"step":3,"event":"token","request":1,"id":1,"origin":"x"})", "origin: unknown \"x\""},
      {R"({"step":3,"event":"done","request":1,"finish":"?"})", "finish: unknown \"?\""},
      {R"({"step":3,"event":"kept"})", "tokens: missing"},
      {R"({"step":3,"event":"kept","tokens":-1})", "tokens: -1 is not between 0"},
      {request + seed, "request: requests are numbered from 1"},
      {R"({"step":2,"event":"request","request":2,"prompt":[5]})", "sampling.seed: missing"},
      {R"({"step":2,"event":"request","request":2,"prompt":["x"],)" + seed, "prompt[0]: expected"},
      {R"({"step":2,"event":"request","request":2,"prompt":[1],"repeats":[2,1],)" + seed,
       "repeats: there is no such request"},
      {R"({"step":2,"event":"request","request":2,"prompt":[1],"repeats":[1,2],)" + seed,
       "repeats: the request has not had so many tokens"},
      {R"({"step":2,"event":"request","request":2,"prompt":[1],"constraint":1,)" + seed,
       "constraint: expected an object"},
      {R"({"step":2,"event":"request","request":2,"prompt":[1],"sampling":{"seed":-1}})",
       "sampling.seed: not an integer of 64 bits"},
  };
  for (const auto& [line, message] : cases) {
    const auto recording = ParseTrace(HeaderLine() + request + seed + "\n" + line + "\n", "trace");
    ASSERT_FALSE(recording.ok()) << line;
    EXPECT_THAT(recording.error().message, StartsWith("trace:3: "));
    EXPECT_THAT(recording.error().message, HasSubstr(message));
  }
}

TEST(TraceReader, TakesItsOwnVersionAlone) {
  EXPECT_THAT(ParseTrace("{\"trace\":2}\n", "x").error().message,
              "x:1: trace: version 2; this program reads version 1");
  EXPECT_THAT(ParseTrace("{\"a\":2}\n", "x").error().message, "x:1: trace: missing");
  EXPECT_THAT(ParseTrace("", "x").error().message, "x: not a trace: it has no whole line");
  EXPECT_THAT(ReadTrace("/nowhere").error().message, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace fathom::trace
