#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace fathom::cli {

bool CanStyle(int descriptor) {
  const char* terminal = std::getenv("TERM");
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(descriptor) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb" &&
         (no_color == nullptr || *no_color == '\0');
}

std::string Style(std::string_view text, std::string_view style, int descriptor) {
  if (!CanStyle(descriptor)) return std::string(text);
  return fmt::format("{}{}{}", style, text, kNoStyle);
}

void PrintNote(std::string_view line) {
  const std::string text = Style(line, kDim, STDERR_FILENO) + '\n';
  // Where standard error itself fails there is nobody left to tell.
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

}  // namespace fathom::cli
