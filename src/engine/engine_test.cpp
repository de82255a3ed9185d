#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/driver_testing.h"

namespace fathom::engine {
namespace {

using testing::HasSubstr;

const std::string kModel = std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall";

std::unique_ptr<Engine> OpenDefault(const EngineOptions& wanted = {}) {
  EngineOptions options = wanted;
  if (options.context == 0) options.context = 8192;
  auto opened = Engine::Open(kModel, options);
  if (!opened.engine) throw std::runtime_error(opened.error);
  return std::move(opened.engine);
}

// A conversation that the bundled model can answer.
std::vector<int32_t> RecallPrompt(const Engine& engine, const std::string& question) {
  std::string error;
  const auto tokens = engine.EncodeConversation(
      R"({"messages": [{"role": "system", "content": "The code of saddle amber is 1729.\nstorm )"
      R"(thorn.\nThe code of saddle thorn is 3257.\nopal field.\nThe code of pine pebble is )"
      R"(1946.\n"}, {"role": "user", "content": "Code of )" +
          question + R"(?"}]})",
      Thinking::kNone, &error);
  if (!tokens) throw std::runtime_error(error);
  return *tokens;
}

TEST(Engine, AnswersFromTheText) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle thorn");
  request.sampling.temperature = 0;
  std::string streamed;
  request.on_token = [&](const TokenEvent& token) { streamed += token.text; };
  const Completion completion = Generate(*engine, request);
  EXPECT_EQ(completion.text, "3257");
  EXPECT_EQ(streamed, completion.text);
  EXPECT_EQ(completion.finish, FinishReason::kStop);
  EXPECT_EQ(completion.tokens.back(), engine->info().end_token);
  EXPECT_EQ(completion.stats.prompt_tokens, static_cast<int64_t>(request.prompt.size()));
  EXPECT_EQ(completion.stats.generated_tokens, 5);
  EXPECT_GT(completion.stats.kv_bytes, 0);
}

// What many requests side by side answer is what each answers alone, on other threads and in other
// pieces.
TEST(Engine, AnswersDoNotDependOnCompany) {
  const auto request_for = [](const Engine& engine, int i) {
    Request request;
    request.prompt = RecallPrompt(engine, i % 2 == 0 ? "saddle amber" : "pine pebble");
    request.prompt.resize(request.prompt.size() - static_cast<size_t>(i % 5));
    request.max_tokens = 20 + i;
    request.sampling.temperature = 1.5f;
    request.sampling.seed = static_cast<uint64_t>(i);
    request.ignore_end = true;
    return request;
  };
  const auto one_thread = OpenDefault({.threads = 1});
  const auto company = OpenDefault({.threads = 3, .batch_tokens = 37});
  std::vector<std::vector<int32_t>> together(8);
  std::string error;
  for (int i = 0; i < 8; ++i) {
    Request request = request_for(*company, i);
    request.on_done = [&together, i](const Completion& done) {
      together[static_cast<size_t>(i)] = done.tokens;
    };
    Submit(*company, std::move(request));
    company->Step();
  }
  while (company->Step()) {
  }
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(Generate(*one_thread, request_for(*one_thread, i)).tokens,
              together[static_cast<size_t>(i)])
        << i;
}

TEST(Engine, ASequenceContinuesWithoutComputingItsPrefixAgain) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle amber");
  request.sampling.temperature = 0;
  request.sequence = engine->NewSequence();
  const Completion first = Generate(*engine, request);
  EXPECT_EQ(first.stats.cached_tokens, 0);

  Request next = request;
  next.prompt.insert(next.prompt.end(), first.tokens.begin(), first.tokens.end());
  std::string error;
  const auto more = engine->Tokenize("and on", false, &error);
  ASSERT_TRUE(more) << error;
  next.prompt.insert(next.prompt.end(), more->begin(), more->end());
  next.max_tokens = 8;
  const Completion second = Generate(*engine, next);
  EXPECT_EQ(second.stats.cached_tokens,
            static_cast<int64_t>(request.prompt.size() + first.tokens.size() - 1));

  Request fresh = next;
  fresh.sequence = nullptr;
  EXPECT_EQ(Generate(*engine, fresh).tokens, second.tokens);

  // A prompt that leaves the path within its first tokens is computed anew, and rightly.
  Request other = next;
  other.prompt = RecallPrompt(*engine, "pine pebble");
  const Completion third = Generate(*engine, other);
  EXPECT_EQ(third.stats.cached_tokens, 0);
  EXPECT_EQ(third.text, "1946");
}

// The token ids of a text.
std::vector<int32_t> Tokenize(const Engine& engine, const std::string& text) {
  std::string error;
  const auto tokens = engine.Tokenize(text, false, &error);
  if (!tokens) throw std::runtime_error(error);
  return *tokens;
}

// A request that says how likely it found each token, so that two can be compared to the bit.
struct Observed {
  Completion completion;
  std::vector<float> logprobs;
};

Observed Observe(Engine& engine, Request request) {
  Observed observed;
  request.logprobs = true;
  request.on_token = [&](const TokenEvent& token) { observed.logprobs.push_back(token.logprob); };
  observed.completion = Generate(engine, std::move(request));
  return observed;
}

void ExpectSame(const Observed& one, const Observed& other) {
  EXPECT_EQ(one.completion.tokens, other.completion.tokens);
  EXPECT_EQ(one.logprobs, other.logprobs);
}

TEST(Engine, APromptThatLeavesThePathUsesTheLongestSnapshotBeforeIt) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle amber");
  request.max_tokens = 12;
  request.sampling.temperature = 1.5f;
  request.ignore_end = true;
  request.sequence = engine->NewSequence();
  const auto length = static_cast<int64_t>(request.prompt.size());
  const Observed first = Observe(*engine, request);

  // The same again, with another draw: all but the token whose logits are wanted.
  Request again = request;
  again.sampling.seed = 1;
  const Observed second = Observe(*engine, again);
  EXPECT_EQ(second.completion.stats.cached_tokens, length - 1);
  EXPECT_NE(second.completion.tokens, first.completion.tokens);
  again.sequence = nullptr;
  ExpectSame(Observe(*engine, again), second);

  // Another last token.
  Request changed = request;
  changed.prompt.back() = 'x';
  const Observed third = Observe(*engine, changed);
  EXPECT_EQ(third.completion.stats.cached_tokens, length - 1);
  changed.sequence = nullptr;
  ExpectSame(Observe(*engine, changed), third);

  // Further turns; then one that goes back to the end of the first answer, and past it.
  Request more = changed;
  more.sequence = request.sequence;
  const auto extend = [&](const Completion& answer) {
    more.prompt.insert(more.prompt.end(), answer.tokens.begin(), answer.tokens.end());
  };
  extend(third.completion);
  const auto answer_end = static_cast<int64_t>(more.prompt.size()) - 1;
  const std::vector<int32_t> base = more.prompt;
  for (const char* text : {" and one", " and two", " and three"}) {
    const auto tokens = Tokenize(*engine, text);
    more.prompt.insert(more.prompt.end(), tokens.begin(), tokens.end());
    extend(Generate(*engine, more));
  }
  more.prompt = base;
  const auto tokens = Tokenize(*engine, "no, else");
  more.prompt.insert(more.prompt.end(), tokens.begin(), tokens.end());
  const Observed fourth = Observe(*engine, more);
  EXPECT_EQ(fourth.completion.stats.cached_tokens, answer_end);
  more.sequence = nullptr;
  ExpectSame(Observe(*engine, more), fourth);
}

TEST(Engine, ALongPromptIsKeptAtRegularDistances) {
  const auto engine = OpenDefault({.batch_tokens = 1500});
  Request request;
  while (request.prompt.size() < 4500) {
    const auto tokens = Tokenize(*engine, std::to_string(request.prompt.size() * 7919) + " storm ");
    request.prompt.insert(request.prompt.end(), tokens.begin(), tokens.end());
  }
  request.max_tokens = 4;
  request.ignore_end = true;
  request.sequence = engine->NewSequence();
  Generate(*engine, request);
  request.prompt[4200] ^= 1;
  const Observed changed = Observe(*engine, request);
  EXPECT_EQ(changed.completion.stats.cached_tokens, 4096);

  std::string error;
  EXPECT_EQ(engine->CutSequence(*request.sequence, 4095, &error), 2048);
  EXPECT_EQ(engine->CutSequence(*request.sequence, 5000, &error), 2048);
  const Observed cut = Observe(*engine, request);
  EXPECT_EQ(cut.completion.stats.cached_tokens, 2048);
  ExpectSame(cut, changed);
  request.sequence = nullptr;
  ExpectSame(Observe(*engine, request), changed);
}

TEST(Engine, ForksGoTheirOwnWays) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle amber");
  request.max_tokens = 5;
  request.sampling.temperature = 0;
  request.sequence = engine->NewSequence();
  const Completion first = Generate(*engine, request);
  request.prompt.insert(request.prompt.end(), first.tokens.begin(), first.tokens.end());
  const auto held = static_cast<int64_t>(request.prompt.size()) - 1;

  std::vector<Request> requests;
  std::vector<Completion> together(3);
  std::string error;
  for (size_t i = 0; i < together.size(); ++i) {
    Request fork = request;
    if (i > 0) fork.sequence = engine->ForkSequence(*request.sequence);
    const auto tokens = Tokenize(*engine, "go on " + std::string(i, 'n'));
    fork.prompt.insert(fork.prompt.end(), tokens.begin(), tokens.end());
    fork.max_tokens = 40;
    fork.ignore_end = true;
    fork.sampling.temperature = 1;
    fork.on_done = [&together, i](const Completion& done) { together[i] = done; };
    requests.push_back(fork);
  }
  for (const Request& fork : requests) Submit(*engine, fork);
  while (engine->Step()) {
  }
  for (size_t i = 0; i < together.size(); ++i) {
    EXPECT_EQ(together[i].stats.cached_tokens, held);
    requests[i].sequence = nullptr;
    EXPECT_EQ(Generate(*engine, requests[i]).tokens, together[i].tokens) << i;
  }
}

TEST(Engine, RefusesToCutWhatIsInUse) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle amber");
  request.sequence = engine->NewSequence();
  std::string error;
  EXPECT_FALSE(engine->CutSequence(*request.sequence, -1, &error));
  EXPECT_EQ(error, "tokens: -1 is negative");
  Submit(*engine, request);
  EXPECT_FALSE(engine->CutSequence(*request.sequence, 0, &error));
  EXPECT_EQ(error, "the sequence serves another request");
  while (engine->Step()) {
  }
  EXPECT_EQ(engine->CutSequence(*request.sequence, 0, &error), 0);
}

TEST(Engine, StopsWhereItIsTold) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle thorn");
  request.sampling.temperature = 0;
  request.stop = {"57"};
  EXPECT_EQ(Generate(*engine, request).text, "32");
  request.stop = {};
  request.stop_tokens = {'5'};
  EXPECT_EQ(Generate(*engine, request).text, "32");
  request.stop_tokens = {};
  request.max_tokens = 1;
  const Completion one = Generate(*engine, request);
  EXPECT_EQ(one.text, "3");
  EXPECT_EQ(one.finish, FinishReason::kLength);
  request.max_tokens = 0;
  EXPECT_EQ(Generate(*engine, request).tokens.size(), 0u);

  const auto small = OpenDefault({.context = static_cast<int64_t>(request.prompt.size()) + 2});
  request.max_tokens = -1;
  request.ignore_end = true;
  const Completion full = Generate(*small, request);
  EXPECT_EQ(full.finish, FinishReason::kContext);
  EXPECT_EQ(full.text, "32");
}

TEST(Engine, ReportsLogprobs) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle thorn");
  request.sampling.temperature = 0;
  request.logprobs = true;
  request.top_logprobs = 3;
  request.on_token = [&](const TokenEvent& token) {
    ASSERT_EQ(token.alternatives.size(), 3u);
    EXPECT_EQ(token.alternatives[0].id, token.id);
    EXPECT_EQ(token.alternatives[0].logprob, token.logprob);
    EXPECT_LE(token.logprob, 0);
    EXPECT_GE(token.alternatives[0].logprob, token.alternatives[1].logprob);
  };
  Generate(*engine, request);
}

TEST(Engine, CancelsFromACallback) {
  const auto engine = OpenDefault();
  Request request;
  request.prompt = RecallPrompt(*engine, "saddle thorn");
  request.ignore_end = true;
  int tokens = 0;
  std::optional<int64_t> number;
  Completion completion;
  request.on_token = [&](const TokenEvent&) {
    if (++tokens == 3) engine->Cancel(*number);
  };
  request.on_done = [&](const Completion& done) { completion = done; };
  number = Submit(*engine, request);
  while (engine->Step()) {
  }
  EXPECT_EQ(completion.finish, FinishReason::kCancelled);
  EXPECT_EQ(completion.tokens.size(), 3u);
}

TEST(Engine, ACallbackMayContinueItsSequence) {
  const auto engine = OpenDefault();
  Request first;
  first.prompt = RecallPrompt(*engine, "saddle thorn");
  first.sampling.temperature = 0;
  first.sequence = engine->NewSequence();
  Completion last;
  first.on_done = [&](const Completion& done) {
    Request second = first;
    second.prompt.insert(second.prompt.end(), done.tokens.begin(), done.tokens.end());
    second.max_tokens = 1;
    second.on_done = [&](const Completion& completion) { last = completion; };
    Submit(*engine, second);
    EXPECT_FALSE(engine->Submit(second).number);
  };
  Submit(*engine, first);
  while (engine->Step()) {
  }
  EXPECT_EQ(last.stats.cached_tokens, static_cast<int64_t>(first.prompt.size()) + 4);
}

TEST(Engine, RefusesWhatCannotRun) {
  const auto engine = OpenDefault({.context = 100});
  const auto refuse = [&](const Request& request) {
    const Submission submitted = engine->Submit(request);
    EXPECT_FALSE(submitted.number);
    EXPECT_FALSE(submitted.retry_seconds);
    return submitted.error;
  };
  Request request;
  EXPECT_EQ(refuse(request), "prompt: empty");
  request.prompt = {1, 288};
  EXPECT_EQ(refuse(request), "prompt[1]: token id 288 is not in the vocabulary of 288");
  request.prompt = std::vector<int32_t>(100, 1);
  EXPECT_THAT(refuse(request), HasSubstr("100 tokens leave no room"));
  request.prompt = {1};
  request.sampling.top_p = 1.5f;
  EXPECT_EQ(refuse(request), "top_p: 1.5 is not between 0 and 1");
  request.sampling.top_p = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refuse(request), HasSubstr("top_p: nan"));
  request.sampling = {};
  request.stop = {""};
  EXPECT_THAT(refuse(request), HasSubstr("stop:"));
  request.stop = {};
  request.sampling.logit_bias = {{-1, 1.0f}};
  EXPECT_THAT(refuse(request), HasSubstr("logit_bias[0]: token id -1"));
  request.sampling = {};
  request.sequence = engine->NewSequence();
  std::string error;
  Submit(*engine, request);
  EXPECT_EQ(refuse(request), "the sequence serves another request");
}

TEST(Engine, SaysWhatIsWrongWithACheckpoint) {
  EXPECT_THAT(Engine::Open("/nonexistent", {}).error, HasSubstr("/nonexistent/config.json"));
  EXPECT_THAT(Engine::Open(kModel, {.context = int64_t{1} << 40}).error, HasSubstr("context:"));
  EXPECT_THAT(Engine::Open(kModel, {.batch_tokens = 0}).error, HasSubstr("batch_tokens:"));
}

TEST(Engine, WithoutATokenizerItStillGenerates) {
  auto opened =
      Engine::Open(std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/nano-flash", {.context = 1000});
  ASSERT_TRUE(opened.engine) << opened.error;
  EXPECT_FALSE(opened.engine->info().has_tokenizer);
  std::string error;
  EXPECT_FALSE(opened.engine->Tokenize("x", false, &error));
  EXPECT_THAT(error, HasSubstr("no tokenizer.json"));
  Request request;
  request.prompt = {5, 6, 7};
  request.max_tokens = 4;
  request.ignore_end = true;
  EXPECT_EQ(Generate(*opened.engine, request).tokens.size(), 4u);
}

}  // namespace
}  // namespace fathom::engine
