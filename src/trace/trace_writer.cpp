#include "trace/trace_writer.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstring>
#include <ctime>
#include <span>
#include <utility>

namespace fathom::trace {
namespace {

// What an entry takes while it waits, beside a prompt.
constexpr int64_t kEntryBytes = 512;

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

// What it refers to belongs to the engine's thread.
engine::Request CopyPlainFields(const engine::Request& request) {
  engine::Request copy = request;
  copy.sequence = nullptr;
  copy.force = nullptr;
  copy.constraint = nullptr;
  copy.on_token = nullptr;
  copy.on_done = nullptr;
  return copy;
}

// One that does not describe itself is there all the same.
std::string DescribeConstraint(const engine::Request& request) {
  if (!request.constraint) return {};
  std::string description = request.constraint->Describe();
  return description.empty() ? "{}" : description;
}

}  // namespace

base::Result<std::unique_ptr<TraceWriter>> TraceWriter::Create(TraceOptions options) {
  int fd = -1;
  const int error = options.operations->CreateNew(options.path, 0600, &fd);
  if (error != 0)
    return base::MakeError("{}: cannot create: {}", options.path, std::strerror(error));
  return std::unique_ptr<TraceWriter>(new TraceWriter(std::move(options), fd));
}

TraceWriter::TraceWriter(TraceOptions options, int fd)
    : options_(std::move(options)), fd_(fd), thread_([this] { Run(); }) {}

TraceWriter::~TraceWriter() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  wake_.notify_one();
  thread_.join();
  options_.operations->Close(fd_);
  if (is_empty_) options_.operations->Remove(options_.path);
}

void TraceWriter::OnEvent(const engine::EngineEvent& event) {
  if (is_over_) return;
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - began_;
  const EventTime time{since.count(), step_};
  std::visit(Overloaded{[&](const engine::StepBegun&) { ++step_; },
                        [&](const engine::EngineOpened& opened) {
                          Push({time, MakeHeader(opened)}, kEntryBytes);
                        },
                        [&](const engine::RequestTaken& taken) {
                          Push({time, Request{taken.number, CopyPlainFields(taken.request),
                                              DescribeConstraint(taken.request)}},
                               kEntryBytes + std::ssize(taken.request.prompt) * 4);
                        },
                        [&](const auto& plain) {
                          Push({time, plain}, kEntryBytes);
                        }},
             event);
}

TraceHeader TraceWriter::MakeHeader(const engine::EngineOpened& event) const {
  const engine::EngineOptions& options = event.options;
  TraceHeader header{
      .began = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr))),
      .program = options_.program,
      .model = event.info.directory,
      .fingerprint = event.fingerprint,
      .isa = event.info.isa,
      .context = event.info.context,
      .batch_tokens = options.batch_tokens,
      .chunk_tokens = options.chunk_tokens,
      .max_batch = options.max_batch,
      .max_queue = options.max_queue,
      .kv_memory = static_cast<int64_t>(options.kv_memory),
      .kv_disk = static_cast<int64_t>(options.kv_disk),
      .files = {},
  };
  if (!options.kv_directory.empty()) header.files = event.files;
  return header;
}

void TraceWriter::Push(Entry entry, int64_t bytes) {
  bool fits = false;
  bool is_first = false;
  {
    const std::scoped_lock lock(mutex_);
    waiting_bytes_ += bytes;
    fits = waiting_bytes_ <= options_.most_waiting;
    is_first = waiting_.empty();
    if (fits) waiting_.push_back(std::move(entry));
  }
  // With a gap it could not be repeated.
  if (!fits) return Stop("the disk is too slow");
  if (is_first) wake_.notify_one();
}

void TraceWriter::Run() {
  std::string lines;
  std::vector<Entry> entries;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return ends_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::swap(entries, waiting_);
      waiting_bytes_ = 0;
    }
    for (Entry& entry : entries) Append(std::move(entry), &lines);
    entries.clear();
    if (!is_over_) {
      is_empty_ = false;
      const int error = options_.operations->Write(fd_, std::as_bytes(std::span(lines)));
      if (error != 0) Stop(std::strerror(error));
    }
    lines.clear();
  }
}

void TraceWriter::Append(Entry entry, std::string* lines) {
  const EventTime time = entry.time;
  std::visit(
      Overloaded{[&](const TraceHeader& header) { AppendHeader(header, lines); },
                 [&](Request& request) { AppendRequest(time, std::move(request), lines); },
                 [&](const engine::RequestCancelled& event) { AppendCancel(time, event, lines); },
                 [&](const engine::TokenTaken& event) {
                   history_.AddToken(event.number, event.id);
                   AppendToken(time, event, lines);
                 },
                 [&](const engine::RequestDone& event) { AppendDone(time, event, lines); },
                 [&](const engine::CacheDecision& event) { AppendDecision(time, event, lines); },
                 [&](const engine::ParkBegun&) { AppendPark(time, lines); }},
      entry.what);
}

void TraceWriter::AppendRequest(EventTime time, Request request, std::string* lines) {
  std::vector<int32_t>& prompt = request.request.prompt;
  const Repetition repeated = history_.Find(prompt);
  trace::AppendRequest(time, request.number, request.request, request.constraint, repeated,
                       std::span(prompt).subspan(static_cast<size_t>(repeated.tokens)), lines);
  history_.Add(request.number, std::move(prompt));
}

void TraceWriter::Stop(std::string_view reason) {
  if (is_over_.exchange(true)) return;
  if (options_.log) options_.log(fmt::format("{}: {}; the trace ends here", options_.path, reason));
}

}  // namespace fathom::trace
