#include "constraint/random_schema_testing.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace fathom::constraint {
namespace {

using nlohmann::json;

constexpr const char* kNames[] = {"a", "ab", "b\"c", "d\\e", "\xC3\xA9", "long_name", "a b", ""};

int DrawInt(Random& random, int least, int most) {
  return least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1));
}
bool DrawBool(Random& random, unsigned one_of = 2) { return random() % one_of == 0; }

template <typename List>
auto DrawFrom(const List& list, Random& random) {
  return *std::next(std::begin(list),
                    static_cast<std::ptrdiff_t>(random() % static_cast<size_t>(std::size(list))));
}

std::string DrawText(Random& random, int most) {
  static constexpr const char* kPieces[] = {"a",
                                            "b",
                                            "0",
                                            "1",
                                            "-",
                                            " ",
                                            "\"",
                                            "\\",
                                            "\n",
                                            "\x01",
                                            "\xC3\xA9",
                                            "<",
                                            "/",
                                            ",",
                                            "}",
                                            "\xE4\xB8\xAD",
                                            "\xF0\x9F\x98\x80",
                                            "\t"};
  std::string text;
  for (int length = DrawInt(random, 0, most); length > 0; --length) {
    text += DrawFrom(kPieces, random);
  }
  return text;
}

size_t CountIn(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

DrawnSchema MakeConstant(json schema, json value) {
  return {std::move(schema), [value = std::move(value)](Random&) { return value; }};
}

json DrawAnything(Random& random, int depth) {
  switch (random() % (depth > 0 ? 7 : 5)) {
    case 0:
      return nullptr;
    case 1:
      return DrawBool(random);
    case 2:
      return DrawInt(random, -1000, 1000);
    case 3:
      return DrawInt(random, -1000, 1000) / 8.0;
    case 4:
      return DrawText(random, 5);
    case 5: {
      json array = json::array();
      for (int i = DrawInt(random, 0, 3); i > 0; --i)
        array.push_back(DrawAnything(random, depth - 1));
      return array;
    }
    default: {
      json object = json::object();
      for (int i = DrawInt(random, 0, 3); i > 0; --i)
        object[DrawFrom(kNames, random)] = DrawAnything(random, depth - 1);
      return object;
    }
  }
}

DrawnSchema DrawStringSchema(Random& random) {
  json schema = {{"type", "string"}};
  const auto least = static_cast<size_t>(DrawInt(random, 0, 4));
  const auto most = least + static_cast<size_t>(DrawInt(random, 0, 5));
  const bool has_least = DrawBool(random);
  const bool has_most = DrawBool(random);
  if (DrawBool(random)) {
    const auto fits = [=](const std::string& text) {
      return (!has_least || CountIn(text) >= least) && (!has_most || CountIn(text) <= most);
    };
    const DrawnPattern drawn = DrawPatternWithStrings(random);
    // Bounds that some string of the pattern is within.
    std::string sample = drawn.draw_string(random);
    for (int i = 0; i < 50 && !fits(sample); ++i) sample = drawn.draw_string(random);
    schema["pattern"] = drawn.pattern;
    if (fits(sample) && has_least) schema["minLength"] = least;
    if (fits(sample) && has_most) schema["maxLength"] = most;
    const bool has_bounds = fits(sample);
    return {schema, [=](Random& r) {
              const std::string text = drawn.draw_string(r);
              return json(!has_bounds || fits(text) ? text : sample);
            }};
  }
  if (has_least) schema["minLength"] = least;
  if (has_most) schema["maxLength"] = most;
  return {schema, [=](Random& r) {
            std::string text = DrawText(r, has_most ? static_cast<int>(most) : 8);
            while (has_least && CountIn(text) < least) text += "x";
            return json(text);
          }};
}

DrawnSchema DrawNumberSchema(Random& random) {
  const bool is_integer = DrawBool(random);
  const int least = DrawInt(random, -300, 300);
  const int most = least + DrawInt(random, 3, 200);
  json schema = {{"type", is_integer ? "integer" : "number"}};
  const auto spell = [=](int value) { return is_integer ? json(value) : json(value / 4.0); };
  const bool has_least = DrawBool(random);
  const bool has_most = DrawBool(random);
  if (has_least) schema[DrawBool(random) ? "minimum" : "exclusiveMinimum"] = spell(least);
  if (has_most) schema[DrawBool(random) ? "maximum" : "exclusiveMaximum"] = spell(most);
  return {schema, [=](Random& r) {
            const int low = has_least ? least + 1 : has_most ? most - 500 : -1000;
            const int high = has_most ? most - 1 : has_least ? least + 500 : 1000;
            return spell(DrawInt(r, low, high));
          }};
}

class SchemaDrawer {
 public:
  explicit SchemaDrawer(Random& random) : random_(random) {}

  DrawnSchema DrawDocument(int depth) {
    const DrawnSchema leaf = DrawLeaf();
    defs_["leaf"] = leaf.schema;
    leaf_ = leaf.draw_value;
    defs_["tree"] = json::parse(R"({"type": "object", "required": ["value", "children"],
        "properties": {"value": {"$ref": "#/$defs/leaf"}, "children": {"type": "array",
          "items": {"$ref": "#/$defs/tree"}, "maxItems": 2}}})");
    DrawnSchema whole = Draw(depth);
    // A schema that refers to itself alone says nothing of `$defs` beside it.
    if (whole.schema.is_boolean()) whole.schema = {{"anyOf", json::array({true})}};
    whole.schema["$defs"] = defs_;
    return whole;
  }

 private:
  DrawnSchema DrawLeaf() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        return DrawStringSchema(random_);
      case 3:
      case 4:
        return DrawNumberSchema(random_);
      case 5:
        return DrawEnum();
      case 6: {
        const json value = DrawAnything(random_, 2);
        return MakeConstant({{"const", value}}, value);
      }
      default:
        return DrawTypes();
    }
  }

  DrawnSchema DrawEnum() {
    json values = json::array({DrawText(random_, 4)});
    for (int i = DrawInt(random_, 0, 3); i > 0; --i) values.push_back(DrawAnything(random_, 1));
    return {{{"enum", values}}, [values](Random& r) { return DrawFrom(values, r); }};
  }

  DrawnSchema DrawTypes() {
    if (DrawBool(random_))
      return {{{"type", json::array({"boolean", "null"})}},
              [](Random& r) { return DrawBool(r) ? json(DrawBool(r)) : json(); }};
    DrawnSchema inner = DrawStringSchema(random_);
    inner.schema["nullable"] = true;
    return {inner.schema,
            [draw = inner.draw_value](Random& r) { return DrawBool(r, 3) ? json() : draw(r); }};
  }

  DrawnSchema Draw(int depth) {
    if (depth == 0) return DrawLeaf();
    switch (random_() % 12) {
      case 0:
        return {DrawBool(random_) ? json(true) : json::object(),
                [](Random& r) { return DrawAnything(r, 2); }};
      case 1:
      case 2:
        return DrawArray(depth);
      case 3:
      case 4:
      case 5:
        return DrawObject(depth, 0);
      case 6:
        return DrawAny(depth);
      case 7:
        return DrawOne();
      case 8:
        return DrawAll(depth);
      case 9:
        return DrawReference();
      default:
        return DrawLeaf();
    }
  }

  DrawnSchema DrawArray(int depth) {
    const DrawnSchema items = Draw(depth - 1);
    json schema = {{"type", "array"}, {"items", items.schema}};
    const int least = DrawBool(random_) ? DrawInt(random_, 1, 3) : 0;
    const int most = least + DrawInt(random_, 0, 3);
    if (least > 0) schema["minItems"] = least;
    if (DrawBool(random_)) schema["maxItems"] = most;
    return {schema, [=, draw = items.draw_value](Random& r) {
              json array = json::array();
              for (int i = DrawInt(r, least, most); i > 0; --i) array.push_back(draw(r));
              return array;
            }};
  }

  // Of all names from `first` on some are properties. A walk by chance would not come upon a name
  // that is required where any other may stand.
  DrawnSchema DrawObject(int depth, size_t first) {
    struct Property {
      std::string name;
      bool is_required;
      std::function<json(Random&)> draw_value;
    };
    std::vector<Property> properties;
    json schema = {{"type", "object"}, {"properties", json::object()}};
    const bool has_others = DrawBool(random_, 3);
    for (size_t i = first; i < first + 4; ++i) {
      if (DrawBool(random_)) continue;
      const DrawnSchema value = Draw(depth - 1);
      properties.push_back({kNames[i], !has_others && DrawBool(random_), value.draw_value});
      schema["properties"][kNames[i]] = value.schema;
      if (properties.back().is_required) schema["required"].push_back(kNames[i]);
    }
    std::function<json(Random&)> draw_other;
    if (has_others) {
      const DrawnSchema other = DrawLeaf();
      schema["additionalProperties"] = other.schema;
      draw_other = other.draw_value;
    }
    return {schema, [=](Random& r) {
              json object = json::object();
              for (const Property& property : properties)
                if (property.is_required || DrawBool(r))
                  object[property.name] = property.draw_value(r);
              if (draw_other && DrawBool(r)) object["other" + DrawText(r, 2)] = draw_other(r);
              return object;
            }};
  }

  DrawnSchema DrawAny(int depth) {
    std::vector<DrawnSchema> choices;
    json schemas = json::array();
    for (int i = DrawInt(random_, 1, 3); i > 0; --i) {
      choices.push_back(Draw(depth - 1));
      schemas.push_back(choices.back().schema);
    }
    return {{{"anyOf", schemas}},
            [choices](Random& r) { return choices[r() % choices.size()].draw_value(r); }};
  }

  // No value satisfies two of these.
  DrawnSchema DrawOne() {
    const DrawnSchema string = DrawStringSchema(random_);
    const DrawnSchema number = DrawNumberSchema(random_);
    return {
        {{"oneOf", {string.schema, number.schema, {{"type", "null"}}}}}, [=](Random& r) {
          return DrawBool(r) ? string.draw_value(r) : DrawBool(r) ? number.draw_value(r) : json();
        }};
  }

  DrawnSchema DrawAll(int depth) {
    if (DrawBool(random_)) {
      const DrawnSchema string = DrawStringSchema(random_);
      json rest = string.schema;
      const json type = {{"type", std::exchange(rest["type"], json::array({"string", "null"}))}};
      return {{{"allOf", {type, rest}}}, string.draw_value};
    }
    // Neither closes the other.
    const DrawnSchema one = DrawObject(depth, 0);
    const DrawnSchema other = DrawObject(depth, 4);
    json schemas = {one.schema, other.schema};
    for (json& schema : schemas) schema.erase("additionalProperties");
    return {
        {{"allOf", schemas}}, [=](Random& r) {
          json value = one.draw_value(r);
          value.update(other.draw_value(r));
          json listed = json::object();
          for (const auto& [key, member] : value.items())
            if (one.schema["properties"].contains(key) || other.schema["properties"].contains(key))
              listed[key] = member;
          return listed;
        }};
  }

  DrawnSchema DrawReference() {
    if (DrawBool(random_)) return {{{"$ref", "#/$defs/leaf"}}, leaf_};
    const auto draw = [leaf = leaf_](auto&& self, Random& r, int depth) -> json {
      json tree = {{"value", leaf(r)}, {"children", json::array()}};
      for (int i = depth > 0 ? DrawInt(r, 0, 2) : 0; i > 0; --i)
        tree["children"].push_back(self(self, r, depth - 1));
      return tree;
    };
    return {{{"$ref", "#/$defs/tree"}}, [draw](Random& r) { return draw(draw, r, 2); }};
  }

  Random& random_;
  json defs_ = json::object();
  std::function<json(Random&)> leaf_;
};

// Short, so that a walk by chance comes upon it.
DrawnPattern DrawPiece(Random& random, int depth) {
  struct Set {
    const char* pattern;
    std::vector<std::string> members;
  };
  static const Set kSets[] = {{"a", {"a"}},
                              {R"(\d)", {"0", "1", "7"}},
                              {"[ab]", {"a", "b"}},
                              {"[^b]", {"a", "\"", "\xC3\xA9", "\n", "<"}},
                              {".", {"a", "\xE4\xB8\xAD", "\\"}},
                              {R"(\w)", {"a", "0", "_"}},
                              {R"([0-1a-])", {"0", "-", "a"}}};
  if (depth > 0 && DrawBool(random, 3)) {
    const DrawnPattern one = DrawPiece(random, depth - 1);
    const DrawnPattern other = DrawPiece(random, depth - 1);
    return {"(" + one.pattern + "|" + other.pattern + "-)", [=](Random& r) {
              return DrawBool(r) ? one.draw_string(r) : other.draw_string(r) + "-";
            }};
  }
  struct Repeat {
    const char* pattern;
    int least;
    int most;
  };
  static constexpr Repeat kRepeats[] = {{"", 1, 1},      {"", 1, 1},     {"*", 0, 4},
                                        {"+", 1, 4},     {"?", 0, 1},    {"{2}", 2, 2},
                                        {"{1,3}", 1, 3}, {"{2,}", 2, 4}, {"{0,5}", 0, 5}};
  const Set& set = kSets[random() % std::size(kSets)];
  const Repeat& repeat = kRepeats[random() % std::size(kRepeats)];
  return {std::string(set.pattern) + repeat.pattern, [&set, &repeat](Random& r) {
            std::string text;
            for (int i = DrawInt(r, repeat.least, repeat.most); i > 0; --i)
              text += DrawFrom(set.members, r);
            return text;
          }};
}

}  // namespace

DrawnPattern DrawPatternWithStrings(Random& random) {
  std::vector<DrawnPattern> pieces;
  const bool has_begin = DrawBool(random);
  for (int i = has_begin ? DrawInt(random, 1, 3) : 1; i > 0; --i)
    pieces.push_back(DrawPiece(random, has_begin ? 2 : 1));
  const bool has_end = DrawBool(random);
  std::string pattern = has_begin ? "^" : "";
  for (const DrawnPattern& piece : pieces) pattern += piece.pattern;
  if (has_end) pattern += "$";
  return {pattern, [=](Random& r) {
            std::string text = has_begin ? "" : DrawText(r, 2);
            for (const DrawnPattern& piece : pieces) text += piece.draw_string(r);
            return has_end ? text : text + DrawText(r, 2);
          }};
}

DrawnSchema DrawSchema(Random& random, int depth) {
  return SchemaDrawer(random).DrawDocument(depth);
}

}  // namespace fathom::constraint
