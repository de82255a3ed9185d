// tokenizer_compare TOKENIZER.json VECTORS.jsonl
//
// Holds the tokenizer against another one's answers: each line is an object with "text" and "ids",
// special tokens read from the text. Prints every difference; fails if there is one, or if decoding
// does not give back the text. tools/tokenizer_vectors makes such files.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.h"
#include "text/tokenizer.h"

namespace {

using fathom::base::MakeError;
using fathom::base::Status;
using fathom::text::Tokenizer;

Status CompareLine(const Tokenizer& tokenizer, const std::string& line) {
  const auto vector = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!vector.is_object() || !vector.contains("text") || !vector.contains("ids")) {
    return MakeError("not an object with text and ids");
  }
  const auto text = vector["text"].get<std::string>();
  const auto expected = vector["ids"].get<std::vector<int32_t>>();
  FATHOM_ASSIGN(const std::vector<int32_t> ids, tokenizer.EncodeRaw(text));
  if (ids != expected) {
    return MakeError("{}\n  expected [{}]\n  got      [{}]", vector["text"].dump(),
                     fmt::join(expected, " "), fmt::join(ids, " "));
  }
  FATHOM_ASSIGN(const std::string decoded, tokenizer.Decode(ids));
  if (decoded != text) return MakeError("{}: decodes to other text", vector["text"].dump());
  return {};
}

Status Compare(const std::string& tokenizer_path, const std::string& vectors_path) {
  FATHOM_ASSIGN(const Tokenizer tokenizer, Tokenizer::Load(tokenizer_path));
  FATHOM_ASSIGN(const std::string vectors, fathom::base::ReadFile(vectors_path));
  int compared = 0;
  int different = 0;
  std::istringstream lines(vectors);
  for (std::string line; std::getline(lines, line); ++compared) {
    const Status same = CompareLine(tokenizer, line);
    if (same.ok()) continue;
    ++different;
    fmt::print("line {}: {}\n", compared + 1, same.error().message);
  }
  fmt::print("{} of {} strings agree\n", compared - different, compared);
  if (compared == 0) return MakeError("{}: no vectors", vectors_path);
  if (different > 0) return MakeError("{}: {} strings differ", vectors_path, different);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: tokenizer_compare TOKENIZER.json VECTORS.jsonl\n");
    return 2;
  }
  const Status status = Compare(argv[1], argv[2]);
  if (status.ok()) return 0;
  fmt::print(stderr, "tokenizer_compare: {}\n", status.error().message);
  return 1;
}
