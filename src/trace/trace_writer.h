// Writes down what an engine does, while it does it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "base/file_operations.h"
#include "base/result.h"
#include "engine/observer.h"
#include "trace/prompt_history.h"
#include "trace/recording.h"
#include "trace/trace_lines.h"

namespace fathom::trace {

struct TraceOptions {
  /// Must not be there yet. Nobody but the user may read it: it holds what was asked and answered.
  std::string path;
  std::string program{};  ///< its version
  /// Takes one line if the trace ends before its time: the disk is full, or too slow. From any
  /// thread.
  std::function<void(std::string_view line)> log{};
  /// Bytes of events that may wait for the disk.
  int64_t most_waiting = int64_t{64} << 20;
  base::FileOperations* operations = &base::FileOperations::System();
};

/// The engine's thread only copies what it does. A thread of the trace's own makes lines and hands
/// them to the system as they come, so that a process that is killed leaves all but what happened
/// in its last moment. Whatever becomes of the file, the engine goes on.
class TraceWriter final : public engine::EngineObserver {
 public:
  /// Makes the file. The error names it.
  static base::Result<std::unique_ptr<TraceWriter>> Create(TraceOptions options);

  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;
  /// Writes what waits, and closes the file. One that nothing was written to is removed.
  ~TraceWriter() override;

  void OnEvent(const engine::EngineEvent& event) override;

 private:
  struct Request {
    int64_t number = 0;
    engine::Request request;
    std::string constraint;
  };
  struct Entry {
    EventTime time;
    std::variant<TraceHeader, Request, engine::RequestCancelled, engine::TokenTaken,
                 engine::RequestDone, engine::CacheDecision, engine::ParkBegun>
        what;
  };

  TraceWriter(TraceOptions options, int fd);

  // On the engine's thread.
  void Push(Entry entry, int64_t bytes);
  TraceHeader MakeHeader(const engine::EngineOpened& event) const;

  // On the trace's.
  void Run();
  void Append(Entry entry, std::string* lines);
  void AppendRequest(EventTime time, Request request, std::string* lines);

  void Stop(std::string_view reason);

  const TraceOptions options_;
  const int fd_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  int64_t step_ = 0;                   // the engine's thread's
  PromptHistory history_;              // the trace's thread's
  bool is_empty_ = true;               // the file; the trace's thread's
  std::atomic<bool> is_over_ = false;  // the file takes nothing more

  std::mutex mutex_;  // of all below
  std::condition_variable wake_;
  std::vector<Entry> waiting_;
  int64_t waiting_bytes_ = 0;
  bool ends_ = false;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace fathom::trace
