#include "server/engine_thread.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace fathom::server {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

EngineThread::EngineThread(Opener open, Post post, int64_t capacity,
                           std::function<void(State)> on_change)
    : post_(std::move(post)),
      capacity_(capacity),
      on_change_(std::move(on_change)),
      thread_([this, open = std::move(open)] { Run(open); }) {}

EngineThread::~EngineThread() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void EngineThread::Run(const Opener& open) {
  engine::Engine::OpenResult opened = open();
  if (!opened.engine) {
    post_([this, error = std::move(opened.error)] {
      error_ = error;
      Enter(State::kFailed);
    });
    return;
  }
  post_([this, info = opened.engine->info(), statistics = opened.engine->statistics()] {
    info_ = info;
    statistics_ = statistics;
    if (state_ == State::kLoading) Enter(State::kReady);
  });
  bool idle = true;
  std::vector<Command> commands;
  while (TakeCommands(idle, &commands)) {
    for (const Command& command : commands) command(*opened.engine);
    // A step of a large model takes up to a minute: what waits for it is told of before.
    if (!commands.empty()) Publish(*opened.engine);
    commands.clear();
    idle = !opened.engine->Step();
    Publish(*opened.engine);
  }
  opened.engine->Park();
  opened.engine.reset();
  post_([this] { Enter(State::kStopped); });
}

// Waits for commands if there is nothing else to do. Returns false when the thread is to end.
bool EngineThread::TakeCommands(bool idle, std::vector<Command>* commands) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return !idle || ends_ || deadline_ || !commands_.empty(); });
  commands->swap(commands_);
  if (ends_) return false;
  if (!deadline_) return true;
  if (idle && commands->empty()) return false;
  if (Clock::now() >= *deadline_) {
    commands->push_back([this](engine::Engine& engine) {
      for (const auto& [number, engine_number] : engine_numbers_) engine.Cancel(engine_number);
    });
  }
  return true;
}

void EngineThread::SubmitTo(engine::Engine& engine, int64_t number, engine::Request request) {
  request.on_token = [this, number](const engine::TokenEvent& token) {
    events_.push_back({number, token});
  };
  request.on_done = [this, number](const engine::Completion& completion) {
    engine_numbers_.erase(number);
    events_.push_back({number, completion});
  };
  const engine::Submission submission = engine.Submit(std::move(request));
  if (submission.number) {
    engine_numbers_[number] = *submission.number;
    return;
  }
  engine::Completion refusal;
  refusal.finish = engine::FinishReason::kError;
  refusal.error = submission.error;
  events_.push_back({number, std::move(refusal)});
}

void EngineThread::Publish(const engine::Engine& engine) {
  post_([this, events = std::exchange(events_, {}), statistics = engine.statistics(),
         requests = engine.requests()] {
    statistics_ = statistics;
    requests_ = requests;
    Hear(events);
  });
}

void EngineThread::Give(Command command) {
  {
    const std::scoped_lock lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

EngineThread::Ticket EngineThread::Submit(engine::Request request, EngineListener& listener) {
  FATHOM_CHECK(state_ == State::kReady);
  const int64_t number = next_number_++;
  listeners_[number] = &listener;
  // A command is copied with what it holds, a request is large.
  auto shared = std::make_shared<engine::Request>(std::move(request));
  Give([this, number, shared](engine::Engine& engine) {
    SubmitTo(engine, number, std::move(*shared));
  });
  return Ticket(this, number);
}

void EngineThread::Cancel(int64_t number) {
  Give([this, number](engine::Engine& engine) {
    const auto found = engine_numbers_.find(number);
    if (found != engine_numbers_.end()) engine.Cancel(found->second);
  });
}

void EngineThread::Drop(int64_t number) {
  if (listeners_.erase(number) == 0) return;
  ++dropped_;
  Cancel(number);
}

// A listener may drop itself and others, so each is looked for when its turn comes.
void EngineThread::Hear(const std::vector<Event>& events) {
  for (const auto& [number, what] : events) {
    const auto found = listeners_.find(number);
    EngineListener* const listener = found == listeners_.end() ? nullptr : found->second;
    if (const auto* token = std::get_if<engine::TokenEvent>(&what)) {
      if (listener != nullptr) listener->OnToken(*token);
      continue;
    }
    const auto& completion = std::get<engine::Completion>(what);
    NoteEnd(completion.stats);
    if (listener == nullptr) {
      --dropped_;
      continue;
    }
    listeners_.erase(found);
    listener->OnDone(completion);
  }
}

void EngineThread::NoteEnd(const engine::RequestStats& stats) {
  const double seconds = stats.prefill_seconds + stats.decode_seconds;
  mean_seconds_ = mean_seconds_ == 0 ? seconds : 0.8 * mean_seconds_ + 0.2 * seconds;
}

double EngineThread::EstimateWait() const {
  const auto running = static_cast<double>(std::max<int64_t>(1, statistics_.running));
  return std::max(1.0, std::ceil(mean_seconds_ / running));
}

void EngineThread::Stop(double seconds) {
  if (state_ != State::kLoading && state_ != State::kReady) return;
  Enter(State::kStopping);
  {
    const std::scoped_lock lock(mutex_);
    deadline_ = Clock::now() +
                std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  wake_.notify_one();
}

void EngineThread::Enter(State state) {
  state_ = state;
  on_change_(state);
}

}  // namespace fathom::server
