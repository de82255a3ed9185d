// Schemas by chance, with values that satisfy them.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

namespace fathom::constraint {

using Random = std::mt19937;

/// A schema and a source of values that satisfy it. Draws go through all that is held: types,
/// bounds, patterns, enumerations, objects, arrays, alternatives, merges and references.
struct DrawnSchema {
  nlohmann::json schema;
  std::function<nlohmann::json(Random&)> draw_value;
};

/// A document with `$defs`. Nothing is nested deeper than `depth`, references aside.
DrawnSchema DrawSchema(Random& random, int depth);

/// An expression and a source of strings that it is found in.
struct DrawnPattern {
  std::string pattern;
  std::function<std::string(Random&)> draw_string;
};
DrawnPattern DrawPatternWithStrings(Random& random);

}  // namespace fathom::constraint
