// What an answer may be made of: rules over bytes and special tokens that call one another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
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

/// Where in a string a node is. Of a string whose length has bounds the register counts characters.
enum class StringPart : uint8_t {
  kNone,     ///< in none, or nothing is known
  kBetween,  ///< before a character, or what closes the string; none of that is counted yet
  kBefore,   ///< before a character that is counted already
  kInside,   ///< in such a one
  kClosing,  ///< in what closes the string
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
  StringPart part = StringPart::kNone;
  /// kBetween: characters that have to come yet at least, whatever the bounds. kClosing: bytes of
  /// the closing that were read.
  uint8_t characters_lacking = 0;
  uint8_t bytes_closed = 0;
  /// If not 0, the node in this place of the rule that has no bounds; it may be this one. What it
  /// allows of a vocabulary is found once for all bounds.
  NodeId unbounded = 0;
  uint64_t count_least = 0;
  uint64_t count_most = 0;
  /// From here on this many characters of a set may come, whichever they are; the set is one of
  /// Grammar::runs(). 0: nothing is known.
  uint8_t run_length = 0;
  uint8_t run = 0;
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

  void SetBetween(NodeId node, uint8_t characters_lacking);
  void SetInside(NodeId node) { nodes_[node].part = StringPart::kInside; }
  void SetClosing(NodeId node, uint8_t bytes_closed);

  /// A count that nothing reaches.
  static constexpr uint64_t kNoBound = uint64_t{1} << 62;
  struct Bounds {
    uint64_t least = 0;
    uint64_t most = kNoBound;
  };
  /// Says of a part of a string whose characters are counted what the count may be in the end, and
  /// which node it would be if that were any. REQUIRES: SetTable was called for that node, or it is
  /// of a rule that all grammars begin with.
  void SetBounds(NodeId node, StringPart part, const Bounds& bounds, NodeId unbounded);

  static constexpr size_t kMaxTables = 64;
  /// Asks for a table of what comes from that node on by the number of characters. REQUIRES: there
  /// are fewer than kMaxTables, and SetBetween was called for it.
  void SetTable(NodeId node);
  const std::vector<NodeId>& tables() const { return tables_; }

  /// More of a run are as good as any number.
  static constexpr uint8_t kLongRun = 254;
  static constexpr size_t kMaxRuns = 16;
  /// A node that consumes one of a set of characters and leads back to itself. REQUIRES: there are
  /// fewer than kMaxRuns.
  uint8_t AddRun(NodeId loop);
  void SetRun(NodeId node, uint8_t run, uint8_t length);
  const std::vector<NodeId>& runs() const { return runs_; }

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
  std::vector<NodeId> tables_;
  std::vector<NodeId> runs_;
  NodeId end_ = 0;
  std::array<uint16_t, kSymbols> classes_{};
  size_t class_count_ = 0;
};

}  // namespace fathom::constraint
