#include "train/recipe.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

namespace fathom::train {
namespace {

// Of every integer: sums and products of two stay far from the end of their type.
constexpr int64_t kMost = int64_t{1} << 30;

// Reads the keys of one table. The first error stays; at the end, keys that nobody read are one.
class TableReader {
 public:
  TableReader(const toml::table& table, std::string where)
      : table_(table), where_(std::move(where)) {}

  void Integer(std::string_view key, int64_t least, int64_t& value, bool required = false) {
    const toml::node* node = Find(key, required);
    if (node == nullptr) return;
    const auto found = node->value_exact<int64_t>();
    if (!found || *found < least || *found > kMost)
      return Fail(key, fmt::format("expected an integer from {} to {}", least, kMost));
    value = *found;
  }

  void Number(std::string_view key, double& value) {
    const toml::node* node = Find(key, false);
    if (node == nullptr) return;
    const auto found = node->value<double>();
    if (!found || !node->is_number() || !std::isfinite(*found) || *found < 0)
      return Fail(key, "expected a number of at least 0");
    value = *found;
  }

  void Share(std::string_view key, double& value) {
    Number(key, value);
    if (value > 1) Fail(key, "expected a share of at most 1");
  }

  void Boolean(std::string_view key, bool& value) {
    const toml::node* node = Find(key, false);
    if (node == nullptr) return;
    if (!node->is_boolean()) return Fail(key, "expected true or false");
    value = *node->value<bool>();
  }

  void Text(std::string_view key, std::string& value) {
    const toml::node* node = Find(key, true);
    if (node == nullptr) return;
    if (!node->is_string()) return Fail(key, "expected a text");
    value = *node->value<std::string>();
  }

  void Texts(std::string_view key, std::vector<std::string>& values) {
    const toml::node* node = Find(key, false);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return Fail(key, "expected a list of texts");
    for (const toml::node& element : *array) {
      if (!element.is_string()) return Fail(key, "expected a list of texts");
      values.push_back(*element.value<std::string>());
    }
  }

  const toml::node* Find(std::string_view key, bool required) {
    read_.insert(std::string(key));
    const toml::node* node = table_.get(key);
    if (node == nullptr && required) Fail(key, "is missing");
    return node;
  }

  void Fail(std::string_view key, std::string_view what) {
    if (!error_) error_ = base::MakeError("{}{}: {}", where_, key, what);
  }

  base::Status Finish() {
    for (const auto& [key, value] : table_)
      if (!read_.contains(std::string(key.str()))) Fail(key.str(), "is no key of a recipe");
    return error_ ? base::Status(*error_) : base::Status();
  }

 private:
  const toml::table& table_;
  std::string where_;
  std::set<std::string> read_;
  std::optional<base::Error> error_;
};

// Tables are sorted by key, and comments are not in them.
std::string ToText(const toml::table& table) { return (std::ostringstream() << table).str(); }

void ReadTexts(TableReader& reader, StepTexts& texts) {
  reader.Integer("length", 8, texts.length, true);
  reader.Integer("step_tokens", 1, texts.step_tokens, true);
  reader.Integer("positions", 0, texts.positions);
  reader.Number("recall", texts.shares.recall);
  reader.Number("tools", texts.shares.tools);
  reader.Number("chat", texts.shares.chat);
  reader.Number("prose", texts.shares.prose);
  reader.Integer("facts", 0, texts.recall.facts);
  reader.Share("filler", texts.recall.filler);
  reader.Share("restated", texts.recall.restated);
  reader.Share("several", texts.recall.several);
  reader.Share("words", texts.recall.words);
  reader.Share("numbers", texts.recall.numbers);
  reader.Share("decoys", texts.recall.decoys);
  reader.Share("invented", texts.recall.invented);
  reader.Share("reworded", texts.recall.reworded);
  reader.Share("shorter", texts.recall.shorter);
  reader.Share("brief", texts.sessions.brief);
  reader.Share("remember", texts.sessions.remember);
  reader.Share("pairs", texts.sessions.pairs);
  reader.Share("few_cities", texts.sessions.few_cities);
  reader.Share("weather", texts.sessions.weather);
  reader.Share("orders", texts.sessions.orders);
  reader.Share("notes", texts.sessions.notes);
}

base::Result<Stage> ReadStage(const toml::table& table, const std::string& where) {
  Stage stage;
  TableReader reader(table, where);
  reader.Integer("steps", 1, stage.steps, true);
  ReadTexts(reader, stage);
  reader.Boolean("sparse", stage.sparse);
  reader.Integer("window", 0, stage.window);
  reader.Boolean("rounding", stage.rounding);
  reader.Number("rate", stage.rate);
  stage.rate_end = stage.rate;
  reader.Number("rate_end", stage.rate_end);
  reader.Number("mtp", stage.mtp);
  reader.Integer("crowd", 0, stage.crowd);
  if (stage.crowd % kCrowdPassage != 0)
    reader.Fail("crowd", fmt::format("expected a multiple of {}", kCrowdPassage));
  if (stage.crowd > 0 && stage.length <= kLongestBlock)
    reader.Fail("crowd", fmt::format("expected a length of more than {}", kLongestBlock));
  if (stage.crowd > 0 && stage.positions < stage.crowd + 2 * stage.length + 2 * kLongestBlock)
    reader.Fail("crowd", "does not fit into positions with twice the length");
  double context = stage.weights.context;
  reader.Number("context_weight", context);
  stage.weights.context = static_cast<float>(context);
  reader.Integer("context_step", 1, stage.weights.context_step);
  FATHOM_TRY(reader.Finish());
  stage.text = ToText(table);
  return stage;
}

base::Result<Exam> ReadExam(const toml::table& table, const std::string& where) {
  // It is a column of a table, and the name of a line of a chart.
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_";
  Exam exam;
  TableReader reader(table, where);
  reader.Text("name", exam.name);
  if (exam.name.empty() || exam.name.find_first_not_of(kLetters) != std::string::npos)
    reader.Fail("name", "expected letters, digits, spaces, '-' and '_'");
  ReadTexts(reader, exam);
  exam.weights.context = 0;
  FATHOM_TRY(reader.Finish());
  return exam;
}

// The tables of a list, each read by `read`.
template <typename Table, typename Read>
base::Status ReadTables(const toml::node* node, std::string_view key, const std::string& source,
                        const Read& read, std::vector<Table>& out) {
  if (node == nullptr) return {};
  const toml::array* tables = node->as_array();
  if (tables == nullptr) return base::MakeError("{}: {}: expected [[{}]]", source, key, key);
  for (size_t i = 0; i < tables->size(); ++i) {
    const std::string where = fmt::format("{}: {} {}: ", source, key, i + 1);
    const toml::table* table = tables->get(i)->as_table();
    if (table == nullptr) return base::MakeError("{}expected a table", where);
    FATHOM_ASSIGN(Table found, read(*table, where));
    out.push_back(std::move(found));
  }
  return {};
}

// Two of one name would be one line of the chart.
base::Status CheckNames(const std::vector<Exam>& exams, const std::string& source) {
  std::set<std::string> names;
  for (size_t i = 0; i < exams.size(); ++i)
    if (!names.insert(exams[i].name).second)
      return base::MakeError("{}: exam {}: name: another exam has it", source, i + 1);
  return {};
}

base::Status ReadData(const toml::node* node, const std::string& source, Recipe& recipe) {
  if (node == nullptr) return {};
  const toml::table* table = node->as_table();
  if (table == nullptr) return base::MakeError("{}: data: expected a table", source);
  TableReader reader(*table, source + ": data: ");
  double prose_weight = recipe.mixture.prose_weight;
  reader.Number("prose_weight", prose_weight);
  reader.Texts("prose", recipe.prose);
  recipe.mixture.prose_weight = static_cast<float>(prose_weight);
  return reader.Finish();
}

base::Result<Recipe> ReadRecipe(const toml::table& table, const std::string& source) {
  Recipe recipe;
  TableReader reader(table, source + ": ");
  reader.Text("model", recipe.model);
  reader.Text("tokenizer", recipe.tokenizer);
  int64_t seed = 1;
  reader.Integer("seed", 0, seed);
  recipe.seed = static_cast<uint64_t>(seed);
  reader.Number("muon_rate", recipe.muon_rate);
  reader.Number("adamw_rate", recipe.adamw_rate);
  reader.Integer("warmup_steps", 0, recipe.warmup_steps);
  reader.Number("indexer", recipe.indexer);
  reader.Number("balance", recipe.balance);
  reader.Number("bias_rate", recipe.bias_rate);
  reader.Integer("dense_every", 0, recipe.dense_every);
  reader.Integer("batch_tokens", 1, recipe.batch_tokens);
  reader.Integer("save_steps", 1, recipe.save_steps);
  const toml::node* data = reader.Find("data", false);
  const toml::node* stages = reader.Find("stage", false);
  const toml::node* exams = reader.Find("exam", false);
  reader.Integer("exam_steps", 1, recipe.exam_steps);
  FATHOM_TRY(reader.Finish());
  FATHOM_TRY(ReadData(data, source, recipe));
  FATHOM_TRY(ReadTables(stages, "stage", source, ReadStage, recipe.stages));
  if (recipe.stages.empty())
    return base::MakeError("{}: stage: expected at least one [[stage]]", source);
  FATHOM_TRY(ReadTables(exams, "exam", source, ReadExam, recipe.exams));
  FATHOM_TRY(CheckNames(recipe.exams, source));
  toml::table rest = table;
  for (const char* key : {"stage", "exam", "exam_steps"}) rest.erase(key);
  recipe.text = ToText(rest);
  const auto directory = std::filesystem::path(source).parent_path();
  const auto resolve = [&](std::string& path) { path = (directory / path).string(); };
  resolve(recipe.model);
  resolve(recipe.tokenizer);
  std::for_each(recipe.prose.begin(), recipe.prose.end(), resolve);
  return recipe;
}

}  // namespace

int64_t Recipe::steps() const {
  int64_t sum = 0;
  for (const Stage& stage : stages) sum += stage.steps;
  return sum;
}

std::string TextUpTo(const Recipe& recipe, int64_t steps) {
  std::string text = recipe.text;
  int64_t first = 0;
  for (const Stage& stage : recipe.stages) {
    if (first >= steps) break;
    text += "\n\n[[stage]]\n" + stage.text;
    first += stage.steps;
  }
  return text;
}

StepPlace FindStep(const Recipe& recipe, int64_t step) {
  StepPlace place;
  int64_t within = step;
  while (within >= recipe.stages[static_cast<size_t>(place.index)].steps)
    within -= recipe.stages[static_cast<size_t>(place.index++)].steps;
  const Stage& stage = recipe.stages[static_cast<size_t>(place.index)];
  const double share = static_cast<double>(within) / static_cast<double>(stage.steps);
  const double warmup =
      static_cast<double>(step + 1) / static_cast<double>(recipe.warmup_steps + 1);
  place.stage = &stage;
  place.rate = (stage.rate + (stage.rate_end - stage.rate) * share) * std::min(warmup, 1.0);
  return place;
}

base::Result<Recipe> ParseRecipe(std::string_view text, const std::string& source) {
  try {
    return ReadRecipe(toml::parse(text), source);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    return base::MakeError("{}: line {}, column {}: {}", source, at.line, at.column,
                           error.description());
  }
}

}  // namespace fathom::train
