#include "text/tokenizer_file.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "text/byte_level.h"
#include "text/json_field.h"
#include "text/utf8.h"

namespace fathom::text {
namespace {

using nlohmann::json;

// The byte of each character below U+0144; -1 where there is none.
const std::array<int, 0x144>& ByteOfCharacter() {
  static const std::array<int, 0x144> table = [] {
    std::array<int, 0x144> bytes;
    bytes.fill(-1);
    for (int byte = 0; byte < 256; ++byte)
      bytes[CharacterOfByte(static_cast<uint8_t>(byte))] = byte;
    return bytes;
  }();
  return table;
}

// The bytes that a key of the vocabulary spells, or nothing if it is not written in bytes.
std::optional<std::string> SpellBytes(std::string_view key) {
  std::string bytes;
  for (size_t at = 0; at < key.size();) {
    const size_t length = CharacterLength(key, at);
    const char32_t code_point = length == 0 ? 0 : CodePointAt(key, at, length);
    const auto& table = ByteOfCharacter();
    if (code_point >= table.size() || table[code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(table[code_point]));
    at += length;
  }
  return bytes;
}

base::Result<int32_t> ReadId(const json& value) {
  const bool in_range = value.is_number_unsigned() &&
                        value.get<uint64_t>() < static_cast<uint64_t>(Vocabulary::kMaxIds);
  if (in_range) return value.get<int32_t>();
  return base::MakeError("expected an id from 0 to {}, found {}", Vocabulary::kMaxIds - 1,
                         value.is_number() ? value.dump() : value.type_name());
}

// The two halves of a merge, in either spelling.
base::Result<std::pair<std::string_view, std::string_view>> ReadMergePair(const json& value) {
  if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
    return std::pair<std::string_view, std::string_view>(value[0].get_ref<const std::string&>(),
                                                         value[1].get_ref<const std::string&>());
  }
  if (value.is_string()) {
    const std::string_view text = value.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos) {
      return std::pair(text.substr(0, space), text.substr(space + 1));
    }
  }
  return base::MakeError("expected \"LEFT RIGHT\" or [\"LEFT\", \"RIGHT\"]");
}

class Parser {
 public:
  Parser(const json& root, const std::string& source) : root_(root), source_(source) {}

  base::Result<TokenizerFile> Run() {
    FATHOM_TRY(CheckNormalizer());
    FATHOM_TRY(CheckDecoder());
    FATHOM_ASSIGN(model_, RequireField(root_, "model", source_));
    FATHOM_TRY(CheckModel());
    FATHOM_TRY(ReadAddedTokens());
    FATHOM_TRY(ReadVocabulary());
    FATHOM_TRY(AddTokensBeyondVocabulary());
    FATHOM_TRY(FindByteTokens());
    FATHOM_TRY(ReadMerges());
    FATHOM_ASSIGN(const json* const cuts, RequireField(root_, "pre_tokenizer", source_));
    FATHOM_ASSIGN(file_.pre_tokenizer, PreTokenizer::FromJson(*cuts, Place("pre_tokenizer")));
    return std::move(file_);
  }

 private:
  std::string Place(std::string_view field) const { return fmt::format("{}: {}", source_, field); }

  base::Status CheckNormalizer() const;
  base::Status CheckDecoder() const;
  base::Status CheckModel();
  base::Status ReadAddedTokens();
  base::Result<AddedToken> ReadAddedToken(const json& value, const std::string& where) const;
  base::Status ReadVocabulary();
  base::Status AddVocabularyEntry(std::string_view key, const json& value);
  base::Status AddTokensBeyondVocabulary();
  base::Status FindByteTokens();
  base::Status ReadMerges();
  base::Status AddMerge(const json& value);
  base::Result<int32_t> FindKey(std::string_view key) const;

  const json& root_;
  const std::string& source_;
  const json* model_ = nullptr;
  TokenizerFile file_;
  std::unordered_map<std::string_view, int32_t> ids_;  // by the vocabulary's own spelling
  std::unordered_set<int32_t> special_ids_;
};

base::Status Parser::CheckNormalizer() const {
  const auto normalizer = root_.find("normalizer");
  if (normalizer == root_.end() || normalizer->is_null()) return {};
  FATHOM_ASSIGN(const std::string type, ReadType(*normalizer, Place("normalizer")));
  if (type == "Sequence") {
    FATHOM_ASSIGN(const json* const parts,
                  RequireField(*normalizer, "normalizers", Place("normalizer")));
    if (parts->is_array() && parts->empty()) return {};
    return base::MakeError("{}: expected none", Place("normalizer.normalizers"));
  }
  return base::MakeError("{}: unknown component {}", Place("normalizer"), Quote(type));
}

base::Status Parser::CheckDecoder() const {
  const auto decoder = root_.find("decoder");
  if (decoder == root_.end() || decoder->is_null()) return {};
  FATHOM_ASSIGN(const std::string type, ReadType(*decoder, Place("decoder")));
  if (type == "ByteLevel") return {};
  return base::MakeError("{}: unknown component {}", Place("decoder"), Quote(type));
}

base::Status Parser::CheckModel() {
  if (!model_->is_object()) {
    return base::MakeError("{}: expected an object, found {}", Place("model"), model_->type_name());
  }
  if (model_->contains("type")) {
    FATHOM_ASSIGN(const std::string type, ReadType(*model_, Place("model")));
    if (type != "BPE") return base::MakeError("{}: {} is not BPE", Place("model"), Quote(type));
  }
  // Random merges, and marks at the borders of words, would change every id.
  for (const char* const name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto field = model_->find(name);
    if (field == model_->end() || field->is_null()) continue;
    if (*field == json("") || *field == json(0.0)) continue;
    return base::MakeError("{}.{} is not supported", Place("model"), name);
  }
  FATHOM_ASSIGN(file_.ignore_merges, ReadBool(*model_, "ignore_merges", false, Place("model")));
  return {};
}

base::Result<AddedToken> Parser::ReadAddedToken(const json& value, const std::string& where) const {
  AddedToken token;
  FATHOM_ASSIGN(token.content, ReadString(value, "content", where));
  if (token.content.empty()) return base::MakeError("{}.content: empty", where);
  FATHOM_ASSIGN(const json* const id, RequireField(value, "id", where));
  const auto token_id = ReadId(*id);
  if (!token_id.ok()) return base::MakeError("{}.id: {}", where, token_id.error().message);
  token.id = *token_id;
  FATHOM_ASSIGN(token.special, ReadBool(value, "special", false, where));
  FATHOM_ASSIGN(token.single_word, ReadBool(value, "single_word", false, where));
  FATHOM_ASSIGN(token.lstrip, ReadBool(value, "lstrip", false, where));
  FATHOM_ASSIGN(token.rstrip, ReadBool(value, "rstrip", false, where));
  FATHOM_ASSIGN(token.normalized, ReadBool(value, "normalized", !token.special, where));
  return token;
}

base::Status Parser::ReadAddedTokens() {
  const auto tokens = root_.find("added_tokens");
  if (tokens == root_.end() || tokens->is_null()) return {};
  if (!tokens->is_array()) {
    return base::MakeError("{}: expected an array, found {}", Place("added_tokens"),
                           tokens->type_name());
  }
  std::unordered_set<std::string> contents;
  std::unordered_set<int32_t> ids;
  for (size_t i = 0; i < tokens->size(); ++i) {
    const std::string where = Place(fmt::format("added_tokens[{}]", i));
    FATHOM_ASSIGN(AddedToken token, ReadAddedToken((*tokens)[i], where));
    if (!ids.insert(token.id).second) {
      return base::MakeError("{}.id: {} is taken by another token", where, token.id);
    }
    if (!contents.insert(token.content).second) {
      return base::MakeError("{}.content: {} is listed twice", where, Quote(token.content));
    }
    if (token.special) special_ids_.insert(token.id);
    file_.added_tokens.push_back(std::move(token));
  }
  return {};
}

base::Status Parser::ReadVocabulary() {
  FATHOM_ASSIGN(const json* const vocab, RequireField(*model_, "vocab", Place("model")));
  if (!vocab->is_object()) {
    return base::MakeError("{}: expected an object, found {}", Place("model.vocab"),
                           vocab->type_name());
  }
  ids_.reserve(vocab->size());
  for (const auto& [key, value] : vocab->get_ref<const json::object_t&>()) {
    const base::Status added = AddVocabularyEntry(key, value);
    if (!added.ok()) {
      return base::MakeError("{}[{}]: {}", Place("model.vocab"), Quote(key), added.error().message);
    }
  }
  return {};
}

base::Status Parser::AddVocabularyEntry(std::string_view key, const json& value) {
  FATHOM_ASSIGN(const int32_t id, ReadId(value));
  if (file_.vocabulary.Has(id)) return base::MakeError("id {} is taken by another token", id);
  ids_.emplace(key, id);
  std::optional<std::string> bytes;
  if (!special_ids_.contains(id)) bytes = SpellBytes(key);
  // What is not written in bytes is an added token's text, kept as it is.
  file_.vocabulary.Add(id, bytes.has_value() ? *bytes : key);
  if (bytes.has_value()) {
    file_.vocabulary.Index(id);
    file_.mergeable.push_back(id);
  }
  return {};
}

base::Status Parser::AddTokensBeyondVocabulary() {
  for (const AddedToken& token : file_.added_tokens) {
    const auto known = ids_.find(token.content);
    if (known == ids_.end() ? file_.vocabulary.Has(token.id) : known->second != token.id) {
      return base::MakeError("{}: {} has id {}, which model.vocab contradicts",
                             Place("added_tokens"), Quote(token.content), token.id);
    }
    if (known == ids_.end()) file_.vocabulary.Add(token.id, token.content);
  }
  return {};
}

base::Status Parser::FindByteTokens() {
  for (int byte = 0; byte < 256; ++byte) {
    const char spelled = static_cast<char>(byte);
    const std::optional<int32_t> id = file_.vocabulary.Find(std::string_view(&spelled, 1));
    if (!id.has_value()) {
      return base::MakeError("{}: no token for byte 0x{:02X}", Place("model.vocab"), byte);
    }
    file_.byte_tokens[static_cast<size_t>(byte)] = *id;
  }
  return {};
}

base::Status Parser::ReadMerges() {
  FATHOM_ASSIGN(const json* const merges, RequireField(*model_, "merges", Place("model")));
  if (!merges->is_array()) {
    return base::MakeError("{}: expected an array, found {}", Place("model.merges"),
                           merges->type_name());
  }
  file_.merges.reserve(merges->size());
  for (size_t i = 0; i < merges->size(); ++i) {
    const base::Status added = AddMerge((*merges)[i]);
    if (!added.ok()) {
      return base::MakeError("{}[{}]: {}", Place("model.merges"), i, added.error().message);
    }
  }
  return {};
}

base::Status Parser::AddMerge(const json& value) {
  FATHOM_ASSIGN(const auto pair, ReadMergePair(value));
  MergeRule rule;
  FATHOM_ASSIGN(rule.left, FindKey(pair.first));
  FATHOM_ASSIGN(rule.right, FindKey(pair.second));
  FATHOM_ASSIGN(rule.merged, FindKey(std::string(pair.first).append(pair.second)));
  // Text must never become a special token, however it is spelled.
  if (!special_ids_.contains(rule.merged)) file_.merges.push_back(rule);
  return {};
}

base::Result<int32_t> Parser::FindKey(std::string_view key) const {
  const auto found = ids_.find(key);
  if (found == ids_.end()) return base::MakeError("{} is not in model.vocab", Quote(key));
  return found->second;
}

}  // namespace

base::Result<TokenizerFile> ParseTokenizerFile(std::string_view text, const std::string& source) {
  json root;
  try {
    root = json::parse(text);
  } catch (const json::parse_error& error) {
    return base::MakeError("{}: not valid JSON (at byte {})", source, error.byte);
  } catch (const json::exception&) {  // a number beyond the range of doubles
    return base::MakeError("{}: not valid JSON", source);
  }
  if (!root.is_object()) {
    return base::MakeError("{}: expected an object, found {}", source, root.type_name());
  }
  return Parser(root, source).Run();
}

}  // namespace fathom::text
