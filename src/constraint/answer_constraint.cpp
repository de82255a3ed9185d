#include "constraint/answer_constraint.h"

#include <optional>
#include <utility>

#include "constraint/answer_options_json.h"

namespace fathom::constraint {
namespace {

// More than any run of tags and names, and little to tokenize.
constexpr size_t kMaxForced = 4096;

Grammar MakeCommonGrammar() {
  Grammar grammar;
  AddCommonRules(&grammar);
  grammar.Finish();
  return grammar;
}

// The only symbol that can come, or nothing.
std::optional<Symbol> FindOnlySymbol(const Machine& machine, Machine::State state) {
  std::optional<Symbol> only;
  if (machine.MayEnd(state)) return only;
  for (const Thread& thread : machine.threads(state)) {
    for (const Edge& edge : machine.grammar().node(thread.node).edges) {
      if (edge.first != edge.last || (only && *only != edge.first)) return std::nullopt;
      only = edge.first;
    }
  }
  return only;
}

}  // namespace

base::Result<std::shared_ptr<const ConstraintVocabulary>> ConstraintVocabulary::Make(
    const text::Tokenizer& tokenizer) {
  FATHOM_ASSIGN(TokenTrie trie, TokenTrie::Make(tokenizer));
  return std::shared_ptr<const ConstraintVocabulary>(
      new ConstraintVocabulary(tokenizer, std::move(trie)));
}

ConstraintVocabulary::ConstraintVocabulary(const text::Tokenizer& tokenizer, TokenTrie trie)
    : tokenizer_(tokenizer),
      trie_(std::move(trie)),
      grammar_(MakeCommonGrammar()),
      common_(trie_, grammar_) {}

base::Result<std::shared_ptr<AnswerConstraints>> AnswerConstraints::Make(
    std::shared_ptr<const ConstraintVocabulary> vocabulary, const AnswerOptions& options) {
  FATHOM_ASSIGN(AnswerGrammar rules, MakeAnswerGrammar(options));
  return std::shared_ptr<AnswerConstraints>(
      new AnswerConstraints(std::move(vocabulary), std::move(rules), options));
}

AnswerConstraints::AnswerConstraints(std::shared_ptr<const ConstraintVocabulary> vocabulary,
                                     AnswerGrammar rules, const AnswerOptions& options)
    : vocabulary_(std::move(vocabulary)),
      rules_(std::move(rules)),
      description_(PrintAnswerOptions(options)),
      masks_(vocabulary_->trie(), rules_.grammar, vocabulary_->common()),
      check_(options) {}

AnswerConstraint::AnswerConstraint(std::shared_ptr<AnswerConstraints> shared)
    : shared_(std::move(shared)),
      machine_(shared_->rules_.grammar),
      state_(machine_.Begin(shared_->rules_.start)) {}

void AnswerConstraint::Fill(MaskWords mask) { shared_->masks_.Fill(&machine_, state_, mask); }

Machine::State AnswerConstraint::FindNext(int32_t token) {
  const ConstraintVocabulary& vocabulary = *shared_->vocabulary_;
  if (const std::optional<Symbol> symbol = vocabulary.trie().SymbolOf(token))
    return machine_.Next(state_, *symbol);
  const text::Tokenizer& tokenizer = vocabulary.tokenizer();
  if (!tokenizer.Has(token) || tokenizer.IsAdded(token)) return Machine::kDead;
  Machine::State next = state_;
  for (const char byte : tokenizer.BytesOf(token))
    next = machine_.Next(next, static_cast<unsigned char>(byte));
  return next;
}

bool AnswerConstraint::Accept(int32_t token) {
  const Machine::State next = FindNext(token);
  if (next == Machine::kDead) return false;
  state_ = machine_.state_count() > Machine::kManyStates ? machine_.Forget(next) : next;
  return true;
}

std::vector<int32_t> AnswerConstraint::FindForced() {
  const ConstraintVocabulary& vocabulary = *shared_->vocabulary_;
  std::vector<int32_t> tokens;
  std::string bytes;
  // Fails for what the tokenizer's expressions give up on; it is drawn, then.
  const auto add_bytes = [&](bool is_last) {
    auto encoded = vocabulary.tokenizer().EncodePlain(bytes);
    if (!encoded.ok()) return false;
    if (is_last && !encoded->empty()) encoded->pop_back();
    tokens.insert(tokens.end(), encoded->begin(), encoded->end());
    bytes.clear();
    return true;
  };
  Machine::State state = state_;
  for (size_t i = 0; i < kMaxForced; ++i) {
    const std::optional<Symbol> symbol = FindOnlySymbol(machine_, state);
    if (!symbol) break;
    if (*symbol < kBytes) {
      bytes += static_cast<char>(*symbol);
    } else {
      if (!add_bytes(false)) return tokens;
      tokens.push_back(vocabulary.trie().SpecialToken(*symbol));
    }
    state = machine_.Next(state, *symbol);
  }
  add_bytes(true);
  return tokens;
}

}  // namespace fathom::constraint
