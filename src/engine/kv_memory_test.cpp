#include "engine/kv_memory.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "base/file_faults_testing.h"
#include "base/temporary_folder_testing.h"
#include "kv/sample_testing.h"

namespace fathom::engine {
namespace {

// A disk that takes nothing until it is released.
class StuckDisk : public base::FaultyOperations {
 public:
  StuckDisk() : FaultyOperations(Fault::kError) {}

  int Sync(int fd) override {
    released_.wait();
    return FaultyOperations::Sync(fd);
  }
  void Release() { release_.set_value(); }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

class KvMemoryTest : public testing::Test {
 protected:
  void Open(int64_t limit_bytes) {
    auto meter = std::make_shared<kv::MemoryMeter>();
    memory_ = std::make_unique<KvMemory>(limit_bytes, meter, kv::EmptyCache(3, meter),
                                         EngineObserver::Nobody());
    auto files = kv::PrefixFiles::Open({.directory = folder_.path(),
                                        .limit_bytes = 1 << 30,
                                        .model = kv::kModel,
                                        .operations = &disk_},
                                       kv::EmptyCache());
    memory_->UseFiles(std::move(files).value());
  }

  void Keep(int64_t length) {
    const kv::Sample sample(length);
    Sequence sequence(memory_->NewCache());
    sequence.cache.GoTo(sample.cache.TakePosition());
    sequence.tokens = sample.tokens;
    memory_->KeepPrefix(1, sequence, 0);
  }

  // The disk takes nothing for 50 ms, in which the parking begins to wait.
  void Park() {
    std::thread later([this] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      disk_.Release();
    });
    memory_->Park();
    later.join();
  }

  const base::TemporaryFolder folder_;
  StuckDisk disk_;
  std::unique_ptr<KvMemory> memory_;
};

TEST_F(KvMemoryTest, ParksWhatHadNoRoomBesideThoseThatWait) {
  const kv::SequenceCache empty = kv::EmptyCache();
  // Whoever waits for the disk takes a sequence, and is promised the pages that it may copy: here
  // there is room for one.
  Open(4 * empty.FixedBytes() + empty.SpareBytes());
  Keep(40);
  Keep(41);
  EXPECT_EQ(memory_->file_statistics().files, 1);
  EXPECT_EQ(memory_->prefix_count(), 1);
  Park();
  EXPECT_EQ(memory_->file_statistics().files, 2);
}

}  // namespace
}  // namespace fathom::engine
