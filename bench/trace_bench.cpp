// What a trace costs: time of the thread that tells it of events, of its own thread, and bytes.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "engine/request.h"
#include "trace/trace_writer.h"

namespace fathom::trace {
namespace {

// Of the work alone: others on the machine do not count.
double Microseconds(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

// Tells of `count` events, a few at a time as steps do, and prints what one takes.
template <typename Tell>
void Measure(const std::string& path, const char* name, int64_t count, Tell&& tell) {
  std::filesystem::remove(path);
  auto writer = TraceWriter::Create({.path = path}).value();
  const double all = Microseconds(CLOCK_PROCESS_CPUTIME_ID);
  double own = 0;
  constexpr int64_t kInAStep = 16;
  for (int64_t i = 0; i < count; i += kInAStep) {
    const double begin = Microseconds(CLOCK_THREAD_CPUTIME_ID);
    for (int64_t j = i; j < std::min(count, i + kInAStep); ++j) tell(*writer, j);
    own += Microseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  writer.reset();
  const double both = Microseconds(CLOCK_PROCESS_CPUTIME_ID) - all;
  fmt::print("{}: {:.2f} us of the engine's thread, {:.2f} us of both, {} bytes\n", name,
             own / static_cast<double>(count), both / static_cast<double>(count),
             static_cast<int64_t>(std::filesystem::file_size(path)) / count);
  std::filesystem::remove(path);
}

void Run(const std::string& path) {
  Measure(path, "a token", 200'000, [](TraceWriter& writer, int64_t i) {
    writer.OnEvent(engine::TokenTaken{1 + i % 16, static_cast<int32_t>(i % 129'280)});
  });
  engine::Request request;
  request.prompt.resize(100'000);
  std::iota(request.prompt.begin(), request.prompt.end(), 0);
  Measure(path, "a prompt of 100,000 tokens that is new", 100, [&](TraceWriter& writer, int64_t i) {
    request.prompt[0] = static_cast<int32_t>(i);
    writer.OnEvent(engine::RequestTaken{i + 1, request});
  });
  Measure(path, "the same again", 100, [&](TraceWriter& writer, int64_t i) {
    writer.OnEvent(engine::RequestTaken{i + 1, request});
  });
}

}  // namespace
}  // namespace fathom::trace

// The argument is the path of a file to be made, and removed.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  fathom::trace::Run(argv[1]);
}
