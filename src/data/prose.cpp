#include "data/prose.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/file.h"
#include "text/utf8.h"

namespace fathom::data {
namespace {

namespace fs = std::filesystem;

base::Result<std::vector<std::string>> ListFiles(const std::string& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
    if (it->path().extension() == ".txt") files.push_back(it->path().string());
  if (code) return base::MakeError("{}: cannot list the directory: {}", path, code.message());
  if (files.empty()) return base::MakeError("{}: holds no .txt files", path);
  std::sort(files.begin(), files.end());
  return files;
}

// The words of a paragraph with one space between them.
std::string JoinWords(std::string_view paragraph) {
  std::string line;
  for (const char c : paragraph) {
    const bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
    if (!is_space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

void AppendParagraphs(std::string_view text, std::vector<std::string>& paragraphs) {
  while (!text.empty()) {
    const size_t end = std::min(text.find("\n\n"), text.size());
    std::string line = JoinWords(text.substr(0, end));
    if (!line.empty()) paragraphs.push_back(std::move(line));
    text.remove_prefix(std::min(end + 2, text.size()));
  }
}

}  // namespace

base::Result<std::vector<std::string>> ReadProse(const std::vector<std::string>& paths,
                                                 const ProseOptions& options) {
  std::vector<std::string> paragraphs;
  size_t left = options.max_bytes;
  for (const std::string& path : paths) {
    FATHOM_ASSIGN(const auto files, ListFiles(path));
    for (const std::string& file : files) {
      FATHOM_ASSIGN(std::string text, base::ReadFile(file));
      if (text::ValidPrefixLength(text) < text.size())
        return base::MakeError("{}: is not UTF-8", file);
      // At a paragraph's end, so that no character is cut.
      if (text.size() > left) text.resize(std::min(text.rfind("\n\n", left), text.size()));
      if (text.size() > left) return paragraphs;
      left -= text.size();
      AppendParagraphs(text, paragraphs);
    }
  }
  return paragraphs;
}

}  // namespace fathom::data
