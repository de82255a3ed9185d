// A life of an engine that a test writes down: requests that share beginnings, sampled,
// constrained, prescribed and cancelled, in an order that chance decides.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "engine/driver_testing.h"
#include "engine/engine.h"
#include "trace/trace_reader.h"
#include "trace/trace_writer.h"

namespace fathom::trace {

using engine::EngineOptions;

// Of each five tokens two follow from the place.
class EveryFifth final : public engine::TokenConstraint {
 public:
  void Fill(std::span<uint64_t> mask) override {
    std::ranges::fill(mask, uint64_t{0});
    for (int32_t id = 10; id < 150; ++id)
      if (id % 5 == at_ % 5) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  }
  bool Accept(int32_t token) override {
    const bool fits = at_ % 5 < 3 ? token % 5 == at_ % 5 : token == at_ % 5 + 40;
    ++at_;
    return fits;
  }
  std::vector<int32_t> FindForced() override {
    return at_ % 5 == 3 ? std::vector<int32_t>{43, 44} : std::vector<int32_t>{};
  }
  std::string Describe() const override { return R"({"every": 5})"; }

 private:
  int32_t at_ = 0;
};

inline base::Result<std::shared_ptr<engine::TokenConstraint>> MakeEveryFifth(
    const std::string& description) {
  if (description != EveryFifth().Describe()) return base::Error{"not the tests' constraint"};
  return std::shared_ptr<engine::TokenConstraint>(std::make_shared<EveryFifth>());
}

// Room for two sequences and a half, and what goes with a small batch.
inline EngineOptions TightOptions() {
  EngineOptions options = {.context = 1000,
                           .batch_tokens = 96,
                           .chunk_tokens = 48,
                           .max_batch = 3,
                           .max_queue = 6,
                           .kv_memory = engine::kMuch};
  engine::Driver probe(options);
  probe.Submit("", engine::MakeRequest({1}, -1));
  probe.Step();
  const engine::EngineStatistics one = probe.engine().statistics();
  options.kv_memory = static_cast<uint64_t>(5 * (one.kv_bytes + one.kv_promised_bytes) / 2);
  return options;
}

class Life {
 public:
  Life(engine::Engine& engine, unsigned seed) : engine_(engine), random_(seed) {
    for (unsigned i = 0; i < 3; ++i) known_.push_back(engine::RandomTokens(i, 500));
  }

  // Some steps, between which requests come and go; then all that is left.
  void Run(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      if (Chance(4)) Submit();
      if (Chance(20) && !numbers_.empty()) engine_.Cancel(numbers_[Draw(numbers_.size())]);
      engine_.Step();
    }
    while (engine_.Step()) {
    }
  }

 private:
  size_t Draw(size_t below) { return random_() % below; }
  bool Chance(size_t one_in) { return Draw(one_in) == 0; }

  void Submit() {
    const engine::Tokens& base = known_[Draw(known_.size())];
    const size_t shared = Chance(2) ? base.size() : Draw(base.size());
    engine::Tokens prompt(base.begin(), base.begin() + static_cast<ptrdiff_t>(shared));
    prompt = engine::Join(prompt, engine::RandomTokens(static_cast<unsigned>(random_()), 20));
    engine::Request request = engine::MakeRequest(prompt, static_cast<int64_t>(Draw(40)));
    request.logprobs = false;
    Vary(&request);
    request.on_done = [this, prompt](const engine::Completion& done) {
      if (prompt.size() < 700) known_.push_back(engine::Join(prompt, done.tokens));
    };
    const engine::Submission submission = engine_.Submit(std::move(request));
    if (submission.number) numbers_.push_back(*submission.number);
  }

  void Vary(engine::Request* request) {
    request->sampling.seed = random_() * uint64_t{0x100000001};
    request->sampling.temperature = Chance(3) ? 0 : 0.7f;
    request->sampling.top_p = 0.9f;
    request->ignore_end = !Chance(3);
    request->priority = static_cast<int32_t>(Draw(2));
    if (Chance(3)) request->boundaries = {std::ssize(request->prompt) / 2};
    if (Chance(5)) request->logprobs = true;
    if (Chance(5)) request->stop_tokens = {7, 11};
    if (Chance(5)) request->sampling.logit_bias = {{12, 3.5f}, {9, -1.25f}};
    if (Chance(4)) request->constraint = std::make_shared<EveryFifth>();
    if (!request->constraint && Chance(4)) {
      request->force = [](std::span<const int32_t> answer) {
        return answer.size() % 4 == 1 ? std::optional<int32_t>(17) : std::nullopt;
      };
    }
  }

  engine::Engine& engine_;
  std::mt19937 random_;
  std::vector<engine::Tokens> known_;
  std::vector<int64_t> numbers_;
};

// The text of the trace of a life.
inline std::string Record(EngineOptions options, const std::string& path, unsigned seed,
                          int ticks = 80) {
  auto writer = TraceWriter::Create({.path = path, .program = "test"}).value();
  options.observer = writer.get();
  {
    const auto engine = engine::OpenNano(options);
    Life(*engine, seed).Run(ticks);
    if (!options.kv_directory.empty()) engine->Park();
  }
  writer.reset();
  return base::ReadFile(path).value();
}

inline std::set<engine::CacheDecision::Kind> KindsOf(const Recording& recording) {
  std::set<engine::CacheDecision::Kind> kinds;
  for (const engine::CacheDecision& decision : recording.decisions) kinds.insert(decision.kind);
  return kinds;
}

}  // namespace fathom::trace
