// From JSON Schema to rules.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "constraint/common_rules.h"
#include "constraint/grammar.h"
#include "constraint/pattern_rules.h"
#include "constraint/strings.h"
#include "text/field.h"

namespace fathom::constraint {

/// Which of a schema's values are wanted, and how they stand.
enum class ValueKind : uint8_t {
  kJson,       ///< all, as JSON
  kNotString,  ///< those that are no strings, as JSON
  kRawString,  ///< strings, as they are, with the closing tag of a DSML parameter
};

/// The rules of one schema document. Objects that list properties have no others unless
/// additionalProperties says so; keys come in any order, each once. JSON stands as json.dumps
/// writes it.
class SchemaRules {
 public:
  /// `document` is what "#" refers to. Everything outlives this.
  SchemaRules(text::Field document, const CommonRules& common, PatternRules* patterns,
              Grammar* grammar)
      : document_(std::move(document)), common_(common), patterns_(patterns), grammar_(grammar) {}

  /// A rule for the values of `schema`, a part of the document or the whole. Errors name the field.
  base::Result<NodeId> Add(const text::Field& schema, ValueKind kind);

  /// The schema with its $ref followed and its allOf merged.
  base::Result<text::Field> Resolve(const text::Field& schema);

  /// The paths of keywords that say more than the rules hold, so far.
  const std::vector<std::string>& unenforced() const { return unenforced_; }

 private:
  base::Status AddAlternatives(const text::Field& schema, ValueKind kind, NodeId rule);
  base::Status AddUnion(const text::Field& schema, std::string_view keyword, ValueKind kind,
                        NodeId rule);
  base::Status AddTypes(const text::Field& schema, ValueKind kind, NodeId rule);
  base::Result<std::vector<std::string>> ReadTypes(const text::Field& schema) const;
  base::Result<NodeId> AddType(const text::Field& schema, const std::string& type, ValueKind kind);
  void AddLiteral(const text::Json& value, ValueKind kind, NodeId rule);
  base::Result<NodeId> AddString(const text::Field& schema, ValueKind kind);
  base::Result<std::optional<NodeId>> AddPattern(const text::Field& schema,
                                                 const LengthBounds& bounds, Spelling spelling);
  base::Result<NodeId> AddNumberType(const text::Field& schema, bool is_integer);
  base::Result<NodeId> AddArray(const text::Field& schema);
  base::Result<NodeId> AddObject(const text::Field& schema);
  base::Result<text::Field> FollowReference(const text::Field& reference) const;
  text::Field Join(text::Json base, const text::Field& more);
  void Note(const text::Field& schema, std::initializer_list<std::string_view> keywords);

  text::Field document_;
  const CommonRules& common_;
  PatternRules* patterns_;
  Grammar* grammar_;
  std::map<std::pair<const text::Json*, ValueKind>, NodeId> rules_;
  std::map<const text::Json*, text::Field> resolved_;
  std::deque<text::Json> merged_;
  std::vector<std::string> unenforced_;
  int depth_ = 0;  // of Add in itself
};

/// The keys of an object: those of its properties, then those that are required without being
/// listed.
struct ObjectKeys {
  struct Key {
    std::string name;
    text::Field schema;  ///< missing: any value
    bool is_required = false;
  };
  std::vector<Key> keys;
  /// Whether others may be there, and what they are; missing: any value.
  bool allows_others = false;
  text::Field others{};

  std::vector<std::string> Names() const;
  uint64_t RequiredBits() const;
};

/// Reads them. More keys than Grammar::kMaxKeys are an error.
base::Result<ObjectKeys> ReadObjectKeys(const text::Field& schema);

}  // namespace fathom::constraint
