// Which requests are under way, and what the next step computes of each.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "engine/generation.h"
#include "engine/kv_memory.h"

namespace fathom::engine {

/// The bounds of EngineOptions.
struct SchedulerOptions {
  int64_t batch_tokens = 0;
  int64_t chunk_tokens = 0;
  int64_t max_batch = 0;
  int64_t max_queue = 0;
};

/// Requests wait in order of their priority, then of their submission, and are admitted from the
/// front of the queue when memory for the worst case is free. Every step goes on with all answers,
/// and with prompts in the order in which they would be done if all of one priority shared the time
/// equally. A prompt that begins like one that is being computed waits for what they share.
class Scheduler {
 public:
  struct Statistics {
    int64_t steps = 0;
    int64_t step_requests = 0;
    int64_t prompt_tokens = 0;
    int64_t generated_tokens = 0;
  };

  /// A generation and the tokens of it that a step computes.
  struct Piece {
    Generation* generation;
    std::span<const int32_t> tokens;
  };

  Scheduler(const SchedulerOptions& options, KvMemory& memory)
      : options_(options), memory_(memory) {}

  int64_t running() const { return std::ssize(running_); }
  int64_t waiting() const { return std::ssize(waiting_); }
  bool idle() const { return running_.empty() && waiting_.empty(); }
  const Statistics& statistics() const { return statistics_; }
  /// Bytes that the running requests may still take.
  int64_t CountPromised() const;
  /// Those that run, then the first of those that wait.
  std::vector<RequestStatus> ListRequests() const;

  /// Whether no further request may wait.
  bool full() const { return running() + waiting() >= options_.max_batch + options_.max_queue; }
  /// Seconds until one of the running requests ends, about.
  double EstimateWait() const;

  void Add(std::unique_ptr<Generation> generation);
  /// Returns whether there is such a request, and it was not over.
  bool Cancel(int64_t number);

  /// Admits what fits, and plans a step; no pieces if there is nothing to compute.
  std::vector<Piece> Plan();

  /// Notes that what was promised has been taken. Called when a step was computed, before anything
  /// is kept of it.
  void UpdatePromised() { memory_.SetPromised(CountPromised()); }

  /// Lets go of finished generations and tells their callbacks, which may add others.
  void ReportFinished();

 private:
  struct Entry {
    std::unique_ptr<Generation> generation;
    /// The fair time at which the prompt would be done.
    double fair_finish = 0;
  };

  void Admit();
  bool MakeRoom(int64_t bytes);
  /// Returns how many tokens the step has left for prompts.
  int64_t AddAnswers(std::vector<Piece>* pieces);
  void AddPrompts(int64_t budget, std::vector<Piece>* pieces);
  std::vector<Entry*> OrderPrompts();
  Generation& FindWorker(Generation& wanted);
  Generation* FindLeader(const Generation& follower);
  void NoteSeconds(double seconds);

  SchedulerOptions options_;
  KvMemory& memory_;
  std::list<Entry> running_;
  std::list<Entry> waiting_;  // by falling priority, then by submission
  double fair_time_ = 0;      // tokens that each prompt would have got
  double mean_seconds_ = 0;   // of requests that ran, newer ones counting more
  Statistics statistics_;
};

}  // namespace fathom::engine
