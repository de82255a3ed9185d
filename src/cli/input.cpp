#include "cli/input.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "base/file.h"
#include "base/system_error.h"
#include "text/json_field.h"

namespace fathom::cli {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The id, or -1 for what is no decimal number of an id's size.
int32_t ParseId(std::string_view word) {
  int32_t id = -1;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  return error == std::errc() && stop == word.data() + word.size() ? id : -1;
}

}  // namespace

base::Result<std::string> ReadInput(const std::string& path) {
  if (path != "-") return base::ReadFile(path);
  // Not through /dev/stdin, which would begin a file anew that somebody has read from.
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::SystemError("standard input", "read");
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(n));
  }
}

std::string InputName(const std::string& path) { return path == "-" ? "standard input" : path; }

base::Result<std::vector<int32_t>> ParseTokenIds(std::string_view text, const std::string& source,
                                                 int64_t vocab_size) {
  std::vector<int32_t> ids;
  int64_t line = 1;
  int64_t words = 0;  // of the line
  for (size_t begin = 0; begin < text.size();) {
    if (IsSpace(text[begin])) {
      if (text[begin] == '\n') {
        ++line;
        words = 0;
      }
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && !IsSpace(text[end])) ++end;
    const std::string_view word = text.substr(begin, end - begin);
    begin = end;
    ++words;
    const int32_t id = ParseId(word);
    if (id < 0 || id >= vocab_size)
      return base::MakeError("{}: line {}, word {}: {} is not a token id from 0 to {}", source,
                             line, words, text::Quote(word), vocab_size - 1);
    ids.push_back(id);
  }
  return ids;
}

}  // namespace fathom::cli
