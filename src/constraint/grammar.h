// What an answer may be made of: rules over bytes and special tokens that call one another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace fathom::constraint {

/// A byte, or a special token of the format, which no bytes can spell.
using Symbol = uint16_t;
inline constexpr Symbol kBytes = 256;
inline constexpr Symbol kEndOfSentence = 256;
inline constexpr Symbol kThinkEnd = 257;
inline constexpr Symbol kDsml = 258;
inline constexpr Symbol kSymbols = 259;

using NodeId = uint32_t;

/// Consumes a symbol in [first, last].
struct Edge {
  Symbol first = 0;
  Symbol last = 0;
  NodeId target = 0;
};

/// What a branch asks of the register of the rule that is under way, and does to it. A register is
/// a set of keys or a count, and begins at 0.
enum class Test : uint8_t {
  kNone,
  kMark,          ///< key `operand` is not in the set; adds it
  kSomeUnmarked,  ///< some key of the set's family is missing
  kAllMarked,     ///< every key whose bit is in `operand` is there
  kCountBelow,    ///< the count is below `operand`; adds one
  kCountUpTo,     ///< always true; adds one as long as the count is below `operand`
  kCountAtLeast,  ///< the count is at least `operand`
};

/// Goes on at `target` without consuming anything.
struct Branch {
  NodeId target = 0;
  Test test = Test::kNone;
  uint64_t operand = 0;
  uint32_t family = 0;  ///< the keys that kMark, kSomeUnmarked and kAllMarked are about
};

struct Node {
  enum class Kind : uint8_t {
    kConsume,  ///< one of `edges`
    kFork,     ///< any of `branches`
    kCall,     ///< the rule that begins at `callee`, with a register of its own, then `after`
    kReturn,   ///< the end of the rule
  };
  Kind kind = Kind::kFork;
  bool is_leaf = true;  ///< nothing is called from here on; set by Finish
  /// Calls inside one another that it takes to reach the end of the rule; set by Finish.
  uint16_t height = 0;
  /// The Grammar::Places that it is one of, by number. 0: none.
  uint8_t places = 0;
  /// If `counts`, the register is a count of bytes at most, and matters only by how far it is from
  /// these two.
  bool counts = false;
  uint64_t count_least = 0;
  uint64_t count_most = 0;
  NodeId callee = 0;
  NodeId after = 0;
  std::vector<Edge> edges{};
  std::vector<Branch> branches{};
};

/// A pushdown automaton whose stack holds where each call returns to. It is built from its end to
/// its beginning: what adds something is given what follows, and returns where it begins.
class Grammar {
 public:
  static constexpr uint16_t kNever = UINT16_MAX;
  /// Keys of one family.
  static constexpr size_t kMaxKeys = 64;
  /// Calls inside one another; about two for each level of a JSON value.
  static constexpr uint16_t kMaxDepth = 96;
  /// A grammar that is larger is not made of somebody's reasonable schema: about 25 MB.
  static constexpr size_t kMaxNodes = size_t{1} << 18;

  Grammar();

  /// The end of any rule.
  NodeId end() const { return end_; }

  /// A choice that branches are added to later, as recursion needs. Without branches it matches
  /// nothing.
  NodeId AddFork();
  void AddBranch(NodeId fork, Branch branch) { nodes_[fork].branches.push_back(branch); }
  NodeId AddChoice(std::span<const NodeId> alternatives);
  NodeId AddBytes(std::string_view bytes, NodeId next);
  NodeId AddSymbol(Symbol symbol, NodeId next) { return AddConsumer({{symbol, symbol, next}}); }
  NodeId AddConsumer(std::vector<Edge> edges);
  /// A consumer whose edges are still to come.
  void AddEdge(NodeId consumer, Edge edge) { nodes_[consumer].edges.push_back(edge); }
  NodeId AddCall(NodeId callee, NodeId next);

  /// A family of keys.
  uint32_t AddFamily();
  /// A branch of `fork` that adds key `key` of the family, if the rule `value` matches anything.
  /// REQUIRES: key < kMaxKeys.
  void AddKey(NodeId fork, uint32_t family, size_t key, NodeId value, NodeId target);

  /// A count that nothing reaches.
  static constexpr uint64_t kNoBound = uint64_t{1} << 62;
  struct Bounds {
    uint64_t least = 0;
    uint64_t most = kNoBound;
  };
  /// Says of a part of a string whose characters are counted what the count may be in the end.
  void SetBounds(NodeId node, const Bounds& bounds);

  /// Places before the characters of a string, of which it is worth finding once which tokens they
  /// all take alike.
  struct Places {
    std::vector<NodeId> nodes{};
    /// A string of the same spelling that counts its characters, if there are others like these
    /// whose lengths have bounds: tokens of unlike counts are not alike then.
    std::optional<NodeId> counter{};
  };
  static constexpr size_t kMaxPlaces = 64;
  /// Returns the number for SetPlaces. REQUIRES: there are fewer than kMaxPlaces.
  uint8_t AddPlaces(Places places);
  /// The node is one of these, or differs from one by bounds alone.
  void SetPlaces(NodeId node, uint8_t number) { nodes_[node].places = number; }
  /// Number 1 stands first.
  const std::vector<Places>& places() const { return places_; }

  /// Whether more was added than there is room for. Then it is of no use.
  bool is_full() const { return is_full_; }

  /// Takes away what can never reach the end of its rule, so that whatever is begun can be ended.
  void Finish();
  /// Whether something can be reached from there to the end of the rule. REQUIRES: finished.
  bool Matches(NodeId node) const { return nodes_[node].height != kNever; }

  const Node& node(NodeId id) const { return nodes_[id]; }
  size_t size() const { return nodes_.size(); }

  /// Symbols that no edge tells apart have one class. REQUIRES: finished.
  uint16_t ClassOf(Symbol symbol) const { return classes_[symbol]; }
  size_t class_count() const { return class_count_; }

 private:
  uint16_t MeasureHeight(const Node& node) const;
  uint16_t MeasureBranch(const Branch& branch) const;
  void MeasureHeights();
  void Prune();
  void FindLeaves();
  void FindClasses();

  NodeId Add(Node node);

  std::vector<Node> nodes_;
  bool is_full_ = false;
  std::vector<std::array<NodeId, kMaxKeys>> families_;  // the rule of each key's value
  std::vector<uint64_t> family_keys_;                   // the keys that there are
  std::vector<Places> places_;
  NodeId end_ = 0;
  std::array<uint16_t, kSymbols> classes_{};
  size_t class_count_ = 0;
};

}  // namespace fathom::constraint
