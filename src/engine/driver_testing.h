// An engine with a small model that a test steps by hand, and what its requests answered.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

namespace fathom::engine {

using Tokens = std::vector<int32_t>;

inline const std::string kNano = std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/nano-flash";
inline constexpr uint64_t kMuch = uint64_t{64} << 20;

inline std::unique_ptr<Engine> OpenNano(EngineOptions options) {
  if (options.context == 0) options.context = 2000;
  if (options.threads == 0) options.threads = 1;
  auto opened = Engine::Open(kNano, options);
  if (!opened.engine) throw std::runtime_error(opened.error);
  return std::move(opened.engine);
}

inline Tokens RandomTokens(unsigned seed, size_t count) {
  std::mt19937 random(seed);
  Tokens tokens(count);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 200);
  return tokens;
}

inline Tokens Join(Tokens left, const Tokens& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

inline Request MakeRequest(Tokens prompt, int64_t max_tokens = 4) {
  Request request;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.ignore_end = true;
  request.sampling.seed = 5;
  request.logprobs = true;
  return request;
}

/// The number of a request that must be taken.
inline int64_t Submit(Engine& engine, Request request) {
  const Submission submitted = engine.Submit(std::move(request));
  if (!submitted.number) throw std::runtime_error(submitted.error);
  return *submitted.number;
}

/// Computes until the engine has nothing left to do.
inline Completion Generate(Engine& engine, Request request) {
  Completion completion;
  request.on_done = [&](const Completion& done) { completion = done; };
  Submit(engine, std::move(request));
  while (engine.Step()) {
  }
  return completion;
}

// What a request answered, to the bit.
struct Answer {
  Completion completion;
  std::vector<float> logprobs;
  int64_t end_step = 0;    ///< the step at whose end it was done
  int64_t first_step = 0;  ///< the step that gave the first token
};

// An engine that is stepped by hand, and the answers by the names of the requests.
class Driver {
 public:
  explicit Driver(const EngineOptions& options) : engine_(OpenNano(options)) {}

  Engine& engine() { return *engine_; }
  Answer& operator[](const std::string& name) { return answers_[name]; }
  const std::vector<std::string>& ended() const { return ended_; }
  int64_t cached(const std::string& name) { return answers_[name].completion.stats.cached_tokens; }

  Submission TrySubmit(const std::string& name, Request request) {
    request.on_token = [this, name](const TokenEvent& token) {
      Answer& answer = answers_[name];
      if (answer.logprobs.empty()) answer.first_step = step_;
      answer.logprobs.push_back(token.logprob);
    };
    request.on_done = [this, name](const Completion& done) {
      answers_[name].completion = done;
      answers_[name].end_step = step_;
      ended_.push_back(name);
    };
    return engine_->Submit(std::move(request));
  }
  int64_t Submit(const std::string& name, Request request) {
    const Submission submitted = TrySubmit(name, std::move(request));
    if (!submitted.number) throw std::runtime_error(submitted.error);
    return *submitted.number;
  }
  bool Step() {
    ++step_;
    return engine_->Step();
  }
  void Finish() {
    while (Step()) {
    }
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::map<std::string, Answer> answers_;
  std::vector<std::string> ended_;
  int64_t step_ = 0;
};

// What the request answers alone, in an engine that keeps nothing.
inline Answer AnswerAlone(const Request& request) {
  Driver driver({});
  driver.Submit("alone", request);
  driver.Finish();
  return driver["alone"];
}

inline void ExpectSame(const Answer& one, const Answer& other) {
  EXPECT_EQ(one.completion.tokens, other.completion.tokens);
  EXPECT_EQ(one.logprobs, other.logprobs);
}

}  // namespace fathom::engine
