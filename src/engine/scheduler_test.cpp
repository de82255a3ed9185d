// Requests side by side: who is computed when, what each finds of the others' work, and that no
// answer depends on any of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/driver_testing.h"
#include "engine/engine.h"

namespace fathom::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
TEST(Scheduler, AnAnswerDoesNotDependOnSevenOthers) {
  const Tokens system = RandomTokens(1, 150);
  std::vector<Request> requests;
  for (unsigned i = 0; i < 8; ++i) {
    Request request =
        MakeRequest(Join(system, RandomTokens(i % 5, 40 + 30 * i)), 10 + static_cast<int>(i));
    request.boundaries = {150};
    request.sampling.seed = i;
    request.priority = static_cast<int32_t>(i % 3);
    requests.push_back(request);
  }
  Driver company({.batch_tokens = 90, .chunk_tokens = 40, .max_batch = 5, .kv_memory = kMuch});
  for (size_t round = 0; round < 2; ++round) {
    for (size_t i = 0; i < requests.size(); ++i) {
      company.Submit(std::to_string(i), requests[i]);
      if (i % 3 == 0) company.Step();
    }
    company.Finish();
    for (size_t i = 0; i < requests.size(); ++i) {
      Answer& together = company[std::to_string(i)];
      ExpectSame(together, AnswerAlone(requests[i]));
      together = {};
    }
  }
  const EngineStatistics statistics = company.engine().statistics();
  EXPECT_GT(statistics.prefix_hit_tokens, 8 * 150 + 7 * 140);
  EXPECT_GT(statistics.step_requests, statistics.steps);
}

TEST(Scheduler, AShortPromptDoesNotWaitForALongOne) {
  Driver driver({.batch_tokens = 50});
  driver.Submit("long", MakeRequest(RandomTokens(1, 1000), 1));
  for (int i = 0; i < 3; ++i) driver.Step();
  driver.Submit("short", MakeRequest(RandomTokens(2, 80), 1));
  driver.Submit("other long", MakeRequest(RandomTokens(3, 990), 1));
  driver.Finish();
  EXPECT_THAT(driver.ended(), ElementsAre("short", "long", "other long"));
  EXPECT_EQ(driver["short"].end_step, 3 + 2);
  EXPECT_EQ(driver["long"].end_step, 22) << "1,080 tokens, 50 a step: the other long one gave way";
}

TEST(Scheduler, ALongPromptIsNotPutOffForever) {
  Driver driver({.batch_tokens = 50});
  driver.Submit("long", MakeRequest(RandomTokens(1, 600), 1));
  int shorts = 0;
  while (driver["long"].end_step == 0) {
    driver.Submit("short", MakeRequest(RandomTokens(2, 50), 1));
    driver.Step();
    ASSERT_LT(++shorts, 100);
  }
  EXPECT_GE(shorts, 12);
}

TEST(Scheduler, AHigherPriorityGoesFirst) {
  Driver driver({.batch_tokens = 50, .max_batch = 2});
  for (const char* name : {"a", "b", "c", "d"}) {
    Request request = MakeRequest(RandomTokens(1, 100), 1);
    request.priority = name[0] == 'd' ? 1 : 0;
    driver.Submit(name, request);
  }
  driver.Finish();
  EXPECT_THAT(driver.ended(), ElementsAre("d", "a", "b", "c"));
}

TEST(Scheduler, AnswersWaitForNoMoreThanAChunk) {
  Driver driver({.batch_tokens = 400, .chunk_tokens = 60});
  driver.Submit("answer", MakeRequest(RandomTokens(1, 100), 30));
  driver.Step();
  driver.Submit("prompt", MakeRequest(RandomTokens(2, 600), 1));
  int64_t prompt_tokens = driver.engine().statistics().prompt_tokens;
  for (int i = 1; i < 30; ++i) {
    driver.Step();
    const EngineStatistics statistics = driver.engine().statistics();
    EXPECT_LE(statistics.prompt_tokens - prompt_tokens, 60);
    EXPECT_EQ(static_cast<int>(driver["answer"].logprobs.size()), i + 1);
    prompt_tokens = statistics.prompt_tokens;
  }
  EXPECT_GT(driver["prompt"].end_step, 0);
  driver.Submit("alone", MakeRequest(RandomTokens(3, 400), 1));
  driver.Step();
  EXPECT_GT(driver["alone"].end_step, 0) << "without answers the batch belongs to prompts";
}

TEST(Scheduler, NoMoreThanTheBatchIsUnderWay) {
  Driver driver({.max_batch = 3, .max_queue = 2});
  for (int i = 0; i < 5; ++i)
    driver.Submit(std::to_string(i), MakeRequest(RandomTokens(static_cast<unsigned>(i), 20), 3));
  const Submission refused = driver.TrySubmit("6", MakeRequest(RandomTokens(6, 20)));
  EXPECT_FALSE(refused.number);
  EXPECT_EQ(refused.error, "5 requests wait already");
  ASSERT_TRUE(refused.retry_seconds);
  EXPECT_GE(*refused.retry_seconds, 1);
  driver.Step();
  EXPECT_EQ(driver.engine().statistics().running, 3);
  EXPECT_EQ(driver.engine().statistics().waiting, 2);
  EXPECT_FALSE(driver.TrySubmit("6", MakeRequest(RandomTokens(6, 20))).number);
  driver.Step();
  driver.Step();
  EXPECT_TRUE(driver.TrySubmit("6", MakeRequest(RandomTokens(6, 20))).number);
  driver.Finish();
  EXPECT_EQ(driver.ended().size(), 6u);
}

TEST(Scheduler, TellsHowFarEachRequestIs) {
  using Phase = RequestStatus::Phase;
  Driver driver({.batch_tokens = 50, .max_batch = 1, .kv_memory = kMuch});
  const int64_t first = driver.Submit("first", MakeRequest(RandomTokens(1, 80), 3));
  const int64_t second = driver.Submit("second", MakeRequest(RandomTokens(1, 80), 3));
  const auto look = [&](size_t count) {
    std::vector<RequestStatus> requests = driver.engine().requests();
    EXPECT_EQ(requests.size(), count);
    return requests;
  };
  driver.Step();
  EXPECT_EQ(look(2)[0].number, first);
  EXPECT_EQ(look(2)[0].phase, Phase::kPrompt);
  EXPECT_EQ(look(2)[0].length, 50);
  EXPECT_EQ(look(2)[1].number, second);
  EXPECT_EQ(look(2)[1].phase, Phase::kWaiting);
  EXPECT_EQ(look(2)[1].stats.prompt_tokens, 80);
  EXPECT_GT(look(2)[1].stats.queue_seconds, 0);
  driver.Step();
  EXPECT_EQ(look(2)[0].phase, Phase::kAnswer);
  EXPECT_EQ(look(2)[0].length, 80);
  EXPECT_EQ(look(2)[0].stats.generated_tokens, 1);
  EXPECT_GT(look(2)[0].stats.kv_bytes, 0);
  while (driver["first"].end_step == 0) driver.Step();
  driver.Step();
  EXPECT_EQ(look(1)[0].number, second);
  EXPECT_EQ(look(1)[0].stats.cached_tokens, 79);
  driver.Finish();
  look(0);
  for (int i = 0; i < 66; ++i) driver.Submit("", MakeRequest({1}, 1));
  look(64);
}

// The bytes that a request of so many tokens is promised.
int64_t BytesFor(int64_t tokens) {
  Driver driver({.kv_memory = kMuch});
  const int64_t before = driver.engine().statistics().kv_bytes;
  driver.Submit("", MakeRequest({1}, tokens - 1));
  driver.Step();
  const EngineStatistics statistics = driver.engine().statistics();
  return statistics.kv_bytes - before + statistics.kv_promised_bytes;
}

TEST(Scheduler, MemoryIsPromisedBeforeItIsNeeded) {
  Driver probe({.kv_memory = kMuch});
  const int64_t empty = probe.engine().statistics().kv_bytes;
  const int64_t each = BytesFor(1500);
  const uint64_t limit = static_cast<uint64_t>(empty + 2 * each + each / 2);
  Driver driver({.context = 1500, .kv_memory = limit});
  for (const char* name : {"a", "b", "c", "d"})
    driver.Submit(name, MakeRequest(RandomTokens(static_cast<unsigned>(name[0]), 1020), 60));
  int64_t most_running = 0;
  while (driver.Step()) {
    const EngineStatistics statistics = driver.engine().statistics();
    most_running = std::max(most_running, statistics.running);
    EXPECT_LE(static_cast<uint64_t>(statistics.kv_bytes), limit);
  }
  EXPECT_EQ(most_running, 2);
  EXPECT_THAT(driver.ended(), ElementsAre("a", "b", "c", "d"));
  for (const char* name : {"a", "b", "c", "d"})
    EXPECT_EQ(driver[name].completion.tokens.size(), 60u);
}

TEST(Scheduler, NothingIsGivenUpForARequestThatMustWaitAnyway) {
  Driver probe({.kv_memory = kMuch});
  const int64_t empty = probe.engine().statistics().kv_bytes;
  const int64_t needed = empty + 2 * BytesFor(610) + BytesFor(1910);
  Driver driver({.kv_memory = static_cast<uint64_t>(needed - 1)});
  driver.Submit("kept", MakeRequest(RandomTokens(1, 20), 2));
  driver.Finish();
  for (unsigned i = 0; i < 2; ++i)
    driver.Submit("small", MakeRequest(RandomTokens(2 + i, 10), 600));
  driver.Submit("large", MakeRequest(RandomTokens(4, 10), 1900));
  for (int i = 0; i < 5; ++i) driver.Step();
  EXPECT_EQ(driver.engine().statistics().running, 2);
  EXPECT_EQ(driver.engine().statistics().waiting, 1);
  EXPECT_EQ(driver.engine().statistics().prefix_evictions, 0);
}

TEST(Scheduler, TheLimitHoldsWhateverComes) {
  const uint64_t limit = static_cast<uint64_t>(3 * BytesFor(700));
  Driver driver({.context = 700, .batch_tokens = 64, .kv_memory = limit});
  std::mt19937 random(4);
  std::vector<Tokens> prompts = {RandomTokens(0, 200)};
  std::vector<int64_t> numbers;
  for (int i = 0; i < 40; ++i) {
    Tokens prompt = prompts[random() % prompts.size()];
    prompt.resize(1 + random() % prompt.size());
    prompt = Join(prompt, RandomTokens(static_cast<unsigned>(random()), 1 + random() % 200));
    if (prompt.size() > 600) prompt.resize(600);
    prompts.push_back(prompt);
    Request request = MakeRequest(prompt, static_cast<int64_t>(random() % 20));
    for (int64_t at = 1 + static_cast<int64_t>(random() % 90); at < std::ssize(prompt); at += 90)
      request.boundaries.push_back(at);
    numbers.push_back(driver.Submit(std::to_string(i), request));
    if (random() % 4 == 0) driver.engine().Cancel(numbers[random() % numbers.size()]);
    for (unsigned steps = static_cast<unsigned>(random()) % 3; steps > 0; --steps) {
      driver.Step();
      ASSERT_LE(static_cast<uint64_t>(driver.engine().statistics().kv_bytes), limit);
    }
  }
  while (driver.Step())
    ASSERT_LE(static_cast<uint64_t>(driver.engine().statistics().kv_bytes), limit);
  EXPECT_EQ(driver.ended().size(), 40u);
  EXPECT_GT(driver.engine().statistics().prefix_evictions, 0);
  EXPECT_GT(driver.engine().statistics().prefix_hit_tokens, 0);
}

TEST(Scheduler, SaysIfMemoryCanNeverDo) {
  const int64_t needed = BytesFor(2000);
  const auto opened =
      Engine::Open(kNano, {.context = 2000, .kv_memory = static_cast<uint64_t>(needed / 2)});
  EXPECT_THAT(opened.error, HasSubstr("kv_memory: "));
  EXPECT_THAT(opened.error, HasSubstr("one sequence of 2000 tokens"));

  Driver driver({.kv_memory = static_cast<uint64_t>(2 * needed)});
  const auto held = driver.engine().NewSequence();
  Request request = MakeRequest(RandomTokens(1, 1900), 1);
  request.sequence = held;
  driver.Submit("held", request);
  driver.Finish();
  const auto fork = driver.engine().ForkSequence(*held);
  const auto other = driver.engine().NewSequence();
  driver.Submit("no room", MakeRequest(RandomTokens(2, 1900), -1));
  driver.Finish();
  EXPECT_THAT(driver["no room"].completion.error, HasSubstr("kv_memory: "));
  EXPECT_EQ(driver["no room"].completion.finish, FinishReason::kError);
}

TEST(Scheduler, TheNextTurnGoesOnFromTheAnswer) {
  Driver driver({.kv_memory = kMuch});
  Tokens conversation = RandomTokens(1, 300);
  for (unsigned turn = 0; turn < 4; ++turn) {
    const Request request = MakeRequest(conversation, 8);
    driver.Submit("turn", request);
    driver.Finish();
    ExpectSame(driver["turn"], AnswerAlone(request));
    if (turn > 0) {
      EXPECT_EQ(driver.cached("turn"), std::ssize(conversation) - 20 - 1);
    }
    conversation = Join(conversation, driver["turn"].completion.tokens);
    conversation = Join(conversation, RandomTokens(10 + turn, 20));
    driver["turn"] = {};
  }
}

TEST(Scheduler, BoundariesAndRegularDistancesAreKept) {
  Driver driver({.context = 6000, .kv_memory = kMuch});
  Request request = MakeRequest(RandomTokens(1, 4500), 1);
  request.boundaries = {100, 130, 700, 4500};
  driver.Submit("first", request);
  driver.Finish();
  const auto cached_after = [&](size_t shared) {
    Tokens prompt = request.prompt;
    prompt.resize(shared);
    driver.Submit("other", MakeRequest(Join(prompt, Tokens(3, 201)), 0 + 1));
    driver.Finish();
    return driver.cached("other");
  };
  EXPECT_EQ(cached_after(99), 0);
  EXPECT_EQ(cached_after(699), 100) << "130 is too near to 100";
  EXPECT_EQ(cached_after(701), 700);
  EXPECT_EQ(cached_after(2049), 2048);
  EXPECT_EQ(cached_after(4499), 4499);
}

TEST(Scheduler, ACancelledPromptLeavesWhatIsComputed) {
  Driver driver({.batch_tokens = 100, .kv_memory = kMuch});
  const Request request = MakeRequest(RandomTokens(1, 900));
  const int64_t number = driver.Submit("first", request);
  for (int i = 0; i < 4; ++i) driver.Step();
  driver.engine().Cancel(number);
  EXPECT_FALSE(driver.Step());
  EXPECT_EQ(driver["first"].completion.finish, FinishReason::kCancelled);
  EXPECT_EQ(driver.engine().statistics().running, 0);
  driver.Submit("again", request);
  driver.Finish();
  EXPECT_EQ(driver.cached("again"), 400);
  ExpectSame(driver["again"], AnswerAlone(request));
}

TEST(Scheduler, AWaitingRequestCanBeCancelled) {
  Driver driver({.max_batch = 1});
  driver.Submit("a", MakeRequest(RandomTokens(1, 30), 20));
  const int64_t number = driver.Submit("b", MakeRequest(RandomTokens(2, 30)));
  driver.Step();
  driver.engine().Cancel(number);
  driver.Step();
  EXPECT_THAT(driver.ended(), ElementsAre("b"));
  EXPECT_EQ(driver["b"].completion.tokens.size(), 0u);
  driver.Finish();
  EXPECT_EQ(driver["a"].completion.tokens.size(), 20u);
}

TEST(Scheduler, AnIdenticalRequestSharesThePromptUnderWay) {
  Driver driver({.batch_tokens = 100, .kv_memory = kMuch});
  const Request request = MakeRequest(RandomTokens(1, 1000));
  driver.Submit("first", request);
  for (int i = 0; i < 3; ++i) driver.Step();
  Request urgent = request;
  urgent.priority = 1;
  driver.Submit("second", request);
  driver.Submit("third", urgent);
  driver.Finish();
  EXPECT_EQ(driver.cached("second"), 999);
  EXPECT_EQ(driver.cached("third"), 999);
  EXPECT_EQ(driver.engine().statistics().prompt_tokens, 1000 + 1 + 1);
  for (const char* name : {"first", "second", "third"})
    ExpectSame(driver[name], AnswerAlone(request));
}

TEST(Scheduler, AResendGoesOnWhereTheFirstWasCancelled) {
  Driver driver({.batch_tokens = 100, .kv_memory = kMuch});
  const Request request = MakeRequest(RandomTokens(1, 1000));
  const int64_t first = driver.Submit("first", request);
  for (int i = 0; i < 3; ++i) driver.Step();
  driver.Submit("second", request);
  driver.Step();
  driver.engine().Cancel(first);
  driver.Finish();
  EXPECT_EQ(driver.cached("second"), 400);
  EXPECT_EQ(driver.engine().statistics().prompt_tokens, 1000);
  ExpectSame(driver["second"], AnswerAlone(request));
}

TEST(Scheduler, PromptsThatPartComputeTheirBeginningOnce) {
  Driver driver({.batch_tokens = 100, .kv_memory = kMuch});
  const Tokens shared = RandomTokens(1, 333);
  std::vector<Request> requests;
  for (unsigned i = 0; i < 3; ++i) {
    requests.push_back(
        MakeRequest(Join(shared, Join({static_cast<int32_t>(i)}, RandomTokens(9 + i, 150)))));
    driver.Submit(std::to_string(i), requests.back());
  }
  driver.Finish();
  for (unsigned i = 0; i < 3; ++i) {
    EXPECT_EQ(driver.cached(std::to_string(i)), i > 0 ? 333 : 0);
    ExpectSame(driver[std::to_string(i)], AnswerAlone(requests[i]));
  }
  EXPECT_EQ(driver.engine().statistics().prompt_tokens, 333 + 3 * 151);
}

TEST(Scheduler, WithoutMemoryForThemNothingIsKept) {
  Driver driver({});
  const Request request = MakeRequest(RandomTokens(1, 200));
  for (int i = 0; i < 2; ++i) {
    driver.Submit("same", request);
    driver.Finish();
    EXPECT_EQ(driver.cached("same"), 0);
  }
  EXPECT_EQ(driver.engine().statistics().prefixes, 0);
}

}  // namespace
}  // namespace fathom::engine
