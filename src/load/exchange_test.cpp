#include "load/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fathom::load {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> ReadEvents(std::string_view stream, size_t piece,
                                    const EventStreamOptions& options = {}) {
  EventStreamParser parser(options);
  std::vector<std::string> events;
  for (; !stream.empty(); stream.remove_prefix(std::min(piece, stream.size())))
    if (!parser.Feed(stream.substr(0, piece),
                     [&](std::string_view data) { events.emplace_back(data); }))
      break;
  return events;
}

TEST(EventStream, IsCutIntoDataWhereverItsBytesEnd) {
  const std::string stream =
      ": alive\n\ndata: one\n\nevent: x\r\ndata:two\r\ndata:  more\r\n\r\nid: 7\n\ndata\r\rdata: "
      "last\n\ndata: without an end\n";
  for (size_t piece = 1; piece <= stream.size(); ++piece)
    EXPECT_THAT(ReadEvents(stream, piece), ElementsAre("one", "two\n more", "", "last"));
}

TEST(EventStream, EndsAtAnEventThatIsTooLarge) {
  const EventStreamOptions options = {.max_event_bytes = 12};
  EXPECT_THAT(ReadEvents("data: 123456\n\ndata: 1234567\n\ndata: 1\n\n", 1, options),
              ElementsAre("123456"));
  EXPECT_THAT(ReadEvents("data: 1\n\ndata: 1234\ndata: 5678\n\ndata: 1\n\n", 40, options),
              ElementsAre("1"));
}

std::string Event(const std::string& json) { return "data: " + json + "\n\n"; }
std::string Delta(const std::string& delta) {
  return Event(R"({"choices":[{"index":0,"delta":{)" + delta + "}}]}");
}
const std::string kUsage = Event(
    R"({"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":)"
    R"({"cached_tokens":5}}})");
const std::string kDone = "data: [DONE]\n\n";

/// Each piece arrives a second after the one before, the first one at 1.
Exchange ReadPieces(const std::vector<std::string>& pieces, int status = 200) {
  Exchange exchange;
  exchange.status = status;
  ResponseReader reader(exchange);
  double now = 0;
  for (const std::string& piece : pieces)
    if (!reader.Take(piece, ++now)) break;
  reader.End();
  return exchange;
}

TEST(ResponseReader, TakesTheTimesOfTextAlone) {
  const Exchange exchange = ReadPieces({Delta(R"("role":"assistant","content":"")"), ": alive\n\n",
                                        Delta(R"("reasoning_content":"Let me")"),
                                        Delta(R"("content":null)"), Delta(R"("content":"It ")"),
                                        Delta(R"("content":"is")") + Delta(R"("content":" so.")"),
                                        kUsage, kDone, Delta(R"("content":"too late")")});
  EXPECT_EQ(exchange.failure, Failure::kNone) << exchange.problem;
  EXPECT_EQ(exchange.first, 3);
  EXPECT_EQ(exchange.last, 6);
  EXPECT_EQ(exchange.ended, 8);
  EXPECT_THAT(exchange.gaps, ElementsAre(2, 1, 0));
  EXPECT_EQ(exchange.answer.reasoning, "Let me");
  EXPECT_EQ(exchange.answer.content, "It is so.");
  EXPECT_EQ(exchange.answer.usage,
            (Usage{.prompt_tokens = 9, .cached_tokens = 5, .completion_tokens = 4}));
}

TEST(ResponseReader, PutsCallsTogether) {
  const auto call = [](const char* fields) {
    return Delta(std::string(R"("tool_calls":[{)") + fields + "}]");
  };
  const Exchange exchange =
      ReadPieces({call(R"("index":0,"id":"a","function":{"name":"find","arguments":""})"),
                  call(R"("index":0,"function":{"arguments":"{\"id\""})"),
                  call(R"("index":0,"function":{"arguments":": 7}"})"),
                  call(R"("index":1,"id":"b","function":{"name":"stop","arguments":"{}"})"),
                  call(R"("index":1000000,"function":{"name":"no"})"), kUsage, kDone});
  ASSERT_EQ(exchange.answer.calls.size(), 2u);
  EXPECT_EQ(exchange.answer.calls[0].id, "a");
  EXPECT_EQ(exchange.answer.calls[0].name, "find");
  EXPECT_EQ(exchange.answer.calls[0].arguments, R"({"id": 7})");
  EXPECT_EQ(exchange.answer.calls[1].name, "stop");
  EXPECT_EQ(exchange.gaps.size(), 3u);
}

struct BadBody {
  std::vector<std::string> pieces;
  Failure failure;
  const char* problem;
  int status = 200;
};

TEST(ResponseReader, NamesWhatIsWrong) {
  const std::string text = Delta(R"("content":"x")");
  const BadBody bodies[] = {
      {{text, kUsage}, Failure::kMalformed, "no end"},
      {{}, Failure::kMalformed, "no end"},
      {{text, kDone}, Failure::kMalformed, "usage"},
      {{kUsage, kDone}, Failure::kEmpty, "no text"},
      {{text, Event("{oops"), kUsage, kDone}, Failure::kMalformed, "no JSON object"},
      {{Event("[1]"), kDone}, Failure::kMalformed, "no JSON object"},
      {{text, Event(R"({"error":{"message":"out of paper\nsorry"}})")},
       Failure::kError,
       "out of paper"},
      {{"data: " + std::string(2 << 20, 'x')}, Failure::kMalformed, "too large"},
      {{R"({"error":{"message":)", R"("come back"}})"}, Failure::kStatus, "come back", 429},
      {{"<html>\nBad gateway</html>"}, Failure::kStatus, "<html>", 502},
      {{std::string(10000, 'y')}, Failure::kStatus, "yyy", 500},
      {{}, Failure::kStatus, "no message", 404}};
  for (const BadBody& body : bodies) {
    const Exchange exchange = ReadPieces(body.pieces, body.status);
    EXPECT_EQ(exchange.failure, body.failure) << body.problem;
    EXPECT_THAT(exchange.problem, HasSubstr(body.problem));
    EXPECT_LE(exchange.problem.size(), 200u);
    EXPECT_EQ(exchange.problem.find('\n'), std::string::npos);
  }
  EXPECT_EQ(NameFailure(ReadPieces({}, 429)), "HTTP 429");
}

TEST(ResponseReader, TakesWhatIsOfNoKnownKindForNothing) {
  const Exchange exchange =
      ReadPieces({Event(R"({"choices":7,"usage":3})"), Event(R"({"choices":[null]})"),
                  Event(R"({"choices":[{"delta":[]}]})"),
                  Delta(R"("content":5,"tool_calls":[4,{"index":-1,"function":"f"}])"),
                  Delta(R"("content":"x")"),
                  Event(R"({"usage":{"prompt_tokens":3,"completion_tokens":-2,)"
                        R"("prompt_tokens_details":{"cached_tokens":1e99}}})"),
                  kDone});
  EXPECT_EQ(exchange.failure, Failure::kNone) << exchange.problem;
  EXPECT_EQ(exchange.first, 5);
  EXPECT_EQ(exchange.answer.usage, (Usage{.prompt_tokens = 3}));
}

}  // namespace
}  // namespace fathom::load
