// The ordinary tokens of a vocabulary as a tree of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "constraint/grammar.h"
#include "text/tokenizer.h"

namespace fathom::constraint {

/// Built once, then read from any thread.
class TokenTrie {
 public:
  struct Node {
    uint32_t end = 0;          ///< one past the last node below this one, in the order of nodes()
    uint32_t first_token = 0;  ///< in tokens()
    uint32_t token_count = 0;  ///< that end here
    uint16_t depth = 0;        ///< bytes up to here
    uint8_t byte = 0;
    bool is_chain = false;  ///< below it is one token, and no node with two below
  };

  /// Added tokens are no ordinary ones. Fails if a byte has no token, or the format's tokens lack.
  static base::Result<TokenTrie> Make(const text::Tokenizer& tokenizer);

  /// Each node stands before those below it, which stand together.
  std::span<const Node> nodes() const { return nodes_; }
  std::span<const int32_t> tokens() const { return tokens_; }
  std::span<const int32_t> TokensOf(const Node& node) const {
    return std::span(tokens_).subspan(node.first_token, node.token_count);
  }
  /// The tokens of all nodes below that one.
  std::span<const int32_t> TokensBelow(uint32_t node) const;
  size_t longest_token() const { return longest_; }
  int32_t vocab_size() const { return vocab_size_; }
  /// The token of a symbol that is no byte.
  int32_t SpecialToken(Symbol symbol) const { return specials_[symbol - kBytes]; }
  /// The symbol of a token that is not ordinary; nothing if the format's grammar has none.
  std::optional<Symbol> SymbolOf(int32_t token) const;

 private:
  void AddNodes(const text::Tokenizer& tokenizer);
  void MarkChains();

  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  size_t longest_ = 0;
  int32_t vocab_size_ = 0;
  int32_t specials_[kSymbols - kBytes] = {};
};

}  // namespace fathom::constraint
