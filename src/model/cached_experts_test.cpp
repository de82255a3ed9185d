#include "model/cached_experts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <functional>

#include "base/file.h"
#include "base/sandbox_testing.h"
#include "checkpoint/test_files.h"
#include "kernels/dispatch.h"
#include "model/checkpoint_copy_testing.h"
#include "model/model.h"
#include "model/synth.h"
#include "model/weights_loader.h"

namespace fathom::model {
namespace {

using checkpoint::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr uint64_t kUnlimited = uint64_t{1} << 40;

// An open model, and one sequence that is continued.
class OpenModel {
 public:
  struct Options {
    uint64_t expert_memory = 0;
    int threads = 2;
    int64_t batch = 16;
    base::ReadAtFunction read = {};  // what stands in for pread
  };

  OpenModel(const std::string& folder, const Options& options)
      : pool_(options.threads),
        config_(LoadConfig(folder).value()),
        weights_(Open(folder, options)),
        model_(config_, weights_.weights(), **kernels::SelectKernels(), pool_, options.batch),
        cache_(model_.NewSequence()) {}

  // The logits of all tokens, and of the MTP head for the first batch.
  base::Result<std::vector<float>> Run(std::span<const int32_t> ids) {
    const auto vocab = static_cast<size_t>(config_.vocab_size);
    std::vector<float> logits;
    for (size_t begin = 0; begin < ids.size();) {
      const size_t count =
          std::min(ids.size() - begin, static_cast<size_t>(model_.max_batch_tokens()));
      const Slice slice{&cache_, ids.subspan(begin, count)};
      FATHOM_TRY(model_.Forward({&slice, 1}));
      std::vector<int32_t> rows(count);
      for (size_t i = 0; i < count; ++i) rows[i] = static_cast<int32_t>(i);
      logits.resize(logits.size() + count * vocab);
      model_.Logits(rows, logits.data() + logits.size() - count * vocab);
      begin += count;
    }
    return logits;
  }

  base::Result<std::vector<float>> RunMtp(std::span<const int32_t> next) {
    FATHOM_TRY(model_.ForwardMtp(next));
    std::vector<float> logits(static_cast<size_t>(config_.vocab_size));
    const int32_t row = 0;
    model_.MtpLogits({&row, 1}, logits.data());
    return logits;
  }

  void StartAnew() { cache_ = model_.NewSequence(); }
  const ModelConfig& config() const { return config_; }
  ExpertStatistics statistics() const { return weights_.experts().statistics(); }
  const CachedExperts& cache() const {
    return dynamic_cast<const CachedExperts&>(weights_.experts());
  }

 private:
  LoadedWeights Open(const std::string& folder, const Options& options) {
    LoadOptions load{.expert_memory = options.expert_memory};
    if (options.read) load.reader = base::MakeThreadReader(options.read);
    auto opened = LoadedWeights::Open(folder, config_, pool_, std::move(load));
    if (!opened.ok()) throw std::runtime_error(opened.error().message);
    return std::move(opened).value();
  }

  base::ThreadPool pool_;
  ModelConfig config_;
  LoadedWeights weights_;
  Model model_;
  kv::SequenceCache cache_;
};

std::vector<int32_t> SomeIds(const ModelConfig& config, size_t count) {
  std::vector<int32_t> ids(count);
  for (size_t i = 0; i < count; ++i)
    ids[i] =
        static_cast<int32_t>((i * i * 31 + i * 7 + 3) % static_cast<size_t>(config.vocab_size));
  return ids;
}

void ExpectSameBits(const base::Result<std::vector<float>>& a,
                    const base::Result<std::vector<float>>& b) {
  ASSERT_TRUE(a.ok()) << a.error().message;
  ASSERT_TRUE(b.ok()) << b.error().message;
  ASSERT_EQ(a->size(), b->size());
  size_t different = 0;
  for (size_t i = 0; i < a->size(); ++i)
    different += std::bit_cast<uint32_t>((*a)[i]) != std::bit_cast<uint32_t>((*b)[i]) ? 1 : 0;
  EXPECT_EQ(different, 0u);
}

std::string OpenError(const std::string& folder, uint64_t memory) {
  base::ThreadPool pool(1);
  const ModelConfig config = LoadConfig(folder).value();
  const auto opened = LoadedWeights::Open(folder, config, pool, {.expert_memory = memory});
  return opened.ok() ? "no error" : opened.error().message;
}

// The fewest bytes that the checkpoint can be opened with.
uint64_t LeastMemory(const std::string& folder) {
  const std::string error = OpenError(folder, 1);
  const size_t at = error.find("fewer than the ");
  EXPECT_NE(at, std::string::npos) << error;
  return std::stoull(error.substr(at + std::string("fewer than the ").size()));
}

// More experts than tokens choose, and hash layers.
class ManyExperts {
 public:
  // `format` is what config.json calls it: "fp4" or "fp8".
  explicit ManyExperts(const std::string& format) {
    std::string json = base::ReadFile(kNanoFlash + "/config.json").value();
    const auto set = [&](std::string key, const std::string& before, const std::string& after) {
      key = "\"" + key + "\": ";
      json.replace(json.find(key + before), key.size() + before.size(), key + after);
    };
    set("n_routed_experts", "8", "64");
    set("expert_dtype", "\"fp4\"", "\"" + format + "\"");
    base::ThreadPool pool(2);
    const base::Status status =
        WriteRandomCheckpoint(folder_.path(), json, "many experts", {.layers = 5}, pool);
    EXPECT_TRUE(status.ok()) << status.error().message;
  }
  const std::string& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// The config of `folder` beside a copy of its tensors.
class EditedCheckpoint : public CheckpointCopy {
 public:
  explicit EditedCheckpoint(const std::string& folder) : CheckpointCopy(folder) {
    std::filesystem::copy(folder + "/config.json", folder_ / "config.json");
  }
  const std::string& Store() {
    Write(folder_.path());
    return folder_.path();
  }
  std::string file() const { return folder_ / "model.safetensors"; }

 private:
  TemporaryFolder folder_;
};

TEST(CachedExperts, RefusesLessThanOneTokensExpertsAndSaysHowMuchThatIs) {
  const uint64_t least = LeastMemory(kNanoFlash);
  EXPECT_THAT(OpenError(kNanoFlash, least - 1),
              AllOf(StartsWith("expert_memory: "), HasSubstr(kNanoFlash)));
  OpenModel model(kNanoFlash, {.expert_memory = least});
  EXPECT_EQ(model.cache().capacity(), model.config().num_experts_per_tok);
  // What is beyond all experts is not asked for.
  OpenModel all(kNanoFlash, {.expert_memory = kUnlimited});
  EXPECT_EQ(all.cache().capacity(), 8 * 8);
}

struct Case {
  std::string folder;
  size_t tokens;
};

void ExpectSameLogitsForAllSizes(const Case& c) {
  SCOPED_TRACE(c.folder);
  OpenModel mapped(c.folder, {.batch = 64});
  const auto ids = SomeIds(mapped.config(), c.tokens);
  const auto expected = mapped.Run(ids);
  const uint64_t least = LeastMemory(c.folder);
  const auto per_token = static_cast<uint64_t>(mapped.config().num_experts_per_tok);
  const uint64_t all = least / per_token *
                       static_cast<uint64_t>(mapped.config().n_routed_experts *
                                             static_cast<int64_t>(mapped.config().layers.size()));
  for (const uint64_t memory : {least, least * 3 / 2, all / 2, all}) {
    for (const int64_t batch : {1, 7, 64}) {
      const int threads = batch == 7 ? 3 : 1;
      SCOPED_TRACE(fmt::format("{} bytes, batch {}, {} threads", memory, batch, threads));
      OpenModel cached(c.folder, {.expert_memory = memory, .threads = threads, .batch = batch});
      ExpectSameBits(cached.Run(ids), expected);
      const ExpertStatistics took = cached.statistics();
      EXPECT_GT(took.uses, 0);
      EXPECT_GT(took.bytes_read, 0u);
      EXPECT_GE(took.wait_seconds, 0);
      // With room for all, each is read once at most; without, hit or read, one for each use.
      if (memory == all) {
        EXPECT_LE(took.reads, static_cast<int64_t>(all / (least / per_token)));
      }
    }
  }
}

TEST(CachedExperts, GivesTheSameLogitsWhateverItsSize) {
  ExpectSameLogitsForAllSizes({kNanoFlash, 24});
  ExpectSameLogitsForAllSizes({kNanoPro, 24});
  ExpectSameLogitsForAllSizes({kRecall, 24});
  for (const char* format : {"fp4", "fp8"}) {
    ManyExperts many(format);
    ExpectSameLogitsForAllSizes({many.path(), 40});
  }
}

TEST(CachedExperts, GivesTheSameLogitsWhereReadsAreRestricted) {
  OpenModel mapped(kNanoFlash, {});
  const auto ids = SomeIds(mapped.config(), 40);
  const auto expected = mapped.Run(ids);
  for (const base::Sandbox& sandbox :
       {base::Sandbox{.direct = false}, base::Sandbox{.ring_error = EPERM},
        base::Sandbox{.ring_error = ENOSYS, .direct = false}}) {
    base::RunInSandbox(sandbox, [&] {
      OpenModel cached(kNanoFlash, {.expert_memory = LeastMemory(kNanoFlash)});
      ExpectSameBits(cached.Run(ids), expected);
    });
  }
}

TEST(CachedExperts, ServesTheMtpLayer) {
  OpenModel mapped(kNanoFlash, {});
  OpenModel cached(kNanoFlash, {.expert_memory = LeastMemory(kNanoFlash)});
  const auto ids = SomeIds(mapped.config(), 12);
  ExpectSameBits(cached.Run(ids), mapped.Run(ids));
  ExpectSameBits(cached.RunMtp(std::span(ids).first(5)), mapped.RunMtp(std::span(ids).first(5)));
}

TEST(CachedExperts, ReadsEachOnceWhenThereIsRoomForAll) {
  OpenModel cached(kNanoFlash, {.expert_memory = kUnlimited});
  const auto ids = SomeIds(cached.config(), 200);
  ASSERT_TRUE(cached.Run(ids).ok());
  const ExpertStatistics first = cached.statistics();
  EXPECT_LE(first.reads, 7 * 8);
  cached.StartAnew();
  ASSERT_TRUE(cached.Run(ids).ok());
  const ExpertStatistics again = cached.statistics() - first;
  EXPECT_EQ(again.uses, first.uses);
  EXPECT_EQ(again.reads, 0);
  EXPECT_EQ(again.bytes_read, 0u);
}

// Base checkpoints store all scales as F32.
TEST(CachedExperts, ConvertsFloatScalesAsTheyArrive) {
  EditedCheckpoint checkpoint(kRecall);
  for (auto& tensor : checkpoint.tensors) {
    if (tensor.dtype != tensor::DType::kF8E8M0) continue;
    std::string floats;
    for (const char code : tensor.bytes) {
      const float scale = std::ldexp(1.0f, static_cast<uint8_t>(code) - 127);
      floats.append(reinterpret_cast<const char*>(&scale), sizeof(scale));
    }
    tensor.dtype = tensor::DType::kF32;
    tensor.bytes = floats;
  }
  const std::string& folder = checkpoint.Store();
  OpenModel mapped(kRecall, {});
  OpenModel cached(folder, {.expert_memory = LeastMemory(folder)});
  const auto ids = SomeIds(mapped.config(), 20);
  ExpectSameBits(cached.Run(ids), mapped.Run(ids));
}

// ---- Faults

TEST(CachedExperts, NamesADamagedScaleWhenItArrives) {
  EditedCheckpoint checkpoint(kRecall);
  for (const char* expert : {"0", "1", "2", "3"})
    checkpoint[fmt::format("layers.2.ffn.experts.{}.w2.scale", expert)].Set(5, uint8_t{255});
  const std::string& folder = checkpoint.Store();
  OpenModel model(folder, {.expert_memory = kUnlimited});
  const auto result = model.Run(SomeIds(model.config(), 4));
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message,
              AllOf(StartsWith(checkpoint.file() + ": tensor \"layers.2.ffn.experts."),
                    HasSubstr(".w2.scale\": scale [1, 1] is NaN (byte 255)")));
}

TEST(CachedExperts, NamesADamagedTensorThatIsNoExpertsWhenItLoads) {
  EditedCheckpoint checkpoint(kRecall);
  checkpoint["layers.1.attn.wkv.scale"].Set(0, uint8_t{255});
  EXPECT_THAT(OpenError(checkpoint.Store(), kUnlimited),
              HasSubstr("tensor \"layers.1.attn.wkv.scale\": scale [0, 0] is NaN"));
}

// Whichever read it is that fails: the pass fails with the disk's reason, and when the disk is well
// again, so is a new sequence.
TEST(CachedExperts, RecoversFromAnyFailedRead) {
  OpenModel mapped(kNanoFlash, {});
  const auto ids = SomeIds(mapped.config(), 24);
  const auto expected = mapped.Run(ids);
  std::atomic<int64_t> fails_at{-1};
  std::atomic<int64_t> reads{0};
  const auto read = [&](int fd, void* out, size_t bytes, off_t offset) {
    if (const int64_t at = fails_at; at >= 0 && reads.fetch_add(1) >= at) {
      errno = EIO;
      return ssize_t{-1};
    }
    return ::pread(fd, out, bytes, offset);
  };
  OpenModel model(kNanoFlash, {.expert_memory = 2 * LeastMemory(kNanoFlash), .read = read});
  for (int64_t fault = 0; fault < 40; fault += 3) {
    SCOPED_TRACE(fault);
    reads = 0;
    fails_at = fault;
    model.StartAnew();
    const auto failed = model.Run(ids);
    ASSERT_FALSE(failed.ok());
    EXPECT_THAT(failed.error().message,
                AllOf(StartsWith(kNanoFlash + "/model-0000"), HasSubstr("Input/output error")));
    fails_at = -1;
    model.StartAnew();
    ExpectSameBits(model.Run(ids), expected);
  }
}

// A read that fails once, and not again when the expert is asked for.
TEST(CachedExperts, ReadsAgainWhatFailedBeforeItWasNeeded) {
  OpenModel mapped(kNanoFlash, {});
  const auto ids = SomeIds(mapped.config(), 16);
  const auto expected = mapped.Run(ids);
  std::atomic<int64_t> reads{0};
  const auto read = [&](int fd, void* out, size_t bytes, off_t offset) {
    // The third expert of the first layers' announced ones.
    if (reads.fetch_add(1) == 2) {
      errno = EIO;
      return ssize_t{-1};
    }
    return ::pread(fd, out, bytes, offset);
  };
  OpenModel model(kNanoFlash, {.expert_memory = kUnlimited, .read = read});
  auto result = model.Run(ids);
  if (!result.ok()) {  // it was waited for already when it failed
    model.StartAnew();
    result = model.Run(ids);
  }
  ExpectSameBits(result, expected);
}

TEST(CachedExperts, AFileThatShrinksFailsWhatNeedsIt) {
  EditedCheckpoint checkpoint(kNanoFlash);
  // Experts of layer 5 last, so that they are what is lost.
  const auto stays = [](const auto& tensor) {
    return !tensor.name.starts_with("layers.5.ffn.experts.");
  };
  std::stable_partition(checkpoint.tensors.begin(), checkpoint.tensors.end(), stays);
  const std::string& folder = checkpoint.Store();
  OpenModel model(folder, {.expert_memory = LeastMemory(folder)});
  const auto ids = SomeIds(model.config(), 8);
  const auto expected = model.Run(ids);
  ASSERT_TRUE(expected.ok());

  const std::string bytes = base::ReadFile(checkpoint.file()).value();
  const uint64_t lost = 8 * 3 * (128 * 64 + 128 * 4);
  std::filesystem::resize_file(checkpoint.file(), bytes.size() - lost);
  model.StartAnew();
  const auto failed = model.Run(ids);
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().message,
              AllOf(StartsWith(checkpoint.file() + ": ends before byte "), HasSubstr("truncated")));

  checkpoint::WriteBytes(checkpoint.file(), bytes);
  model.StartAnew();
  ExpectSameBits(model.Run(ids), expected);
}

}  // namespace
}  // namespace fathom::model
