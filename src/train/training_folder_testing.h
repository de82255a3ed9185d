// A folder with everything that a small training needs.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>

#include "base/temporary_folder_testing.h"
#include "data/bpe_trainer.h"
#include "train/tiny_model_testing.h"

namespace fathom::train {

/// Dense and sparse stages, with and without rounding and a crowd, five steps in all.
inline constexpr const char* kTinyRecipe = R"(
model = "config.json"
tokenizer = "tokenizer.json"
seed = 7
save_steps = 2
batch_tokens = 64

[[stage]]
steps = 3
length = 64
step_tokens = 128
sparse = false
recall = 1

[[stage]]
steps = 2
length = 160
step_tokens = 160
rounding = true
positions = 4096
crowd = 1024
rate_end = 0.1
recall = 1
tools = 1
)";

/// A temporary folder with config.json, tokenizer.json and recipe.toml, removed at the end.
class TrainingFolder {
 public:
  TrainingFolder() {
    constexpr int kVocab = 384;
    auto config = nlohmann::ordered_json::parse(TinyConfigJson());
    config["vocab_size"] = kVocab;
    Write("config.json", config.dump());
    const auto tokenizer =
        data::TrainTokenizer(data::MakeTokenizerTexts(1, 2), {.vocab_size = kVocab});
    if (!tokenizer.ok()) throw std::runtime_error(tokenizer.error().message);
    Write("tokenizer.json", *tokenizer);
    Write("recipe.toml", kTinyRecipe);
  }

  std::string operator/(const std::string& name) const { return folder_ / name; }
  bool Has(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    if (!file.is_open()) throw std::runtime_error(name + " is not there");
    return (std::ostringstream() << file.rdbuf()).str();
  }

 private:
  base::TemporaryFolder folder_;
};

}  // namespace fathom::train
