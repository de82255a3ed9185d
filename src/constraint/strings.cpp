#include "constraint/strings.h"

#include <algorithm>
#include <map>

#include "text/json.h"
#include "text/protocol_strings.h"
#include "text/utf8.h"

namespace fathom::constraint {
namespace {

constexpr char kFirstContinuation = '\x80';
constexpr char kLastContinuation = '\xBF';

// What a key of DSML is made of: it stands in an attribute.
const CharacterSet kNameCharacters =
    Complement({{0, 0x1F}, {0x22, 0x22}, {0x3C, 0x3C}, {0x3E, 0x3E}, {0x7F, 0x9F}});
const CharacterSet kAllCharacters = {{0, kLastCharacter}};

Symbol ToSymbol(char byte) { return static_cast<unsigned char>(byte); }

std::string ToUtf8(char32_t character) {
  std::string bytes;
  text::AppendUtf8(character, bytes);
  return bytes;
}

// Adds edges for all sequences from `first` to `last`, which are equally long: where their first
// bytes differ, the middle ones are followed by any continuation.
void AddSequences(std::string_view first, std::string_view last, NodeId next, Grammar* grammar,
                  std::vector<Edge>* edges) {
  const Symbol from = ToSymbol(first[0]);
  const Symbol to = ToSymbol(last[0]);
  if (first.size() == 1) {
    edges->push_back({from, to, next});
    return;
  }
  const std::string lowest(first.size() - 1, kFirstContinuation);
  const std::string highest(first.size() - 1, kLastContinuation);
  const auto add = [&](Symbol a, Symbol b, std::string_view tail_first,
                       std::string_view tail_last) {
    std::vector<Edge> tail;
    AddSequences(tail_first, tail_last, next, grammar, &tail);
    edges->push_back({a, b, grammar->AddConsumer(std::move(tail))});
  };
  if (from == to) return add(from, to, first.substr(1), last.substr(1));
  const bool cuts_first = first.substr(1) != lowest;
  const bool cuts_last = last.substr(1) != highest;
  if (cuts_first) add(from, from, first.substr(1), highest);
  const auto a = static_cast<Symbol>(from + (cuts_first ? 1 : 0));
  const auto b = static_cast<Symbol>(to - (cuts_last ? 1 : 0));
  if (a <= b) add(a, b, lowest, highest);
  if (cuts_last) add(to, to, lowest, last.substr(1));
}

// The characters that one range of UTF-8 lengths has, without surrogates.
constexpr CharacterRange kEncodings[] = {
    {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, kLastCharacter}};

void AddRange(const CharacterRange& range, NodeId next, Grammar* grammar,
              std::vector<Edge>* edges) {
  for (const CharacterRange& encoding : kEncodings) {
    const char32_t first = std::max(range.first, encoding.first);
    const char32_t last = std::min(range.last, encoding.last);
    if (first <= last) AddSequences(ToUtf8(first), ToUtf8(last), next, grammar, edges);
  }
}

bool IsEscaped(char32_t character) {
  return character < 0x20 || character == '"' || character == '\\';
}

// Adds the edge to the escapes of those characters of the set that need one, if there are any. Of
// those that are spelled by their number, from \u0000 to \u001f, the last two digits decide.
void AddEscapes(const CharacterSet& set, NodeId next, Grammar* grammar, std::vector<Edge>* edges) {
  std::vector<Edge> escapes;
  std::map<Symbol, std::vector<Edge>> numbers;  // by the digit before the last
  for (const CharacterRange& range : set) {
    for (char32_t c = range.first; c <= std::min<char32_t>(range.last, '\\'); ++c) {
      if (!IsEscaped(c)) continue;
      std::string spelled;
      text::AppendJsonEscaped(ToUtf8(c), &spelled);
      const Symbol last = ToSymbol(spelled.back());
      (spelled.size() == 2 ? escapes : numbers[ToSymbol(spelled[4])]).push_back({last, last, next});
    }
  }
  std::vector<Edge> digits;
  for (const auto& [digit, last] : numbers)
    digits.push_back({digit, digit, grammar->AddConsumer(last)});
  if (!digits.empty()) {
    const NodeId zeros = grammar->AddBytes("00", grammar->AddConsumer(std::move(digits)));
    escapes.push_back({'u', 'u', zeros});
  }
  if (escapes.empty()) return;
  edges->push_back({'\\', '\\', grammar->AddConsumer(std::move(escapes))});
}

// A key and those that begin like it.
struct KeyTree {
  bool is_key = false;
  std::map<char32_t, KeyTree> children;
};

void AddToTree(std::string_view key, KeyTree* tree) {
  for (size_t at = 0; at < key.size();) {
    const size_t length = text::CharacterLength(key, at);
    tree = &tree->children[text::CodePointAt(key, at, length)];
    at += length;
  }
  tree->is_key = true;
}

// What other keys may be.
struct OtherKeys {
  const CharacterSet& characters;
  Spelling spelling;
  NodeId rest;    // any characters, then the quote
  NodeId ending;  // the quote
};

// Where the key so far is a beginning of one that is taken.
NodeId AddTree(const KeyTree& tree, const OtherKeys& keys, bool may_end, Grammar* grammar) {
  std::vector<Edge> edges;
  CharacterSet taken;
  for (const auto& [character, child] : tree.children) {
    const NodeId after = AddTree(child, keys, !child.is_key, grammar);
    const auto more = MakeCharacterEdges({{character, character}}, keys.spelling, after, grammar);
    edges.insert(edges.end(), more.begin(), more.end());
    taken.push_back({character, character});
  }
  // Those outside of the characters of a key are as good as taken.
  const CharacterSet outside = Complement(keys.characters);
  taken.insert(taken.end(), outside.begin(), outside.end());
  const CharacterSet others = Complement(Normalize(std::move(taken)));
  const auto more = MakeCharacterEdges(others, keys.spelling, keys.rest, grammar);
  edges.insert(edges.end(), more.begin(), more.end());
  const NodeId character = grammar->AddConsumer(std::move(edges));
  if (!may_end) return character;
  const NodeId choices[] = {character, keys.ending};
  return grammar->AddChoice(choices);
}

}  // namespace

std::vector<Edge> MakeCharacterEdges(const CharacterSet& set, Spelling spelling, NodeId next,
                                     Grammar* grammar) {
  static const CharacterSet kUnescaped = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCharacter}};
  std::vector<Edge> edges;
  for (const CharacterRange& range : set) {
    if (spelling == Spelling::kRaw) {
      AddRange(range, next, grammar, &edges);
      continue;
    }
    for (const CharacterRange& part : kUnescaped) {
      const CharacterRange both = {std::max(range.first, part.first),
                                   std::min(range.last, part.last)};
      if (both.first <= both.last) AddRange(both, next, grammar, &edges);
    }
  }
  if (spelling == Spelling::kJson) AddEscapes(set, next, grammar, &edges);
  return edges;
}

NodeId AddText(std::string_view text, Spelling spelling, NodeId next, Grammar* grammar) {
  if (spelling == Spelling::kRaw) return grammar->AddBytes(text, next);
  std::string escaped;
  text::AppendJsonEscaped(text, &escaped);
  return grammar->AddBytes(escaped, next);
}

NodeId AddClosing(Spelling spelling, NodeId next, Grammar* grammar) {
  if (spelling == Spelling::kJson) return grammar->AddBytes("\"", next);
  const NodeId name = grammar->AddSymbol(kDsml, grammar->AddBytes("parameter>\n", next));
  return grammar->AddBytes("</", name);
}

NodeId AddStringRule(Spelling spelling, Grammar* grammar) {
  const NodeId closing = AddClosing(spelling, grammar->end(), grammar);
  const NodeId text = grammar->AddConsumer({});
  for (const Edge& edge : MakeCharacterEdges(kAllCharacters, spelling, text, grammar)) {
    grammar->AddEdge(text, edge);
  }
  for (const Edge& edge : grammar->node(closing).edges) grammar->AddEdge(text, edge);
  return text;
}

NodeId AddBoundedString(Spelling spelling, const LengthBounds& bounds, uint8_t places,
                        Grammar* grammar) {
  const auto first = static_cast<NodeId>(grammar->size());
  const NodeId closing = AddClosing(spelling, grammar->end(), grammar);
  // There the count has been looked at.
  for (NodeId node = first; node <= closing; ++node) grammar->SetBounds(node, {});
  const NodeId text = grammar->AddFork();
  const NodeId character =
      grammar->AddConsumer(MakeCharacterEdges(kAllCharacters, spelling, text, grammar));
  const Grammar::Bounds count = {bounds.least, bounds.most.value_or(Grammar::kNoBound)};
  for (NodeId node = text + 1; node <= character; ++node) grammar->SetBounds(node, count);
  grammar->SetPlaces(character, places);
  grammar->AddBranch(text, {.target = character,
                            .test = bounds.most ? Test::kCountBelow : Test::kCountUpTo,
                            .operand = bounds.most.value_or(bounds.least)});
  grammar->AddBranch(text,
                     {.target = closing, .test = Test::kCountAtLeast, .operand = bounds.least});
  return text;
}

NodeId AddRawKeyRule(Grammar* grammar) {
  const NodeId text = grammar->AddConsumer({});
  for (const Edge& edge : MakeCharacterEdges(kNameCharacters, Spelling::kRaw, text, grammar)) {
    grammar->AddEdge(text, edge);
  }
  grammar->AddEdge(text, {'"', '"', grammar->end()});
  return text;
}

NodeId AddOtherKey(std::span<const std::string> taken, Spelling spelling, NodeId rest, NodeId next,
                   Grammar* grammar) {
  KeyTree tree;
  for (const std::string& key : taken) AddToTree(key, &tree);
  const CharacterSet& characters = spelling == Spelling::kJson ? kAllCharacters : kNameCharacters;
  const bool may_be_empty = spelling == Spelling::kJson && !tree.is_key;
  const OtherKeys keys = {characters, spelling, grammar->AddCall(rest, next),
                          grammar->AddBytes("\"", next)};
  return AddTree(tree, keys, may_be_empty, grammar);
}

}  // namespace fathom::constraint
