// One answer under way that has to be what a grammar says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "constraint/answer_check.h"
#include "constraint/answer_rules.h"
#include "constraint/common_rules.h"
#include "constraint/machine.h"
#include "constraint/token_masks.h"
#include "constraint/token_trie.h"
#include "engine/request.h"
#include "text/tokenizer.h"

namespace fathom::constraint {

/// A tokenizer, ready to constrain answers. Const use is safe from many threads.
class ConstraintVocabulary {
 public:
  /// Fails if the tokenizer is not one for the format. `tokenizer` outlives this. Takes about a
  /// tenth of a second.
  static base::Result<std::shared_ptr<const ConstraintVocabulary>> Make(
      const text::Tokenizer& tokenizer);

  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  const TokenTrie& trie() const { return trie_; }
  const CommonTokens& common() const { return common_; }

 private:
  ConstraintVocabulary(const text::Tokenizer& tokenizer, TokenTrie trie);

  const text::Tokenizer& tokenizer_;
  TokenTrie trie_;
  Grammar grammar_;
  CommonTokens common_;
};

/// The rules of some answers and what they make of the vocabulary. Answers that share it are
/// computed by one thread.
class AnswerConstraints {
 public:
  static base::Result<std::shared_ptr<AnswerConstraints>> Make(
      std::shared_ptr<const ConstraintVocabulary> vocabulary, const AnswerOptions& options);

  /// The paths of what schemas ask for and the constraint does not hold.
  const std::vector<std::string>& unenforced() const { return rules_.unenforced; }
  /// What finished answers are held against, as a whole.
  const AnswerCheck& check() const { return check_; }
  /// How large they are, in nodes of about a hundred bytes.
  size_t size() const { return rules_.grammar.size() + masks_.size_of_tables() / 100; }
  /// The options, as PrintAnswerOptions prints them.
  const std::string& description() const { return description_; }

 private:
  friend class AnswerConstraint;
  AnswerConstraints(std::shared_ptr<const ConstraintVocabulary> vocabulary, AnswerGrammar rules,
                    const AnswerOptions& options);

  std::shared_ptr<const ConstraintVocabulary> vocabulary_;
  AnswerGrammar rules_;
  std::string description_;
  TokenMasks masks_;
  AnswerCheck check_;
};

class AnswerConstraint final : public engine::TokenConstraint {
 public:
  explicit AnswerConstraint(std::shared_ptr<AnswerConstraints> shared);

  /// There is always a token that may come, until the answer is over.
  void Fill(MaskWords mask) override;
  /// If it is false, nothing changes.
  bool Accept(int32_t token) override;
  /// The tokens of the only text that can come, as the tokenizer cuts it. The last one of a text
  /// that ends where something is free is left to be drawn: it may be longer.
  std::vector<int32_t> FindForced() override;
  std::string Describe() const override { return shared_->description(); }

  /// Whether the token may come next, found without a mask.
  bool Allows(int32_t token) { return FindNext(token) != Machine::kDead; }
  /// Whether the end of the sentence was taken.
  bool is_over() const { return machine_.MayEnd(state_); }

 private:
  Machine::State FindNext(int32_t token);

  std::shared_ptr<AnswerConstraints> shared_;
  Machine machine_;
  Machine::State state_;
};

}  // namespace fathom::constraint
