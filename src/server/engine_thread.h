// The engine on a thread of its own. Commands go in through a queue, events come out through one.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace fathom::server {

/// Hears of one request. Belongs to the I/O thread.
class EngineListener {
 public:
  virtual ~EngineListener() = default;

  virtual void OnToken(const engine::TokenEvent& token) = 0;
  /// The last event. `completion` has what was generated; finish kError or kCancelled say that it
  /// ended before its time.
  virtual void OnDone(const engine::Completion& completion) = 0;
};

/// Opens an engine on a new thread and steps it for as long as there are requests. All functions
/// belong to one other thread, the I/O thread, on which listeners are called too; only the
/// destructor may run elsewhere, after the I/O thread has ended.
class EngineThread {
 public:
  using Opener = std::function<engine::Engine::OpenResult()>;
  /// Runs a function on the I/O thread, soon. May be called from any thread.
  using Post = std::function<void(std::function<void()>)>;

  enum class State : uint8_t {
    kLoading,
    kReady,
    kFailed,    ///< the engine could not be opened
    kStopping,  ///< takes no more requests
    kStopped,   ///< the engine is closed, and what it remembers is saved
  };

  /// What a listener holds on to; its end cancels the request and silences it.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(EngineThread* thread, int64_t number) : thread_(thread), number_(number) {}
    Ticket(Ticket&& other) noexcept
        : thread_(std::exchange(other.thread_, nullptr)), number_(other.number_) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(thread_, other.thread_);
      std::swap(number_, other.number_);
      return *this;
    }
    ~Ticket() {
      if (thread_ != nullptr) thread_->Drop(number_);
    }

    /// Ends the request early; OnDone still comes.
    void Cancel() {
      if (thread_ != nullptr) thread_->Cancel(number_);
    }

   private:
    EngineThread* thread_ = nullptr;
    int64_t number_ = 0;
  };

  /// `capacity`: most requests that are under way or wait. `on_change` hears of every new state.
  EngineThread(Opener open, Post post, int64_t capacity, std::function<void(State)> on_change);
  /// Waits for the thread, which ends after the step that it is in.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  State state() const { return state_; }
  const std::string& error() const { return error_; }  ///< kFailed: one line
  /// Facts about the model. REQUIRES: it was ready once.
  const engine::EngineInfo& info() const { return info_; }
  /// As of the last step.
  const engine::EngineStatistics& statistics() const { return statistics_; }
  /// As of the last step, or of the last request that was handed in.
  const std::vector<engine::RequestStatus>& requests() const { return requests_; }

  /// Requests under way or waiting.
  int64_t outstanding() const { return std::ssize(listeners_) + dropped_; }
  /// Whether `count` further requests find a place.
  bool HasRoom(int64_t count) const { return outstanding() + count <= capacity_; }
  /// Seconds until there is room again, about; at least 1.
  double EstimateWait() const;

  /// REQUIRES: ready. What the engine refuses comes as OnDone with kError.
  Ticket Submit(engine::Request request, EngineListener& listener);

  /// Takes no more requests, goes on with those that there are for `seconds`, cancels the rest, and
  /// closes the engine.
  void Stop(double seconds);

 private:
  struct Event {
    int64_t number = 0;
    std::variant<engine::TokenEvent, engine::Completion> what;
  };
  using Command = std::function<void(engine::Engine&)>;

  // On the engine's thread.
  void Run(const Opener& open);
  bool TakeCommands(bool idle, std::vector<Command>* commands);
  void SubmitTo(engine::Engine& engine, int64_t number, engine::Request request);
  void Publish(const engine::Engine& engine);

  // On the I/O thread.
  void Give(Command command);
  void Cancel(int64_t number);
  void Drop(int64_t number);
  void Hear(const std::vector<Event>& events);
  void NoteEnd(const engine::RequestStats& stats);
  void Enter(State state);

  const Post post_;
  const int64_t capacity_;
  const std::function<void(State)> on_change_;

  // The I/O thread's.
  State state_ = State::kLoading;
  std::string error_;
  engine::EngineInfo info_;
  engine::EngineStatistics statistics_;
  std::vector<engine::RequestStatus> requests_;
  std::map<int64_t, EngineListener*> listeners_;
  int64_t dropped_ = 0;  // requests without a listener that the engine has not ended yet
  int64_t next_number_ = 1;
  double mean_seconds_ = 0;  // of a request, newer ones counting more

  // The engine's thread's.
  std::vector<Event> events_;
  std::map<int64_t, int64_t> engine_numbers_;

  // Between them.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> commands_;
  bool ends_ = false;                                              // at once
  std::optional<std::chrono::steady_clock::time_point> deadline_;  // stopping: for the rest

  std::thread thread_;  // last: it uses everything above
};

}  // namespace fathom::server
