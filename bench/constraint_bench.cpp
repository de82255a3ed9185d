// What a constraint costs for each token, at the size of DeepSeek-V4's vocabulary: 129,280 tokens
// of made-up words, digits, punctuation and CJK, in microseconds. And what it saves: calls of a
// model, with the forced tokens computed together and one by one.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "constraint/answer_constraint.h"
#include "engine/engine.h"
#include "text/byte_level.h"
#include "text/utf8.h"

namespace fathom::constraint {
namespace {

using nlohmann::json;
constexpr size_t kVocabulary = 129280;

// Of this thread's work alone: others on the machine do not count.
double Microseconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

std::string MakeWord(std::mt19937& random) {
  static const std::string kMarks = "\"',.:;(){}[]<>/\\=-_*#\n ";
  std::string word;
  const uint32_t kind = random() % 16;
  const size_t length = 2 + random() % 9;
  if (kind == 0) {
    for (size_t i = 0; i < length / 2 + 1; ++i) word += kMarks[random() % kMarks.size()];
  } else if (kind < 3) {
    for (size_t i = 0; i < length / 2 + 1; ++i) text::AppendUtf8(0x4E00 + random() % 0x5000, word);
  } else {
    if (kind % 2 == 0) word += ' ';
    for (size_t i = 0; i < length; ++i) word += static_cast<char>('a' + random() % 26);
    if (random() % 16 == 0) word += kMarks[random() % kMarks.size()];
  }
  return word;
}

text::Tokenizer MakeTokenizer(const std::string& bytes_only) {
  std::ifstream file(bytes_only);
  json tokenizer = json::parse(file);
  json& vocab = tokenizer["model"]["vocab"];
  std::mt19937 random(1);
  int64_t id = 300;
  while (vocab.size() < kVocabulary) {
    const std::string spelled = text::SpellByteLevel(MakeWord(random));
    if (!vocab.contains(spelled)) vocab[spelled] = id++;
  }
  return text::Tokenizer::FromJson(tokenizer.dump(), "made up").value();
}

constexpr const char* kTool = R"({"name": "edit", "parameters": {"type": "object", "properties": {
  "path": {"type": "string"}, "title": {"type": "string", "maxLength": 60},
  "line": {"type": "integer", "minimum": 1, "maximum": 99999}, "mode": {"enum": ["a", "b"]},
  "edits": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {
    "old": {"type": "string"}, "new": {"type": "string"}}, "required": ["old", "new"]}}},
  "required": ["path", "edits", "title"]}})";

// Draws answers and measures each mask.
std::vector<double> Measure(const text::Tokenizer& tokenizer,
                            const std::shared_ptr<AnswerConstraints>& constraints, unsigned seed) {
  std::vector<double> costs;
  std::vector<uint64_t> mask(CountMaskWords(tokenizer.vocab_size()));
  std::mt19937 random(seed);
  AnswerConstraint constraint(constraints);
  for (int step = 0; step < 400 && !constraint.is_over(); ++step) {
    const double begin = Microseconds();
    constraint.Fill(mask);
    costs.push_back(Microseconds() - begin);
    std::vector<int32_t> allowed;
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
      if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
    // Strings of random tokens have no end unless it is chosen now and then.
    std::vector<int32_t> ends;
    for (const int32_t id : allowed)
      if (tokenizer.BytesOf(id)[0] == '"' || tokenizer.BytesOf(id) == "<") ends.push_back(id);
    const auto& from = !ends.empty() && random() % 8 == 0 ? ends : allowed;
    constraint.Accept(from[random() % from.size()]);
  }
  return costs;
}

void Report(const char* name, std::vector<double> costs) {
  std::sort(costs.begin(), costs.end());
  fmt::print("{}: {} masks, median {:.0f}, 99 % {:.0f}, worst {:.0f} us\n", name, costs.size(),
             costs[costs.size() / 2], costs[costs.size() * 99 / 100], costs.back());
}

// Of patterns as tools have them.
constexpr const char* kPatternTool = R"json({"name": "edit", "parameters": {"type": "object",
  "properties": {"name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
    "day": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
    "path": {"type": "string", "pattern": "^/.*\\.(py|js|ts)$"},
    "message": {"type": "string", "pattern": "^(feat|fix|docs|chore)(\\(.+\\))?: .+$"},
    "mail": {"type": "string", "pattern": "^[^\\s@]+@[^\\s@]+\\.[^\\s@]+$"},
    "note": {"type": "string", "pattern": "(todo|fixme)", "maxLength": 200},
    "words": {"type": "string", "pattern": "^[a-z]+( [a-z]+)*$", "minLength": 8}},
  "required": ["name", "day", "path", "message", "mail", "note", "words"]}})json";

// Of more states than have tables, or nearly.
constexpr const char* kLargePatternTool = R"json({"name": "edit", "parameters": {"type": "object",
  "properties": {"mail": {"type": "string",
      "pattern": "^[a-z0-9.-]{1,64}@[a-z0-9.-]+\\.[a-z]{2,}$"},
    "slug": {"type": "string", "pattern": "^[a-z]+(-[a-z]+){0,30}$"},
    "words": {"type": "string", "pattern": "^(\\w+ ){1,20}\\w+$"},
    "link": {"type": "string", "pattern": "^https?://.+", "maxLength": 200},
    "id": {"type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
    "title": {"type": "string", "pattern": "^[A-Z][a-z]*(?: [A-Z][a-z]*)*$", "maxLength": 80}},
  "required": ["mail", "slug", "words", "link", "id", "title"]}})json";

void RunTool(const char* name, const char* tool, const text::Tokenizer& tokenizer,
             const std::shared_ptr<const ConstraintVocabulary>& vocabulary) {
  const double begin = Microseconds();
  const auto constraints =
      AnswerConstraints::Make(vocabulary, {.calls = AnswerOptions::Calls::kRequired,
                                           .tools = {text::ReadJson(tool, "tool").value()}})
          .value();
  fmt::print("{}, schema: {:.0f} us, {} nodes\n", name, Microseconds() - begin,
             constraints->size());
  Report("first answer", Measure(tokenizer, constraints, 1));
  std::vector<double> all;
  for (unsigned seed = 2; seed < 12; ++seed) {
    const auto costs = Measure(tokenizer, constraints, seed);
    all.insert(all.end(), costs.begin(), costs.end());
  }
  Report("ten more", std::move(all));
}

void Run(const std::string& bytes_only) {
  const text::Tokenizer tokenizer = MakeTokenizer(bytes_only);
  const double begin = Microseconds();
  const auto vocabulary = ConstraintVocabulary::Make(tokenizer).value();
  fmt::print("vocabulary: {:.0f} us, {} nodes\n", Microseconds() - begin,
             vocabulary->trie().nodes().size());
  RunTool("lengths", kTool, tokenizer, vocabulary);
  RunTool("patterns", kPatternTool, tokenizer, vocabulary);
  RunTool("large patterns", kLargePatternTool, tokenizer, vocabulary);
}

// Every value is bounded, so that calls end whatever the model means.
constexpr const char* kShortTool = R"({"name": "edit", "parameters": {"type": "object",
  "properties": {"path": {"type": "string", "maxLength": 24}, "mode": {"enum": ["read", "write"]},
    "line": {"type": "integer", "minimum": 1, "maximum": 99999}, "keep": {"type": "boolean"}},
  "required": ["path", "mode", "line", "keep"]}})";

// Answers of a model under way alone. Log probabilities have the engine go token by token.
void MeasureCalls(engine::Engine& engine, const std::shared_ptr<AnswerConstraints>& constraints,
                  bool one_by_one) {
  constexpr int kAnswers = 10;
  int64_t tokens = 0;
  double seconds = 0;
  const int64_t forced = engine.statistics().forced_tokens;
  const int64_t steps = engine.statistics().steps;
  for (uint64_t seed = 0; seed < kAnswers; ++seed) {
    std::string error;
    engine::Request request;
    request.prompt = engine.Tokenize("Say.", false, &error).value();
    request.sampling.seed = seed;
    request.logprobs = one_by_one;
    request.constraint = std::make_shared<AnswerConstraint>(constraints);
    request.on_done = [&](const engine::Completion& done) {
      tokens += done.stats.generated_tokens;
      seconds += done.stats.decode_seconds;
    };
    engine.Submit(std::move(request));
    while (engine.Step()) {
    }
  }
  fmt::print("{}: {} tokens of which {} forced, {} steps, {:.2f} s, {:.1f} tokens/s\n",
             one_by_one ? "one by one" : "together", tokens,
             engine.statistics().forced_tokens - forced, engine.statistics().steps - steps, seconds,
             static_cast<double>(tokens) / seconds);
}

void RunModel(const std::string& directory) {
  const text::Tokenizer tokenizer = text::Tokenizer::Load(directory + "/tokenizer.json").value();
  const auto vocabulary = ConstraintVocabulary::Make(tokenizer).value();
  const auto constraints =
      AnswerConstraints::Make(vocabulary, {.calls = AnswerOptions::Calls::kRequired,
                                           .tools = {text::ReadJson(kShortTool, "tool").value()},
                                           .allows_parallel_calls = false})
          .value();
  const auto opened = engine::Engine::Open(directory, {.threads = 1, .context = 4096});
  for (const bool one_by_one : {true, false, true, false})
    MeasureCalls(*opened.engine, constraints, one_by_one);
}

}  // namespace
}  // namespace fathom::constraint

// The argument is the directory of a model whose tokenizer has bytes alone, such as
// tests/models/recall.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string directory = argv[1];
  fathom::constraint::Run(directory + "/tokenizer.json");
  fathom::constraint::RunModel(directory);
}
