#include "engine/scheduler.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace fathom::engine {
namespace {

// To wait for another prompt saves at least so many tokens, else it is not worth a snapshot.
constexpr int64_t kLeastShared = 32;

// Of those that wait: they are told of after every step, and the queue may be long.
constexpr int64_t kMostListed = 64;

int64_t CountShared(std::span<const int32_t> a, std::span<const int32_t> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

}  // namespace

// By Little's law requests end at the rate of those under way divided by the time that one takes.
double Scheduler::EstimateWait() const {
  double seconds = mean_seconds_;
  for (const Entry& entry : running_)
    seconds = std::max(seconds, entry.generation->running_seconds());
  return std::max(1.0, seconds / static_cast<double>(std::max<int64_t>(1, running())));
}

std::vector<RequestStatus> Scheduler::ListRequests() const {
  std::vector<RequestStatus> requests;
  for (const Entry& entry : running_) requests.push_back(entry.generation->status());
  for (const Entry& entry : waiting_) {
    if (std::ssize(requests) == running() + kMostListed) break;
    requests.push_back(entry.generation->status());
  }
  return requests;
}

void Scheduler::Add(std::unique_ptr<Generation> generation) {
  const auto behind = std::ranges::find_if(waiting_, [&](const Entry& entry) {
    return entry.generation->priority() < generation->priority();
  });
  waiting_.insert(behind, {.generation = std::move(generation)});
}

bool Scheduler::Cancel(int64_t number) {
  for (auto* entries : {&running_, &waiting_}) {
    for (Entry& entry : *entries) {
      if (entry.generation->number() != number || entry.generation->finished()) continue;
      entry.generation->Cancel();
      return true;
    }
  }
  return false;
}

std::vector<Scheduler::Piece> Scheduler::Plan() {
  UpdatePromised();
  Admit();
  std::vector<Piece> pieces;
  AddPrompts(AddAnswers(&pieces), &pieces);
  if (pieces.empty()) return pieces;
  ++statistics_.steps;
  statistics_.step_requests += std::ssize(pieces);
  return pieces;
}

// The front of the queue holds up those behind it: if smaller requests overtook it, a large one
// might wait forever.
void Scheduler::Admit() {
  while (!waiting_.empty() && running() < options_.max_batch) {
    Generation& next = *waiting_.front().generation;
    kv::PrefixCache::Item prefix;
    if (next.keeps_prefixes()) prefix = memory_.FindPrefix(next.prompt());
    const int64_t held = prefix ? prefix->length() : next.position();
    const int64_t bytes = next.brings_sequence() ? memory_.MostGrowth(next.max_length(), held)
                                                 : memory_.MostBytes(next.max_length(), held);
    if (!MakeRoom(bytes)) break;
    memory_.SetPromised(memory_.promised_bytes() + bytes);
    next.Admit(std::move(prefix));
    waiting_.front().fair_finish =
        fair_time_ + static_cast<double>(std::ssize(next.prompt()) - held);
    running_.splice(running_.end(), waiting_, waiting_.begin());
  }
  // Nothing that runs will ever make room.
  if (running_.empty() && !waiting_.empty())
    waiting_.front().generation->Fail(
        "kv_memory: the sequences that are held leave no room for another one");
}

// No prefix is given up if that would not do: what running requests hold stays in any case.
bool Scheduler::MakeRoom(int64_t bytes) {
  if (memory_.Fits(bytes)) return true;
  if (running_.empty()) return memory_.MakeRoom(bytes, KvMemory::Pending::kAwait);
  int64_t held = memory_.own_bytes();
  std::unordered_set<const std::byte*> pages;
  for (const Entry& entry : running_) {
    if (!entry.generation->begun()) continue;
    const kv::SequenceCache& cache = entry.generation->sequence().cache;
    held += cache.FixedBytes() + cache.CountPagesOnce(&pages);
  }
  if (held + memory_.promised_bytes() + bytes > memory_.limit_bytes()) return false;
  return memory_.MakeRoom(bytes);
}

int64_t Scheduler::CountPromised() const {
  int64_t bytes = 0;
  for (const Entry& entry : running_) {
    const Generation& generation = *entry.generation;
    const int64_t held = generation.position();
    bytes += generation.begun() || generation.brings_sequence()
                 ? memory_.MostGrowth(generation.max_length(), held)
                 : memory_.MostBytes(generation.max_length(), held);
  }
  return bytes;
}

// One token of each, and the rest of what is known of some, which counts like a prompt.
int64_t Scheduler::AddAnswers(std::vector<Piece>* pieces) {
  std::vector<Generation*> answers;
  for (const Entry& entry : running_) {
    Generation& generation = *entry.generation;
    if (generation.decoding() && !generation.finished()) answers.push_back(&generation);
  }
  int64_t left = options_.batch_tokens - std::ssize(answers);
  if (!answers.empty()) left = std::min(left, options_.chunk_tokens);
  for (Generation* answer : answers) {
    const auto tokens = answer->NextTokens(1 + left);
    pieces->push_back({answer, tokens});
    left -= std::ssize(tokens) - 1;
    statistics_.generated_tokens += std::ssize(tokens);
  }
  return left;
}

void Scheduler::AddPrompts(int64_t budget, std::vector<Piece>* pieces) {
  // All before the first piece: a follower gives its leader a stop.
  std::vector<Generation*> workers;
  for (const Entry* entry : OrderPrompts()) {
    Generation& worker = FindWorker(*entry->generation);
    if (std::ranges::find(workers, &worker) == workers.end()) workers.push_back(&worker);
  }
  int64_t computed = 0;
  for (Generation* worker : workers) {
    if (computed == budget) break;
    if (!worker->begun()) worker->Begin();
    const auto tokens = worker->NextTokens(budget - computed);
    pieces->push_back({worker, tokens});
    computed += std::ssize(tokens);
  }
  statistics_.prompt_tokens += computed;
  if (computed > 0)
    fair_time_ += static_cast<double>(computed) / static_cast<double>(workers.size());
}

std::vector<Scheduler::Entry*> Scheduler::OrderPrompts() {
  std::vector<Entry*> prompts;
  for (Entry& entry : running_)
    if (!entry.generation->decoding() && !entry.generation->finished()) prompts.push_back(&entry);
  std::ranges::sort(prompts, [](const Entry* a, const Entry* b) {
    return std::tuple(-int64_t{a->generation->priority()}, a->fair_finish,
                      a->generation->number()) <
           std::tuple(-int64_t{b->generation->priority()}, b->fair_finish, b->generation->number());
  });
  return prompts;
}

// Whoever computes what `wanted` needs next: that one itself, or one that it waits for.
Generation& Scheduler::FindWorker(Generation& wanted) {
  Generation* worker = &wanted;
  while (Generation* leader = FindLeader(*worker)) {
    const int64_t shared = CountShared(worker->prompt(), leader->prompt());
    // One token before its end every prompt is kept.
    if (shared + 1 < std::ssize(leader->prompt())) leader->AddStop(shared);
    worker = leader;
  }
  return *worker;
}

// A generation that has not begun follows the one that will have computed most of its prompt: one
// that is at it, or that was submitted earlier. So nobody ever waits for itself.
Generation* Scheduler::FindLeader(const Generation& follower) {
  if (follower.begun() || !follower.keeps_prefixes()) return nullptr;
  Generation* leader = nullptr;
  int64_t longest = follower.position() + kLeastShared - 1;
  for (Entry& entry : running_) {
    Generation& other = *entry.generation;
    if (&other == &follower || !other.keeps_prefixes() || other.decoding() || other.finished())
      continue;
    if (other.begun() ? other.position() < follower.position() : other.number() > follower.number())
      continue;
    const int64_t shared =
        std::min(CountShared(follower.prompt(), other.prompt()), std::ssize(follower.prompt()) - 1);
    if (shared <= longest || other.position() >= shared) continue;
    leader = &other;
    longest = shared;
  }
  return leader;
}

void Scheduler::NoteSeconds(double seconds) {
  constexpr double kNewest = 0.125;
  if (seconds == 0) return;
  mean_seconds_ =
      mean_seconds_ == 0 ? seconds : mean_seconds_ + kNewest * (seconds - mean_seconds_);
}

void Scheduler::ReportFinished() {
  for (auto* entries : {&running_, &waiting_}) {
    for (auto entry = entries->begin(); entry != entries->end();) {
      if (!entry->generation->finished()) {
        ++entry;
        continue;
      }
      const std::unique_ptr<Generation> generation = std::move(entry->generation);
      entry = entries->erase(entry);
      UpdatePromised();
      NoteSeconds(generation->running_seconds());
      generation->Report();
    }
  }
}

}  // namespace fathom::engine
