#include "constraint/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "constraint/numbers.h"
#include "constraint/schema_merge.h"
#include "constraint/schema_reference.h"
#include "constraint/strings.h"

namespace fathom::constraint {
namespace {

using base::Result;
using base::Status;
using text::Field;
using text::Json;

constexpr int kMaxReferences = 64;
constexpr int kMaxNesting = 256;
constexpr size_t kMaxKey = 512;  // bytes: names become trees as deep as they are long
constexpr int64_t kMaxCount = int64_t{1} << 40;

const Json kAnything{true};

// Keywords that say something of values of one type, and imply it where no type is given.
std::string_view TypeOfKeywords(const Field& schema) {
  if (!schema.Member("properties").IsMissing()) return "object";
  if (!schema.Member("additionalProperties").IsMissing()) return "object";
  if (!schema.Member("items").IsMissing()) return "array";
  if (!schema.Member("pattern").IsMissing()) return "string";
  return {};
}

Result<uint64_t> ReadCount(const Field& field) {
  FATHOM_ASSIGN(const auto count,
                text::ReadOptionalInteger(field, {.least = 0, .most = kMaxCount}));
  return static_cast<uint64_t>(count.value_or(0));
}

std::optional<NumberBound> ReadBound(const Field& schema, const char* inclusive,
                                     const char* exclusive) {
  const Field strict = schema.Member(exclusive);
  // Draft 4: a flag beside the inclusive bound.
  const bool* flag = strict.IsMissing() ? nullptr : strict.json->AsBoolean();
  const bool has_strict = !strict.IsMissing() && strict.json->AsNumber() != nullptr;
  const Field field = has_strict ? strict : schema.Member(inclusive);
  if (field.IsMissing() || field.json->AsNumber() == nullptr) return std::nullopt;
  const std::optional<Decimal> value = ReadDecimal(field.json->AsNumber()->text);
  if (!value) return std::nullopt;
  return NumberBound{*value, has_strict || (flag != nullptr && *flag)};
}

// An array: `item` between min and max times.
NodeId AddItems(NodeId item, uint64_t least, std::optional<uint64_t> most, Grammar* grammar) {
  const NodeId close = grammar->AddBytes("]", grammar->end());
  if (most && *most == 0) return grammar->AddBytes("[", close);
  const uint64_t commas = least == 0 ? 0 : least - 1;
  const NodeId after_item = grammar->AddFork();
  const NodeId call = grammar->AddCall(item, after_item);
  grammar->AddBranch(after_item, {.target = close, .test = Test::kCountAtLeast, .operand = commas});
  grammar->AddBranch(after_item, {.target = grammar->AddBytes(", ", call),
                                  .test = most ? Test::kCountBelow : Test::kCountUpTo,
                                  .operand = most ? *most - 1 : commas});
  if (least > 0) return grammar->AddBytes("[", call);
  const NodeId choices[] = {close, call};
  return grammar->AddBytes("[", grammar->AddChoice(choices));
}

}  // namespace

Result<NodeId> SchemaRules::Add(const Field& schema, ValueKind kind) {
  if (schema.IsMissing()) {
    if (kind == ValueKind::kRawString) return common_.raw_string;
    return kind == ValueKind::kJson ? common_.any_value : common_.any_but_string;
  }
  const auto [known, is_new] = rules_.try_emplace({schema.json, kind});
  if (!is_new) return known->second;
  if (grammar_->size() > Grammar::kMaxNodes) return schema.Fail("the schema is too large");
  // Before its parts, which may refer to it.
  const NodeId rule = grammar_->AddFork();
  known->second = rule;
  if (++depth_ > kMaxNesting) return schema.Fail("the schema is nested too deep");
  FATHOM_TRY(AddAlternatives(schema, kind, rule));
  --depth_;
  return rule;
}

Status SchemaRules::AddAlternatives(const Field& given, ValueKind kind, NodeId rule) {
  FATHOM_ASSIGN(const Field schema, Resolve(given));
  if (const bool* flag = schema.json->AsBoolean()) {
    if (!*flag) return {};
    FATHOM_ASSIGN(const NodeId any, Add({}, kind));
    grammar_->AddBranch(rule, {.target = any});
    return {};
  }
  Note(schema, {"not", "if", "dependentRequired", "dependentSchemas", "dependencies"});
  if (const Field value = schema.Member("const"); !value.IsMissing()) {
    AddLiteral(*value.json, kind, rule);
    return {};
  }
  if (const Field values = schema.Member("enum"); !values.IsMissing()) {
    if (!values.IsArray()) return values.FailKind("a list");
    for (const Json& value : *values.json->AsArray()) AddLiteral(value, kind, rule);
    return {};
  }
  for (const std::string_view keyword : {"anyOf", "oneOf"}) {
    if (!schema.Member(keyword).IsMissing()) return AddUnion(schema, keyword, kind, rule);
  }
  return AddTypes(schema, kind, rule);
}

Status SchemaRules::AddUnion(const Field& schema, std::string_view keyword, ValueKind kind,
                             NodeId rule) {
  const Field list = schema.Member(keyword);
  if (!list.IsArray()) return list.FailKind("a list");
  const Json rest = DropKeyword(*schema.json, keyword);
  for (size_t i = 0; i < list.json->AsArray()->size(); ++i) {
    FATHOM_ASSIGN(const Field item, Resolve(list.Item(i)));
    FATHOM_ASSIGN(const NodeId alternative, Add(Join(rest, item), kind));
    grammar_->AddBranch(rule, {.target = alternative});
  }
  return {};
}

Status SchemaRules::AddTypes(const Field& schema, ValueKind kind, NodeId rule) {
  FATHOM_ASSIGN(const std::vector<std::string> types, ReadTypes(schema));
  if (types.empty()) {
    FATHOM_ASSIGN(const NodeId any, Add({}, kind));
    grammar_->AddBranch(rule, {.target = any});
    return {};
  }
  for (const std::string& type : types) {
    if ((type == "string") != (kind == ValueKind::kRawString) && kind != ValueKind::kJson) continue;
    FATHOM_ASSIGN(const NodeId alternative, AddType(schema, type, kind));
    grammar_->AddBranch(rule, {.target = alternative});
  }
  return {};
}

// Empty: the schema says nothing about it.
Result<std::vector<std::string>> SchemaRules::ReadTypes(const Field& schema) const {
  std::vector<std::string> types;
  const Field field = schema.Member("type");
  if (field.IsMissingOrNull()) {
    const std::string_view implied = TypeOfKeywords(schema);
    if (implied.empty()) return types;
    types.emplace_back(implied);
  } else if (field.IsArray()) {
    for (size_t i = 0; i < field.json->AsArray()->size(); ++i) {
      FATHOM_ASSIGN(std::string type, text::ReadText(field.Item(i)));
      types.push_back(std::move(type));
    }
    if (types.empty()) return field.Fail("no type is left");
  } else {
    FATHOM_ASSIGN(std::string type, text::ReadText(field));
    types.push_back(std::move(type));
  }
  const Field nullable = schema.Member("nullable");
  if (!nullable.IsMissing() && nullable.json->AsBoolean() != nullptr &&
      *nullable.json->AsBoolean()) {
    types.emplace_back("null");
  }
  return types;
}

Result<NodeId> SchemaRules::AddType(const Field& schema, const std::string& type, ValueKind kind) {
  const NodeId end = grammar_->end();
  if (type == "string") return AddString(schema, kind);
  if (type == "number") return AddNumberType(schema, false);
  if (type == "integer") return AddNumberType(schema, true);
  if (type == "null") return grammar_->AddBytes("null", end);
  if (type == "array") return AddArray(schema);
  if (type == "object") return AddObject(schema);
  if (type == "boolean") {
    const NodeId choices[] = {grammar_->AddBytes("true", end), grammar_->AddBytes("false", end)};
    return grammar_->AddChoice(choices);
  }
  return schema.Member("type").Fail(fmt::format("\"{}\" is no type", type));
}

void SchemaRules::AddLiteral(const Json& value, ValueKind kind, NodeId rule) {
  const std::string* string = value.AsString();
  if ((string != nullptr) != (kind == ValueKind::kRawString) && kind != ValueKind::kJson) return;
  const NodeId literal =
      kind == ValueKind::kRawString
          ? AddText(*string, Spelling::kRaw, AddClosing(Spelling::kRaw, grammar_->end(), grammar_),
                    grammar_)
          : grammar_->AddBytes(PrintJson(value), grammar_->end());
  grammar_->AddBranch(rule, {.target = literal});
}

Result<NodeId> SchemaRules::AddString(const Field& schema, ValueKind kind) {
  const bool is_raw = kind == ValueKind::kRawString;
  const Spelling spelling = is_raw ? Spelling::kRaw : Spelling::kJson;
  LengthBounds bounds;
  FATHOM_ASSIGN(bounds.least, ReadCount(schema.Member("minLength")));
  if (!schema.Member("maxLength").IsMissingOrNull()) {
    FATHOM_ASSIGN(bounds.most, ReadCount(schema.Member("maxLength")));
    if (*bounds.most < bounds.least) return schema.Member("maxLength").Fail("less than minLength");
  }
  NodeId rule = common_.StringRule(spelling);
  FATHOM_ASSIGN(const std::optional<NodeId> pattern, AddPattern(schema, bounds, spelling));
  if (pattern) {
    rule = *pattern;
  } else if (bounds.least > 0 || bounds.most) {
    rule = AddBoundedString(spelling, bounds, common_.PlacesOf(spelling), grammar_);
  }
  return is_raw ? rule : grammar_->AddBytes("\"", grammar_->AddCall(rule, grammar_->end()));
}

// Nothing if there is none, or none that can be held. Without room for both it is held rather than
// the bounds.
Result<std::optional<NodeId>> SchemaRules::AddPattern(const Field& schema,
                                                      const LengthBounds& bounds,
                                                      Spelling spelling) {
  const Field field = schema.Member("pattern");
  if (field.IsMissingOrNull()) return std::optional<NodeId>();
  FATHOM_ASSIGN(const std::string pattern, text::ReadText(field));
  std::optional<NodeId> rule = patterns_->Add(pattern, bounds, spelling);
  if (rule) return rule;
  rule = patterns_->Add(pattern, {}, spelling);
  rule ? Note(schema, {"minLength", "maxLength"}) : Note(schema, {"pattern"});
  return rule;
}

Result<NodeId> SchemaRules::AddNumberType(const Field& schema, bool is_integer) {
  Note(schema, {"multipleOf"});
  const NumberOptions options = {.is_integer = is_integer,
                                 .least = ReadBound(schema, "minimum", "exclusiveMinimum"),
                                 .most = ReadBound(schema, "maximum", "exclusiveMaximum")};
  if (!options.least && !options.most) return is_integer ? common_.integer : common_.number;
  return AddNumber(options, grammar_->end(), grammar_);
}

Result<NodeId> SchemaRules::AddArray(const Field& schema) {
  Note(schema, {"prefixItems", "contains", "uniqueItems"});
  const Field items = schema.Member("items");
  const bool is_tuple = items.IsArray() || !schema.Member("prefixItems").IsMissing();
  FATHOM_ASSIGN(const NodeId item, Add(is_tuple ? Field() : items, ValueKind::kJson));
  FATHOM_ASSIGN(const uint64_t least, ReadCount(schema.Member("minItems")));
  std::optional<uint64_t> most;
  if (!schema.Member("maxItems").IsMissingOrNull()) {
    FATHOM_ASSIGN(most, ReadCount(schema.Member("maxItems")));
    if (*most < least) return schema.Member("maxItems").Fail("less than minItems");
  }
  return AddItems(item, least, most, grammar_);
}

Result<NodeId> SchemaRules::AddObject(const Field& schema) {
  Note(schema, {"patternProperties", "propertyNames", "minProperties", "maxProperties"});
  FATHOM_ASSIGN(const ObjectKeys keys, ReadObjectKeys(schema));
  if (keys.keys.empty() && keys.allows_others && keys.others.IsMissing()) return common_.any_object;
  const uint32_t family = grammar_->AddFamily();
  const NodeId close = grammar_->AddBytes("}", grammar_->end());
  const NodeId after_member = grammar_->AddFork();
  const NodeId key_fork = grammar_->AddFork();
  for (size_t i = 0; i < keys.keys.size(); ++i) {
    FATHOM_ASSIGN(const NodeId value, Add(keys.keys[i].schema, ValueKind::kJson));
    const NodeId colon = grammar_->AddBytes("\": ", grammar_->AddCall(value, after_member));
    grammar_->AddKey(key_fork, family, i, value,
                     AddText(keys.keys[i].name, Spelling::kJson, colon, grammar_));
  }
  if (keys.allows_others) {
    FATHOM_ASSIGN(const NodeId value, Add(keys.others, ValueKind::kJson));
    const NodeId colon = grammar_->AddBytes(": ", grammar_->AddCall(value, after_member));
    grammar_->AddBranch(key_fork, {.target = AddOtherKey(keys.Names(), Spelling::kJson,
                                                         common_.json_string, colon, grammar_)});
  }
  const Branch may_close = {
      .target = close, .test = Test::kAllMarked, .operand = keys.RequiredBits(), .family = family};
  const Test more = keys.allows_others ? Test::kNone : Test::kSomeUnmarked;
  const NodeId member = grammar_->AddBytes("\"", key_fork);
  const NodeId first = grammar_->AddFork();
  grammar_->AddBranch(first, may_close);
  grammar_->AddBranch(first, {.target = member, .test = more, .family = family});
  grammar_->AddBranch(after_member, may_close);
  grammar_->AddBranch(after_member,
                      {.target = grammar_->AddBytes(", ", member), .test = more, .family = family});
  return grammar_->AddBytes("{", first);
}

Result<Field> SchemaRules::Resolve(const Field& schema) {
  if (const auto known = resolved_.find(schema.json); known != resolved_.end())
    return known->second;
  if (++depth_ > kMaxNesting) return schema.Fail("the schema is nested too deep");
  Field current = schema;
  for (int steps = 0;; ++steps) {
    if (steps == kMaxReferences) return schema.Fail("references go around in a circle");
    if (!current.IsObject() && current.json->AsBoolean() == nullptr)
      return current.FailKind("an object or a boolean");
    if (const Field reference = current.Member("$ref"); !reference.IsMissing()) {
      FATHOM_ASSIGN(const Field target, FollowReference(reference));
      current = Join(DropKeyword(*current.json, "$ref"), target);
    } else if (const Field all = current.Member("allOf"); !all.IsMissing()) {
      if (!all.IsArray()) return all.FailKind("a list");
      current = Join(DropKeyword(*current.json, "allOf"), {&kAnything, current.path});
      for (size_t i = 0; i < all.json->AsArray()->size(); ++i) {
        FATHOM_ASSIGN(const Field part, Resolve(all.Item(i)));
        current = Join(*current.json, part);
      }
    } else {
      break;
    }
  }
  --depth_;
  resolved_[schema.json] = current;
  return current;
}

Result<Field> SchemaRules::FollowReference(const Field& reference) const {
  if (!reference.IsString()) return reference.FailKind("a string");
  const std::string& target = *reference.json->AsString();
  if (!target.starts_with('#')) return reference.Fail("only parts of the same schema can be meant");
  if (target != "#" && !target.starts_with("#/")) return reference.Fail("not of the form #/...");
  Field part = FindReference(document_, target);
  if (part.IsMissing()) return reference.Fail("nothing is there");
  return part;
}

// A part that nothing is added to stays what it is, so that recursion finds it again.
Field SchemaRules::Join(Json base, const Field& more) {
  if (base.AsObject() != nullptr && base.AsObject()->empty()) return more;
  merged_.push_back(MergeSchemas(base, *more.json));
  return {&merged_.back(), more.path};
}

void SchemaRules::Note(const Field& schema, std::initializer_list<std::string_view> keywords) {
  for (const std::string_view keyword : keywords) {
    const Field field = schema.Member(keyword);
    const auto known = std::find(unenforced_.begin(), unenforced_.end(), field.path);
    if (!field.IsMissing() && known == unenforced_.end()) unenforced_.push_back(field.path);
  }
}

std::vector<std::string> ObjectKeys::Names() const {
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  return names;
}

uint64_t ObjectKeys::RequiredBits() const {
  uint64_t bits = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys[i].is_required) bits |= uint64_t{1} << i;
  }
  return bits;
}

Result<ObjectKeys> ReadObjectKeys(const Field& schema) {
  ObjectKeys result;
  const Field properties = schema.Member("properties");
  if (!properties.IsMissingOrNull()) {
    FATHOM_TRY(text::RequireObject(properties));
    for (const auto& member : *properties.json->AsObject()) {
      result.keys.push_back({member.first, properties.Member(member.first)});
    }
  }
  const Field others = schema.Member("additionalProperties");
  const bool* flag = others.IsMissing() ? nullptr : others.json->AsBoolean();
  result.allows_others =
      others.IsMissing() ? properties.IsMissingOrNull() : flag == nullptr || *flag;
  if (flag == nullptr) result.others = others;
  const Field required = schema.Member("required");
  FATHOM_ASSIGN(const size_t count, text::CountItems(required));
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(const std::string name, text::ReadText(required.Item(i)));
    const auto key = std::find_if(result.keys.begin(), result.keys.end(),
                                  [&](const ObjectKeys::Key& k) { return k.name == name; });
    if (key != result.keys.end()) {
      key->is_required = true;
    } else if (flag != nullptr && !*flag) {
      return required.Item(i).Fail("required, but no property may have this name");
    } else {
      result.keys.push_back({name, result.others, true});
    }
  }
  if (result.keys.size() > Grammar::kMaxKeys)
    return schema.Fail(fmt::format("more than {} properties", Grammar::kMaxKeys));
  for (const ObjectKeys::Key& key : result.keys)
    if (key.name.size() > kMaxKey)
      return properties.Fail(fmt::format("a name of more than {} bytes", kMaxKey));
  return result;
}

}  // namespace fathom::constraint
