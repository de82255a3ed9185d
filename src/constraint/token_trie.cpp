#include "constraint/token_trie.h"

#include <algorithm>
#include <bitset>
#include <string_view>

#include "text/protocol_strings.h"

namespace fathom::constraint {
namespace {

constexpr std::string_view kSpellings[] = {text::kEndOfSentence, text::kThinkEnd,
                                           text::kDsmlMarker};

}  // namespace

base::Result<TokenTrie> TokenTrie::Make(const text::Tokenizer& tokenizer) {
  TokenTrie trie;
  trie.vocab_size_ = tokenizer.vocab_size();
  for (size_t i = 0; i < std::size(kSpellings); ++i) {
    const std::optional<int32_t> id = tokenizer.IdOf(kSpellings[i]);
    if (!id || !tokenizer.IsAdded(*id))
      return base::MakeError("tokenizer.json: no added token \"{}\"", kSpellings[i]);
    trie.specials_[i] = *id;
  }
  std::bitset<kBytes> bytes;
  for (int32_t id = 0; id < trie.vocab_size_; ++id) {
    if (!tokenizer.Has(id) || tokenizer.IsAdded(id)) continue;
    const std::string_view token = tokenizer.BytesOf(id);
    if (token.empty()) continue;
    if (token.size() == 1) bytes.set(static_cast<unsigned char>(token[0]));
    trie.tokens_.push_back(id);
    trie.longest_ = std::max(trie.longest_, token.size());
  }
  if (!bytes.all()) return base::MakeError("tokenizer.json: some bytes have no token");
  if (trie.longest_ > UINT16_MAX) return base::MakeError("tokenizer.json: a token is too long");
  trie.AddNodes(tokenizer);
  return trie;
}

// Sorted by their bytes, tokens come in the order in which a walk of the tree meets them.
void TokenTrie::AddNodes(const text::Tokenizer& tokenizer) {
  std::sort(tokens_.begin(), tokens_.end(),
            [&](int32_t a, int32_t b) { return tokenizer.BytesOf(a) < tokenizer.BytesOf(b); });
  std::vector<uint32_t> path;  // of open nodes
  std::string_view last;
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back())
      nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view bytes = tokenizer.BytesOf(tokens_[i]);
    const auto leaves = std::mismatch(bytes.begin(), bytes.end(), last.begin(), last.end());
    close_to(static_cast<size_t>(leaves.first - bytes.begin()));
    while (path.size() < bytes.size()) {
      const auto byte = static_cast<uint8_t>(bytes[path.size()]);
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back(
          {.first_token = i, .depth = static_cast<uint16_t>(path.size()), .byte = byte});
    }
    ++nodes_[path.back()].token_count;
    last = bytes;
  }
  close_to(0);
  MarkChains();
}

// From behind: each node stands before those below it.
void TokenTrie::MarkChains() {
  for (size_t i = nodes_.size(); i-- > 1;) {
    Node& parent = nodes_[i - 1];
    const Node& child = nodes_[i];
    const bool is_only = parent.depth < child.depth && parent.end == child.end;
    parent.is_chain = is_only && (child.end == i + 1 || (child.is_chain && child.token_count == 0));
  }
}

std::span<const int32_t> TokenTrie::TokensBelow(uint32_t node) const {
  const Node& top = nodes_[node];
  const size_t begin = size_t{top.first_token} + top.token_count;
  const size_t end = top.end < nodes_.size() ? nodes_[top.end].first_token : tokens_.size();
  return std::span(tokens_).subspan(begin, end - begin);
}

std::optional<Symbol> TokenTrie::SymbolOf(int32_t token) const {
  const auto found = std::find(std::begin(specials_), std::end(specials_), token);
  if (found == std::end(specials_)) return std::nullopt;
  return static_cast<Symbol>(kBytes + (found - std::begin(specials_)));
}

}  // namespace fathom::constraint
