// `fathom bench-serve` from the outside. What it measures of which server is src/load/'s to test.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint/test_files.h"
#include "program_checks.h"
#include "report_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::ReadBytes;
using checkpoint::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Arguments BenchServe(const Arguments& more) {
  Arguments arguments = {"bench-serve", "--conversations", "1", "--turns", "2", "--prompt-tokens",
                         "700",         "--answer-tokens", "6"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// A port that nobody listens on while the object lives.
class ClosedPort {
 public:
  ClosedPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, generic, size), 0);
    EXPECT_EQ(::getsockname(socket_, generic, &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~ClosedPort() { ::close(socket_); }

  const std::string& url() const { return url_; }

 private:
  int socket_;
  std::string url_;
};

/// Files and folders in it, however deep.
int64_t CountFiles(const std::string& folder) {
  std::error_code ignored;
  const std::filesystem::recursive_directory_iterator files(folder, ignored);
  return std::distance(begin(files), end(files));
}

std::string AwaitUrl(Program& server) {
  const std::string line = server.AwaitLine();
  EXPECT_THAT(line, StartsWith("Listening on http://"));
  return line.substr(line.rfind(' ') + 1);
}

TEST(BenchServe, MeasuresItsOwnServerColdWarmAndRestarted) {
  TemporaryFolder folder;
  const std::string plot = folder / "load.svg";
  const Json json = Json::parse(RunWell(BenchServe({"--clients", "1,3", "--json", "--plot", plot}),
                                        {.environment = {"TMPDIR=" + folder.path()}}));
  EXPECT_THAT(KeysOf(json),
              ElementsAre("machine", "target", "conversations", "turns", "prompt_tokens",
                          "answer_tokens", "seed", "ttft_goal_s", "itl_goal_s", "rows"));
  ASSERT_EQ(json["rows"].size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    const Json& row = json["rows"][i];
    const int clients = i < 3 ? 1 : 3;
    EXPECT_THAT(KeysOf(row),
                ElementsAre("clients", "phase", "requests", "failed", "seconds", "ttft_p50_ms",
                            "ttft_p95_ms", "ttft_p99_ms", "itl_p50_ms", "itl_p95_ms", "itl_p99_ms",
                            "e2e_p50_ms", "e2e_p95_ms", "e2e_p99_ms", "output_tok_s",
                            "prompt_tok_s", "goodput_req_s", "cached_share", "prompt_tokens",
                            "cached_tokens", "output_tokens", "failures"));
    EXPECT_EQ(row["clients"], clients);
    EXPECT_EQ(row["phase"], Arguments({"cold", "warm", "restarted"})[i % 3]);
    EXPECT_EQ(row["requests"], clients);
    EXPECT_EQ(row["failed"], 0);
    EXPECT_TRUE(row["failures"].empty());
    EXPECT_LE(row["ttft_p50_ms"], row["ttft_p99_ms"]);
    EXPECT_LE(row["ttft_p50_ms"], row["e2e_p50_ms"]);
    EXPECT_GT(row["output_tok_s"], 0);
    if (i % 3 == 0)
      EXPECT_LT(row["cached_share"], 0.1);
    else
      EXPECT_GT(row["cached_share"], 0.7) << row;
  }
  EXPECT_NEAR(json["rows"][3]["prompt_tokens"].get<double>() / 3, 700, 150);
  const std::string svg = ReadBytes(plot);
  EXPECT_TRUE(IsWellFormed(svg));
  for (const char* part : {">cold<", ">warm<", ">restarted<"}) EXPECT_THAT(svg, HasSubstr(part));
  EXPECT_EQ(CountFiles(folder.path()), 1) << "more than the plot";
}

TEST(BenchServe, MeasuresAServerByItsUrl) {
  Program server({"serve", "--port", "0", "--threads", "1"});
  const std::string url = AwaitUrl(server);
  const auto csv = Split(RunWell(BenchServe({url, "--clients", "2", "--csv"})), '\n');
  ASSERT_EQ(csv.size(), 3u);
  EXPECT_THAT(csv[0], StartsWith("clients,phase,requests,failed,seconds,ttft_p50_ms,"));
  EXPECT_THAT(csv[1], StartsWith("2,cold,2,0,"));
  EXPECT_THAT(csv[2], StartsWith("2,warm,2,0,"));
  EXPECT_EQ(Split(csv[1], ',').size(), Split(csv[0], ',').size());
  const std::string text = RunWell(BenchServe({url, "--clients", "1"}));
  EXPECT_THAT(text, HasSubstr("TTFT ms"));
  EXPECT_EQ(CountLines(text), 2 + 1 + 1 + 2);
  server.Interrupt();
  EXPECT_EQ(server.Wait().exit_code, 0);
}

TEST(BenchServe, TellsOfRequestsThatFail) {
  Program server({"serve", "--port", "0", "--threads", "1", "--context", "1000"});
  const std::string url = AwaitUrl(server);
  // The first prompt fits, the ones that follow do not.
  const Outcome outcome =
      RunProgram({"bench-serve", url, "--clients", "1", "--conversations", "1", "--turns", "20",
                  "--prompt-tokens", "700", "--answer-tokens", "20", "--json"});
  EXPECT_EQ(outcome.exit_code, 1);
  const Json rows = Json::parse(outcome.out)["rows"];
  EXPECT_EQ(rows[0]["failed"], 0);
  EXPECT_GT(rows[1]["failures"]["HTTP 400"], 0) << rows;
  EXPECT_EQ(rows[1]["failed"], rows[1]["failures"]["HTTP 400"]);
  const auto errors = Split(outcome.err, '\n');
  ASSERT_EQ(errors.size(), 2u) << outcome.err;
  EXPECT_THAT(errors[0], StartsWith("fathom: 1 client, warm: "));
  EXPECT_THAT(errors[0], HasSubstr("HTTP 400: "));
  EXPECT_THAT(errors[1], StartsWith("fathom: " + url + ": "));
  server.Interrupt();
  EXPECT_EQ(server.Wait().exit_code, 0);
}

TEST(BenchServe, SaysInOneLineWhatIsWrong) {
  const ClosedPort closed;
  ExpectFailure({"bench-serve", closed.url()}, 1, closed.url() + ": no connection: ");
  ExpectFailure({"bench-serve", "localhost:8000"}, 1, "localhost:8000: is not http://");
  ExpectFailure({"bench-serve", "http://host.invalid"}, 1, "http://host.invalid: ");
  ExpectFailure({"bench-serve", "-m", "/no/such/model"}, 1, "/no/such/model");
  ExpectFailure({"bench-serve", "--plot", "/no/such/folder/x.svg"}, 1, "/no/such/folder/x.svg");
  ExpectFailure({"bench-serve"}, 1, "/no/such/folder/",
                {.environment = {"TMPDIR=/no/such/folder"}});
  ExpectFailure({"bench-serve", closed.url(), "-m", "x"}, 2, "--model");
  ExpectFailure({"bench-serve", "--api-key", "x"}, 2, "--api-key");
  ExpectFailure({"bench-serve", "--clients", "0"}, 2, "--clients");
  ExpectFailure({"bench-serve", "--turns", "1"}, 2, "--turns: \"1\" is not an integer from 2");
  ExpectFailure({"bench-serve", "--json", "--csv"}, 2, "--json");
}

TEST(BenchServe, EndsWhenItIsInterrupted) {
  TemporaryFolder folder;
  Program program({"bench-serve", "--clients", "1", "--turns", "100000"},
                  {.environment = {"TMPDIR=" + folder.path()}});
  // The engine makes a folder in the one that it gets for its cache.
  while (CountFiles(folder.path()) < 2) std::this_thread::yield();
  program.Interrupt();
  const Outcome outcome = program.Wait();
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(CountFiles(folder.path()), 0);
}

}  // namespace
}  // namespace fathom::tests
