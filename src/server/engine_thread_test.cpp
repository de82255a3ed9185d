// The thread around the engine, with an engine that a test controls.
#include "server/engine_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fathom::server {
namespace {

using engine::Completion;
using engine::FinishReason;
using State = EngineThread::State;

// Functions for the I/O thread, which is the test's: it runs them when it waits.
class Mailbox {
 public:
  void Post(std::function<void()> function) {
    const std::scoped_lock lock(mutex_);
    functions_.push_back(std::move(function));
    arrived_.notify_one();
  }

  // Runs what comes until `done`; returns whether that was within ten seconds.
  bool RunUntil(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      std::function<void()> next;
      {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_until(lock, end, [&] { return !functions_.empty(); })) return false;
        next = std::move(functions_.front());
        functions_.pop_front();
      }
      next();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> functions_;
};

// Gives one token of each request a step, the prompt's first, until max_tokens.
class FakeEngine final : public engine::Engine {
 public:
  explicit FakeEngine(std::atomic<bool>* parked) : parked_(parked) {}

  const engine::EngineInfo& info() const override { return info_; }
  std::optional<std::vector<int32_t>> Tokenize(std::string_view, bool,
                                               std::string*) const override {
    return {};
  }
  std::optional<std::vector<int32_t>> EncodeConversation(std::string_view, engine::Thinking,
                                                         std::string*) const override {
    return {};
  }
  std::optional<std::string> Detokenize(const std::vector<int32_t>&, std::string*) const override {
    return {};
  }
  std::shared_ptr<engine::Sequence> NewSequence() override { return {}; }
  std::shared_ptr<engine::Sequence> ForkSequence(const engine::Sequence&) override { return {}; }
  std::optional<int64_t> CutSequence(engine::Sequence&, int64_t, std::string*) override {
    return {};
  }
  bool SaveSession(const engine::Sequence&, std::string_view, const std::string&,
                   std::string*) override {
    return false;
  }
  std::optional<engine::Session> LoadSession(const std::string&, std::string*) override {
    return {};
  }

  engine::Submission Submit(engine::Request request) override {
    if (request.prompt.empty()) return {.error = "prompt: empty"};
    requests_[++numbers_] = {std::move(request), {}};
    return {.number = numbers_};
  }
  void Cancel(int64_t number) override {
    if (requests_.contains(number)) requests_[number].second.finish = FinishReason::kCancelled;
  }
  bool Step() override {
    for (auto at = requests_.begin(); at != requests_.end();) {
      auto& [request, completion] = at->second;
      const bool cancelled = completion.finish == FinishReason::kCancelled;
      if (!cancelled) {
        completion.tokens.push_back(request.prompt.front());
        engine::TokenEvent token;
        token.id = request.prompt.front();
        request.on_token(token);
      }
      const bool ends = cancelled || std::ssize(completion.tokens) == request.max_tokens;
      if (ends) request.on_done(completion);
      at = ends ? requests_.erase(at) : std::next(at);
    }
    return !requests_.empty();
  }
  void Park() override { *parked_ = true; }
  engine::EngineStatistics statistics() const override {
    engine::EngineStatistics statistics;
    statistics.running = std::ssize(requests_);
    return statistics;
  }
  std::vector<engine::RequestStatus> requests() const override {
    std::vector<engine::RequestStatus> requests;
    for (const auto& [number, request] : requests_) requests.push_back({.number = number});
    return requests;
  }

 private:
  engine::EngineInfo info_;
  std::atomic<bool>* parked_;
  std::map<int64_t, std::pair<engine::Request, Completion>> requests_;
  int64_t numbers_ = 0;
};

struct Listener final : EngineListener {
  void OnToken(const engine::TokenEvent& token) override { tokens.push_back(token.id); }
  void OnDone(const Completion& completion) override { done = completion; }

  std::vector<int32_t> tokens;
  std::optional<Completion> done;
};

engine::Request MakeRequest(int32_t token, int64_t max_tokens) {
  engine::Request request;
  if (token >= 0) request.prompt = {token};
  request.max_tokens = max_tokens;
  return request;
}

constexpr int64_t kForever = int64_t{1} << 40;

struct Fixture {
  explicit Fixture(EngineThread::Opener open = {}, int64_t capacity = 2)
      : thread(
            open ? std::move(open) : [this]() -> engine::Engine::OpenResult {
              return {std::make_unique<FakeEngine>(&parked), {}};
            },
            [this](std::function<void()> function) { mailbox.Post(std::move(function)); }, capacity,
            [this](State state) { states.push_back(state); }) {}

  bool WaitFor(State state) {
    return mailbox.RunUntil([&] { return thread.state() == state; });
  }

  std::atomic<bool> parked = false;
  Mailbox mailbox;
  std::vector<State> states;
  EngineThread thread;
};

TEST(EngineThread, TellsOfTokensAndTheEnd) {
  Fixture fixture;
  ASSERT_TRUE(fixture.WaitFor(State::kReady));
  Listener first;
  Listener second;
  const auto first_ticket = fixture.thread.Submit(MakeRequest(7, 3), first);
  const auto second_ticket = fixture.thread.Submit(MakeRequest(8, 2), second);
  EXPECT_FALSE(fixture.thread.HasRoom(1));
  ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return first.done && second.done; }));
  EXPECT_EQ(first.tokens, (std::vector<int32_t>{7, 7, 7}));
  EXPECT_EQ(second.tokens, (std::vector<int32_t>{8, 8}));
  EXPECT_EQ(fixture.thread.outstanding(), 0);
}

TEST(EngineThread, TellsOfRequestsUnderWay) {
  Fixture fixture;
  ASSERT_TRUE(fixture.WaitFor(State::kReady));
  Listener listener;
  auto ticket = fixture.thread.Submit(MakeRequest(7, kForever), listener);
  ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return !fixture.thread.requests().empty(); }));
  EXPECT_TRUE(listener.tokens.empty()) << "it is told of before the first step";
  ticket.Cancel();
  ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return fixture.thread.requests().empty(); }));
}

TEST(EngineThread, TellsWhatTheEngineRefuses) {
  Fixture fixture;
  ASSERT_TRUE(fixture.WaitFor(State::kReady));
  Listener listener;
  const auto ticket = fixture.thread.Submit(MakeRequest(-1, 3), listener);
  ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return listener.done.has_value(); }));
  EXPECT_EQ(listener.done->finish, FinishReason::kError);
  EXPECT_EQ(listener.done->error, "prompt: empty");
}

TEST(EngineThread, CancelsARequestWhoseTicketIsGone) {
  Fixture fixture;
  ASSERT_TRUE(fixture.WaitFor(State::kReady));
  Listener listener;
  {
    const auto ticket = fixture.thread.Submit(MakeRequest(7, kForever), listener);
    ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return !listener.tokens.empty(); }));
  }
  // Until the engine has ended it, its place is taken.
  EXPECT_EQ(fixture.thread.outstanding(), 1);
  const size_t heard = listener.tokens.size();
  ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return fixture.thread.outstanding() == 0; }));
  EXPECT_EQ(listener.tokens.size(), heard);
  EXPECT_FALSE(listener.done);
}

TEST(EngineThread, CancelledRequestsStillEnd) {
  Fixture fixture;
  ASSERT_TRUE(fixture.WaitFor(State::kReady));
  Listener listener;
  auto ticket = fixture.thread.Submit(MakeRequest(7, kForever), listener);
  ticket.Cancel();
  ASSERT_TRUE(fixture.mailbox.RunUntil([&] { return listener.done.has_value(); }));
  EXPECT_EQ(listener.done->finish, FinishReason::kCancelled);
}

TEST(EngineThread, StopsOnceRequestsHaveEndedOrTheirTimeIsUp) {
  for (const int64_t tokens : {int64_t{3}, kForever}) {
    Fixture fixture;
    ASSERT_TRUE(fixture.WaitFor(State::kReady));
    Listener listener;
    const auto ticket = fixture.thread.Submit(MakeRequest(7, tokens), listener);
    fixture.thread.Stop(tokens == kForever ? 0.05 : 60);
    EXPECT_EQ(fixture.thread.state(), State::kStopping);
    ASSERT_TRUE(fixture.WaitFor(State::kStopped));
    ASSERT_TRUE(listener.done);
    EXPECT_EQ(listener.done->finish,
              tokens == kForever ? FinishReason::kCancelled : FinishReason::kStop);
    EXPECT_TRUE(fixture.parked);
  }
}

TEST(EngineThread, IsLoadingUntilTheEngineIsOpen) {
  std::atomic<bool> may_open = false;
  std::atomic<bool> parked = false;
  Fixture fixture([&]() -> engine::Engine::OpenResult {
    may_open.wait(false);
    return {std::make_unique<FakeEngine>(&parked), {}};
  });
  EXPECT_EQ(fixture.thread.state(), State::kLoading);
  may_open = true;
  may_open.notify_one();
  EXPECT_TRUE(fixture.WaitFor(State::kReady));
}

TEST(EngineThread, SaysWhyThereIsNoEngine) {
  Fixture fixture([]() -> engine::Engine::OpenResult { return {nullptr, "no such model"}; });
  ASSERT_TRUE(fixture.WaitFor(State::kFailed));
  EXPECT_EQ(fixture.thread.error(), "no such model");
}

}  // namespace
}  // namespace fathom::server
