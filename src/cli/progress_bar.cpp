#include "cli/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "cli/format.h"

namespace fathom::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);
constexpr const char* kEraseLine = "\r\033[K";

bool IsTerminal() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

void Draw(std::string_view text) {
  // A line of progress that cannot be written is no loss.
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

}  // namespace

ProgressBar::ProgressBar(std::string label, Unit unit)
    : label_(std::move(label)), unit_(unit), visible_(IsTerminal()) {}

ProgressBar::~ProgressBar() {
  if (drawn_) Draw(kEraseLine);
}

void ProgressBar::Update(uint64_t done, uint64_t total) {
  const Clock::time_point now = Clock::now();
  if (!visible_ || now - last_drawn_ < kInterval) return;
  last_drawn_ = now;
  drawn_ = true;
  Draw(kEraseLine + FormatLine(done, total, now));
}

std::string ProgressBar::FormatLine(uint64_t done, uint64_t total, Clock::time_point now) const {
  constexpr uint64_t kWidth = 24;
  const double share = total == 0 ? 1 : static_cast<double>(done) / static_cast<double>(total);
  const auto filled = static_cast<size_t>(std::min(share, 1.0) * kWidth);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const std::string speed = unit_ == Unit::kBytes ? FormatBytes(static_cast<uint64_t>(rate)) + "/s"
                            : unit_ == Unit::kTokens ? fmt::format("{:.1f} tokens/s", rate)
                                                     : fmt::format("{} of {} steps", done, total);
  return fmt::format("{} [{:<{}}] {:3.0f} %  {}", label_, std::string(filled, '#'), kWidth,
                     100 * share, speed);
}

}  // namespace fathom::cli
