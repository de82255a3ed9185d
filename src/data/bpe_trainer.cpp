#include "data/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <queue>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "data/chat.h"
#include "data/random.h"
#include "data/recall_document.h"
#include "data/tool_session.h"
#include "text/byte_level.h"
#include "text/pre_tokenizer.h"
#include "text/prompt_encoder.h"
#include "text/protocol_strings.h"

namespace fathom::data {
namespace {

using Json = nlohmann::ordered_json;

// In the order of their ids. Padding and the tasks' tokens are there so that any prompt of the
// format has its tokens.
constexpr auto kSpecialTokens = std::to_array<std::string_view>(
    {text::kBeginOfSentence, text::kEndOfSentence, "<｜▁pad▁｜>", text::kUserToken,
     text::kAssistantToken, text::kLatestReminderToken, text::kThinkBegin, text::kThinkEnd,
     "｜DSML｜", "<｜action｜>", "<｜query｜>", "<｜authority｜>", "<｜domain｜>", "<｜title｜>",
     "<｜read_url｜>", "<｜extracted_url｜>"});
constexpr auto kFirstByte = static_cast<int32_t>(kSpecialTokens.size());

// DeepSeek's cuts: digits by threes; runs of Chinese and Japanese; a mark with the letters behind
// it, words with the space before them, punctuation, line ends, and spaces.
constexpr auto kSplits = std::to_array<std::string_view>(
    {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+",
     "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?"
     "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"});

Json PreTokenizerJson() {
  Json steps = Json::array();
  for (const std::string_view split : kSplits)
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", split}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  steps.push_back({{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"trim_offsets", true},
                   {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

// Calls emit(part) for the parts of a text between special tokens.
template <typename Emit>
base::Status SplitAtSpecials(std::string_view text, const Emit& emit) {
  while (!text.empty()) {
    size_t begin = text.size();
    size_t length = 0;
    for (const std::string_view special : kSpecialTokens) {
      const size_t at = text.find(special);
      if (at >= begin) continue;
      begin = at;
      length = special.size();
    }
    if (begin > 0) FATHOM_TRY(emit(text.substr(0, begin)));
    text.remove_prefix(begin + length);
  }
  return {};
}

using Pair = std::pair<int32_t, int32_t>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    return static_cast<size_t>(
        MixSeed(static_cast<uint64_t>(pair.first), static_cast<uint64_t>(pair.second)));
  }
};

// Distinct pieces, and how the merges so far cut them.
class MergeCounter {
 public:
  explicit MergeCounter(const std::map<std::string, int64_t>& pieces) {
    for (const auto& [piece, count] : pieces) {
      Word word = {{}, count};
      for (const char byte : piece) word.symbols.push_back(kFirstByte + static_cast<uint8_t>(byte));
      words_.push_back(std::move(word));
      AddPairs(words_.size() - 1, 1);
    }
    for (const auto& [pair, entry] : pairs_) queue_.push({entry.count, pair});
  }

  /// The most frequent pair that occurs at least so often.
  std::optional<Pair> Best(int64_t least_count) {
    while (!queue_.empty()) {
      const Candidate top = queue_.top();
      const int64_t count = pairs_[top.pair].count;
      if (top.count == count) return count >= least_count ? std::optional(top.pair) : std::nullopt;
      // Counts in the queue are never too low but for pairs that grew, which were queued again.
      queue_.pop();
      if (count > 0 && count < top.count) queue_.push({count, top.pair});
    }
    return std::nullopt;
  }

  void Merge(const Pair& pair, int32_t merged) {
    const std::set<size_t> words = std::move(pairs_[pair].words);
    std::set<Pair> changed;
    for (const size_t w : words) {
      AddPairs(w, -1);
      MergeWord(words_[w].symbols, pair, merged);
      AddPairs(w, 1);
      const auto& symbols = words_[w].symbols;
      for (size_t i = 0; i + 1 < symbols.size(); ++i)
        if (symbols[i] == merged || symbols[i + 1] == merged)
          changed.insert({symbols[i], symbols[i + 1]});
    }
    pairs_.erase(pair);
    for (const Pair& grown : changed) queue_.push({pairs_[grown].count, grown});
  }

 private:
  struct Word {
    std::vector<int32_t> symbols;
    int64_t count;
  };
  struct Entry {
    int64_t count = 0;
    std::set<size_t> words;  // all that hold the pair, and some that did
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  static void MergeWord(std::vector<int32_t>& symbols, const Pair& pair, int32_t merged) {
    size_t to = 0;
    for (size_t from = 0; from < symbols.size(); ++to) {
      const bool is_pair = from + 1 < symbols.size() && symbols[from] == pair.first &&
                           symbols[from + 1] == pair.second;
      symbols[to] = is_pair ? merged : symbols[from];
      from += is_pair ? 2 : 1;
    }
    symbols.resize(to);
  }

  void AddPairs(size_t w, int64_t sign) {
    const Word& word = words_[w];
    for (size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      Entry& entry = pairs_[{word.symbols[i], word.symbols[i + 1]}];
      entry.count += sign * word.count;
      if (sign > 0) entry.words.insert(w);
    }
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, Entry, PairHash> pairs_;
  std::priority_queue<Candidate> queue_;
};

// Digits stay single. Numbers that are to be copied exactly are spelt in ten tokens then, which a
// small model learns to copy at once; of a thousand it would have to learn each one.
bool IsNumber(std::string_view piece) { return piece.front() >= '0' && piece.front() <= '9'; }

base::Result<std::map<std::string, int64_t>> CountPieces(const std::vector<std::string>& texts) {
  FATHOM_ASSIGN(const auto cutter,
                text::PreTokenizer::FromJson(PreTokenizerJson(), "pre_tokenizer"));
  std::map<std::string, int64_t> pieces;
  for (const std::string& text : texts)
    FATHOM_TRY(SplitAtSpecials(text, [&](std::string_view part) {
      return cutter.Split(part, [&](std::string_view piece) {
        if (!IsNumber(piece)) ++pieces[std::string(piece)];
      });
    }));
  return pieces;
}

Json AddedTokensJson() {
  Json tokens = Json::array();
  for (size_t id = 0; id < kSpecialTokens.size(); ++id)
    tokens.push_back({{"id", id},
                      {"content", kSpecialTokens[id]},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", true}});
  return tokens;
}

}  // namespace

base::Result<std::string> TrainTokenizer(const std::vector<std::string>& texts,
                                         const BpeOptions& options) {
  constexpr int32_t kLeast = kFirstByte + 256;
  if (options.vocab_size < kLeast)
    return base::MakeError("a vocabulary of {} is too small: special tokens and bytes are {}",
                           options.vocab_size, kLeast);
  FATHOM_ASSIGN(const auto pieces, CountPieces(texts));
  MergeCounter counter(pieces);
  std::vector<std::string> bytes(static_cast<size_t>(kFirstByte));  // of each token
  Json vocab = Json::object();
  Json merges = Json::array();
  for (int byte = 0; byte < 256; ++byte) {
    bytes.emplace_back(1, static_cast<char>(byte));
    vocab[text::SpellByteLevel(bytes.back())] = kFirstByte + byte;
  }
  for (int32_t id = kLeast; id < options.vocab_size; ++id) {
    const auto pair = counter.Best(options.least_count);
    if (!pair) break;
    const std::string left = bytes[static_cast<size_t>(pair->first)];
    const std::string right = bytes[static_cast<size_t>(pair->second)];
    merges.push_back({text::SpellByteLevel(left), text::SpellByteLevel(right)});
    bytes.push_back(left + right);
    vocab[text::SpellByteLevel(bytes.back())] = id;
    counter.Merge(*pair, id);
  }
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", true},
                           {"trim_offsets", true},
                           {"use_regex", true}};
  const Json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", AddedTokensJson()},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", PreTokenizerJson()},
                     {"post_processor", nullptr},
                     {"decoder", byte_level},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"vocab", vocab},
                       {"merges", merges}}}};
  return file.dump() + "\n";
}

std::vector<std::string> MakeTokenizerTexts(uint64_t seed, int64_t documents) {
  std::vector<std::string> texts;
  const auto add = [&](const text::Conversation& conversation) {
    const auto prompt = text::EncodePrompt(conversation, {.add_generation_prompt = false});
    FATHOM_CHECK(prompt.ok());
    texts.push_back(prompt->text());
  };
  Random random(seed);
  for (int64_t i = 0; i < documents; ++i) {
    const RecallDocument document = MakeRecallDocument({.seed = random.Bits(), .facts = 30});
    text::Conversation questions;
    questions.messages.push_back({.role = text::Role::kSystem, .content = document.text});
    for (const RecallFact& fact : document.facts)
      questions.messages.push_back({.role = text::Role::kUser, .content = RecallQuestion(fact)});
    add(questions);
    add(ToConversation(MakeToolSession({.seed = random.Bits(), .turns = 20})));
    add(MakeChat(random.Bits()));
  }
  return texts;
}

}  // namespace fathom::data
