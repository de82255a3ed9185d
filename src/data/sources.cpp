#include "data/sources.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/chat.h"
#include "data/random.h"
#include "data/recall_document.h"
#include "data/tool_session.h"

namespace fathom::data {
namespace {

// Questions about a document in the order asked, until about `tokens` tokens are used.
struct Interview {
  const RecallDocument& document;
  const RecallMixture& recall;
  double question_tokens;

  void Append(double tokens, Random& random, std::vector<text::Message>& messages) const {
    do {
      const bool asks_several = document.facts.size() > 1 && random.Chance(recall.several);
      const size_t count = asks_several ? static_cast<size_t>(random.Between(
                                              2, std::min<int64_t>(8, std::ssize(document.facts))))
                                        : 1;
      std::vector<RecallFact> facts;
      for (size_t i = 0; i < count; ++i) facts.push_back(random.Pick(document.facts));
      messages.push_back(
          {.role = text::Role::kUser,
           .content = asks_several ? RecallQuestion(facts) : Ask(facts.front(), random)});
      messages.push_back({.role = text::Role::kAssistant,
                          .content = asks_several ? RecallAnswer(facts) : facts.front().code});
      tokens -= question_tokens * static_cast<double>(count);
    } while (tokens > 0);
  }

 private:
  std::string Ask(const RecallFact& fact, Random& random) const {
    if (recall.reworded > 0 && random.Chance(recall.reworded))
      return RewordedRecallQuestion(fact, random.Bits());
    return RecallQuestion(fact);
  }
};

text::Conversation MakeTools(const ToolSessionOptions& options, bool is_brief) {
  const ToolSession session = MakeToolSession(options);
  return is_brief ? ToBriefConversation(session) : ToConversation(session);
}

// From `least` to `most`, every order of magnitude alike.
int64_t LogUniform(double least, double most, Random& random) {
  return static_cast<int64_t>(least * std::pow(std::max(most / least, 1.0), random.Uniform()));
}

}  // namespace

base::Result<Mixture> Mixture::Create(const text::Tokenizer& tokenizer, MixtureOptions options) {
  const MixtureShares& shares = options.shares;
  if (shares.recall + shares.tools + shares.chat + shares.prose <= 0)
    return base::MakeError("the mixture's shares are all 0");
  if (shares.prose > 0 && options.prose.empty())
    return base::MakeError("prose has a share of the mixture, but there are no texts");
  Mixture mixture(tokenizer, std::move(options));
  FATHOM_TRY(mixture.MeasureTokens());
  return mixture;
}

base::Result<double> Mixture::MeasureDocument(std::span<const std::string> prose) const {
  constexpr int64_t kProbeBytes = 8000;
  const std::string text =
      MakeRecallDocument({.facts = 40, .bytes = kProbeBytes, .prose = prose}).text;
  FATHOM_ASSIGN(const auto ids, tokenizer_->EncodePlain(text));
  return static_cast<double>(text.size()) / static_cast<double>(ids.size());
}

// Lengths are asked for in tokens, and documents are made in bytes and turns: a probe of each tells
// the ratio.
base::Status Mixture::MeasureTokens() {
  FATHOM_ASSIGN(document_bytes_, MeasureDocument({}));
  FATHOM_ASSIGN(prose_bytes_, MeasureDocument(options_.prose));
  const RecallDocument document = MakeRecallDocument({.facts = 1});
  FATHOM_ASSIGN(const auto question, tokenizer_->EncodePlain(RecallQuestion(document.facts[0])));
  constexpr double kMarks = 8;  // the turn's special tokens, and the answer
  question_tokens_ = static_cast<double>(question.size()) + kMarks;
  FATHOM_ASSIGN(tools_, MeasureTools(false));
  FATHOM_ASSIGN(brief_tools_, MeasureTools(true));
  return {};
}

base::Result<Mixture::SessionTokens> Mixture::MeasureTools(bool is_brief) const {
  constexpr int64_t kTurns = 21;
  ToolSessionOptions session = {
      .turns = 1, .remember = options_.sessions.remember, .pairs = options_.sessions.pairs};
  Sample one, many;
  FATHOM_TRY(AppendConversation(*tokenizer_, MakeTools(session, is_brief), {}, one));
  session.turns = kTurns;
  FATHOM_TRY(AppendConversation(*tokenizer_, MakeTools(session, is_brief), {}, many));
  const double turn = static_cast<double>(many.size() - one.size()) / (kTurns - 1);
  return SessionTokens{static_cast<double>(one.size()) - turn, turn};
}

Mixture::Kind Mixture::PickKind(double at) const {
  const MixtureShares& shares = options_.shares;
  at *= shares.recall + shares.tools + shares.chat + shares.prose;
  if ((at -= shares.recall) < 0) return Kind::kRecall;
  if ((at -= shares.tools) < 0) return Kind::kTools;
  if ((at -= shares.chat) < 0) return Kind::kChat;
  return shares.prose > 0 ? Kind::kProse : Kind::kRecall;
}

// A document of at most so many bytes.
RecallDocument Mixture::MakeDocument(double bytes, std::span<const std::string> prose,
                                     Random& random) const {
  const RecallMixture& recall = options_.recall;
  constexpr double kStatementBytes = 36;
  double most = std::clamp(bytes / kStatementBytes, 1.0, kMaxRecallFacts / 4.0);
  if (recall.facts > 0) most = std::min(most, static_cast<double>(recall.facts));
  const bool numbers = recall.numbers > 0 && random.Chance(recall.numbers);
  if (numbers) most = std::min(most, kMaxNumberedFacts / 4.0);
  const bool invented = !numbers && recall.invented > 0 && random.Chance(recall.invented);
  const int64_t facts = LogUniform(std::min(3.0, most), most, random);
  const double stated = static_cast<double>(facts) * kStatementBytes;
  if (recall.filler < 1) bytes = std::min(bytes, stated / (1 - recall.filler));
  return MakeRecallDocument({.seed = random.Bits(),
                             .facts = facts,
                             .bytes = static_cast<int64_t>(bytes),
                             .restated = random.Chance(recall.restated) ? 0.3 : 0,
                             .words = recall.words > 0 && random.Chance(recall.words),
                             .numbers = numbers,
                             .invented = invented,
                             .decoys = recall.decoys,
                             .prose = prose});
}

base::Status Mixture::AppendRecall(uint64_t seed, int64_t tokens, Sample& sample) const {
  constexpr double kProseShare = 0.25;
  constexpr double kFewestTokens = 40;  // a fact and a question
  Random random(seed);
  // As what people type: of any length, and without a newline at the end.
  const bool is_shorter = options_.recall.shorter > 0 && random.Chance(options_.recall.shorter);
  if (is_shorter) tokens = LogUniform(kFewestTokens, static_cast<double>(tokens), random);
  const bool has_prose = options_.shares.prose > 0 && random.Chance(kProseShare);
  const double token_bytes = has_prose ? prose_bytes_ : document_bytes_;
  const double share = 0.3 + 0.6 * random.Uniform();  // the rest is for questions
  RecallDocument document =
      MakeDocument(static_cast<double>(tokens) * share * token_bytes,
                   has_prose ? options_.prose : std::span<const std::string>(), random);
  if (is_shorter) document.text.pop_back();
  const double document_tokens = static_cast<double>(document.text.size()) / token_bytes;
  text::Conversation conversation;
  const bool is_system = random.Chance(0.5);
  if (is_system)
    conversation.messages.push_back({.role = text::Role::kSystem, .content = document.text});
  Interview{document, options_.recall, question_tokens_}.Append(
      static_cast<double>(tokens) - document_tokens, random, conversation.messages);
  if (!is_system) {
    std::string& first = conversation.messages.front().content;
    first = document.text + "\n" + first;
  }
  return AppendConversation(*tokenizer_, conversation, options_.weights, sample);
}

base::Status Mixture::AppendTools(uint64_t seed, int64_t tokens, Sample& sample) const {
  const bool is_brief = options_.sessions.brief > 0 && Random(seed).Chance(options_.sessions.brief);
  const SessionTokens& of = is_brief ? brief_tools_ : tools_;
  const double turns = (static_cast<double>(tokens) - of.beginning) / of.turn;
  ToolSessionOptions session = {.seed = seed,
                                .turns = std::max<int64_t>(1, std::llround(turns)),
                                .remember = options_.sessions.remember,
                                .pairs = options_.sessions.pairs};
  Random random(MixSeed(seed, 1));
  if (random.Chance(options_.sessions.few_cities))
    session.cities = 2 + static_cast<int64_t>(random.Below(3));
  if (random.Chance(options_.sessions.weather))
    session.only = {Tool::kWeather};
  else if (random.Chance(options_.sessions.orders))
    session.only = {Tool::kOrder};
  else if (random.Chance(options_.sessions.notes))
    session.only = {Tool::kSaveNote, Tool::kReadNote};
  return AppendConversation(*tokenizer_, MakeTools(session, is_brief), options_.weights, sample);
}

base::Status Mixture::AppendProse(uint64_t seed, int64_t tokens, Sample& sample) const {
  Random random(seed);
  auto at = static_cast<size_t>(random.Below(options_.prose.size()));
  std::string text;
  while (std::ssize(text) < 4 * tokens && at < options_.prose.size())
    text += options_.prose[at++] + "\n";
  return AppendText(*tokenizer_, text, options_.prose_weight, sample);
}

base::Status Mixture::Append(Kind kind, uint64_t seed, int64_t tokens, Sample& sample) const {
  switch (kind) {
    case Kind::kRecall:
      return AppendRecall(seed, tokens, sample);
    case Kind::kTools:
      return AppendTools(seed, tokens, sample);
    case Kind::kChat:
      return AppendConversation(*tokenizer_, MakeChat(seed), options_.weights, sample);
    case Kind::kProse:
      return AppendProse(seed, tokens, sample);
  }
  return {};
}

base::Result<Sample> Mixture::Make(uint64_t seed, int64_t length) const {
  Random random(seed);
  Sample sample;
  // A sample is of one kind, which fills it; what is short is repeated with other contents.
  const Kind kind = PickKind(random.Uniform());
  while (sample.size() < length)
    FATHOM_TRY(Append(kind, random.Bits(), length - sample.size(), sample));
  sample.tokens.resize(static_cast<size_t>(length));
  sample.weights.resize(static_cast<size_t>(length));
  return sample;
}

base::Result<std::vector<int64_t>> Mixture::MakeFiller(uint64_t seed, int64_t length) const {
  Random random(seed);
  std::vector<int64_t> tokens;
  while (std::ssize(tokens) < length) {
    const auto bytes = static_cast<int64_t>(static_cast<double>(length) * document_bytes_);
    const std::string text =
        MakeRecallDocument({.seed = random.Bits(), .facts = 1, .bytes = bytes}).text;
    // Its only fact is its first line.
    FATHOM_ASSIGN(const auto ids, tokenizer_->EncodePlain(text.substr(text.find('\n') + 1)));
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  }
  tokens.resize(static_cast<size_t>(length));
  return tokens;
}

}  // namespace fathom::data
