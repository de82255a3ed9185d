#include "talk.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/file.h"

namespace fathom::tests {

const Arguments kEndless = {"--frequency-penalty", "-1000"};

Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

std::string SourcePath(const std::string& path) {
  return std::string(FATHOM_SOURCE_DIR) + "/" + path;
}

std::string ReadText(const std::string& path) {
  auto text = base::ReadFile(path);
  EXPECT_TRUE(text.ok()) << text.error().message;
  return text.ok() ? *text : std::string();
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string Document() { return ReadText(SourcePath("tests/goldens/recall/document.txt")); }

Arguments WithModel(const std::string& command) {
  return {command, "-m", SourcePath("tests/models/recall")};
}

Arguments Ask() {
  return WithModel("run") +
         Arguments{"--system", Document(), "-p", "Code of saddle thorn?", "--temp", "0"};
}

}  // namespace fathom::tests
