// Requests on a checkpoint whose experts are read when they are needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/directory.h"
#include "checkpoint/test_files.h"
#include "checkpoint/writer.h"
#include "engine/driver_testing.h"

namespace fathom::engine {
namespace {

using checkpoint::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kNanoFlash = FATHOM_SOURCE_DIR "/tests/goldens/nano-flash";

// A copy of nano-flash whose last megabyte or less is the experts of layer 6, and nothing else, in
// a file of their own.
class DetachableExperts {
 public:
  DetachableExperts() {
    const auto directory = checkpoint::TensorDirectory::Open(kNanoFlash).value();
    std::vector<checkpoint::NamedTensor> experts;
    std::vector<checkpoint::NamedTensor> others;
    for (const checkpoint::StoredTensor& tensor : directory.tensors())
      (tensor.name.starts_with("layers.6.ffn.experts.") ? experts : others)
          .push_back({tensor.name, tensor.view});
    EXPECT_TRUE(checkpoint::WriteSafetensors(folder_ / "model-1.safetensors", others).ok());
    EXPECT_TRUE(checkpoint::WriteSafetensors(experts_path(), experts).ok());
    std::filesystem::copy(kNanoFlash + "/config.json", folder_ / "config.json");
    content_ = base::ReadFile(experts_path()).value();
  }

  // Without a byte of any expert.
  void Truncate() { std::filesystem::resize_file(experts_path(), 4096); }
  void Restore() { checkpoint::WriteBytes(experts_path(), content_); }

  const std::string& path() const { return folder_.path(); }
  std::string experts_path() const { return folder_ / "model-2.safetensors"; }

 private:
  TemporaryFolder folder_;
  std::string content_;
};

// So little that the experts of no layer stay until the next token.
std::unique_ptr<Engine> OpenSmall(const std::string& folder, int64_t batch_tokens) {
  const std::string refusal = Engine::Open(folder, {.expert_memory = 1}).error;
  const std::string before = "fewer than the ";
  const size_t at = refusal.find(before);
  EXPECT_NE(at, std::string::npos) << refusal;
  auto opened =
      Engine::Open(folder, {.threads = 2,
                            .context = 1000,
                            .batch_tokens = batch_tokens,
                            .expert_memory = std::stoull(refusal.substr(at + before.size()))});
  EXPECT_TRUE(opened.engine) << opened.error;
  return std::move(opened.engine);
}

Request MakeGreedyRequest(int32_t first, size_t tokens) {
  Request request;
  for (size_t i = 0; i < tokens; ++i)
    request.prompt.push_back(static_cast<int32_t>((first + 7 * i) % 256));
  request.max_tokens = 12;
  request.ignore_end = true;
  request.sampling.temperature = 0;
  return request;
}

void Submit(Engine& engine, Request request, Completion* completion) {
  request.on_done = [completion, done = request.on_done](const Completion& finished) {
    *completion = finished;
    if (done) done(finished);
  };
  const Submission submitted = engine.Submit(std::move(request));
  ASSERT_TRUE(submitted.number) << submitted.error;
}

TEST(ExpertMemory, GivesTheSameAnswersAndTellsWhatReadingTook) {
  auto mapped = Engine::Open(kNanoFlash, {.context = 1000});
  ASSERT_TRUE(mapped.engine) << mapped.error;
  const auto small = OpenSmall(kNanoFlash, 32);
  for (int32_t first = 0; first < 5; ++first) {
    const Request request = MakeGreedyRequest(first, 50);
    const Completion expected = Generate(*mapped.engine, request);
    const Completion completion = Generate(*small, request);
    EXPECT_EQ(completion.tokens, expected.tokens);
    EXPECT_FALSE(expected.stats.experts);
    ASSERT_TRUE(completion.stats.experts);
    const ExpertStats& experts = *completion.stats.experts;
    // 13 steps through 7 layers, two experts of each token.
    EXPECT_GE(experts.uses, 13 * 7 * 2);
    EXPECT_GT(experts.reads, 0);
    EXPECT_GE(experts.bytes_read, experts.reads * (3 * 128 * (64 + 4)));
    EXPECT_GE(experts.wait_seconds, 0);
    EXPECT_LE(experts.wait_seconds,
              completion.stats.prefill_seconds + completion.stats.decode_seconds);
  }
}

TEST(ExpertMemory, AFailureEndsTheRequestsOfItsStepAndNoOthers) {
  DetachableExperts checkpoint;
  const auto engine = OpenSmall(checkpoint.path(), 8);
  const Request request = MakeGreedyRequest(3, 40);
  const Completion expected = Generate(*engine, request);
  ASSERT_EQ(expected.finish, FinishReason::kLength);

  // The first request fills the step; the others wait, and the file is whole again by then.
  Completion failed;
  std::vector<Completion> others(2);
  Request first = request;
  first.on_done = [&](const Completion&) { checkpoint.Restore(); };
  Submit(*engine, first, &failed);
  for (Completion& other : others) Submit(*engine, request, &other);
  checkpoint.Truncate();
  while (engine->Step()) {
  }
  EXPECT_EQ(failed.finish, FinishReason::kError);
  EXPECT_THAT(failed.error, AllOf(StartsWith(checkpoint.experts_path() + ": ends before byte "),
                                  HasSubstr("truncated")));
  EXPECT_EQ(failed.tokens.size(), 0u);
  for (const Completion& other : others) {
    EXPECT_EQ(other.finish, FinishReason::kLength);
    EXPECT_EQ(other.error, "");
    EXPECT_EQ(other.tokens, expected.tokens);
  }
}

// In the middle of a prompt and of an answer: what was computed before stays, and no half a step.
TEST(ExpertMemory, ASequenceGoesOnRightlyAfterAFailure) {
  DetachableExperts checkpoint;
  const auto engine = OpenSmall(checkpoint.path(), 8);
  const Request request = MakeGreedyRequest(5, 60);
  const Completion expected = Generate(*engine, request);

  for (const int steps : {0, 3, 10, 14}) {
    SCOPED_TRACE(steps);
    Request continued = request;
    continued.sequence = engine->NewSequence();
    Completion failed;
    Submit(*engine, continued, &failed);
    for (int i = 0; i < steps; ++i) engine->Step();
    checkpoint.Truncate();
    while (engine->Step()) {
    }
    EXPECT_EQ(failed.finish, FinishReason::kError);
    EXPECT_TRUE(std::equal(failed.tokens.begin(), failed.tokens.end(), expected.tokens.begin()));
    checkpoint.Restore();
    const Completion again = Generate(*engine, continued);
    EXPECT_EQ(again.tokens, expected.tokens);
    // With the prompt computed, the position before its end is there to go on from.
    if (steps >= 10) {
      EXPECT_EQ(again.stats.cached_tokens, 59);
    }
  }
}

TEST(ExpertMemory, RefusesTooLittle) {
  const auto opened = Engine::Open(kNanoFlash, {.expert_memory = 1000});
  EXPECT_FALSE(opened.engine);
  EXPECT_THAT(opened.error, AllOf(StartsWith("expert_memory: 1000 bytes are fewer than the "),
                                  HasSubstr("one token's 2 experts of " + kNanoFlash)));
}

}  // namespace
}  // namespace fathom::engine
