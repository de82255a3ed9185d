// What the tokenizer's tests share: a small tokenizer.json to change, and random text.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>

#include "base/file.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace fathom::text {

inline nlohmann::json ReadJsonFile(const std::string& path) {
  const auto text = base::ReadFile(std::string(FATHOM_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(text.ok()) << text.error().message;
  return nlohmann::json::parse(*text);
}

/// The bundled model's tokenizer.json: 256 byte tokens, no merges, ByteLevel alone.
inline nlohmann::json ByteTokenizerJson() {
  return ReadJsonFile("tests/models/recall/tokenizer.json");
}

/// A "pre_tokenizer" that cuts by the given steps.
inline nlohmann::json MakeSequence(std::initializer_list<nlohmann::json> steps) {
  nlohmann::json parts = steps;
  parts.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", parts}};
}

inline nlohmann::json MakeSplit(const std::string& regex, const std::string& behavior,
                                bool invert = false) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", regex}}},
          {"behavior", behavior},
          {"invert", invert}};
}

/// Adds a merge, and the token that it makes, to a tokenizer.json.
inline void AddMerge(nlohmann::json& file, const std::string& left, const std::string& right) {
  nlohmann::json& model = file["model"];
  const std::string merged = left + right;
  if (!model["vocab"].contains(merged)) model["vocab"][merged] = 1000 + model["vocab"].size();
  model["merges"].push_back({left, right});
}

inline nlohmann::json MakeAddedToken(int32_t id, const std::string& content, bool special) {
  return {{"id", id}, {"content", content}, {"special", special}, {"normalized", false}};
}

inline Tokenizer MustLoad(const nlohmann::json& file) {
  auto tokenizer = Tokenizer::FromJson(file.dump(), "test.json");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

/// The spellings of the tokens, for tests that care how a text was cut.
inline std::vector<std::string> Spell(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  std::vector<std::string> spellings;
  for (const int32_t id : ids) spellings.emplace_back(tokenizer.BytesOf(id));
  return spellings;
}

/// Bytes that are often, but not always, UTF-8: whole characters, halves of them, and noise.
inline std::string MakeRandomBytes(std::mt19937& random, size_t parts) {
  std::string text;
  for (size_t i = 0; i < parts; ++i) {
    std::string character;
    AppendUtf8(random() % 4 == 0 ? 0x10000 + random() % 0x100000 : random() % 0xD800, character);
    switch (random() % 6) {
      case 0:
        text.push_back(static_cast<char>(random()));
        break;
      case 1:
        text += character.substr(0, 1 + random() % character.size());
        break;
      case 2:
        text += character;
        break;
      default:
        text.push_back(static_cast<char>(0x20 + random() % 0x5F));
    }
  }
  return text;
}

}  // namespace fathom::text
