// Numbers as parts of a grammar.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "constraint/grammar.h"

namespace fathom::constraint {

/// A decimal number without an exponent.
struct Decimal {
  bool is_negative = false;
  std::string whole = "0";  ///< without leading zeros
  std::string fraction{};   ///< without zeros at its end

  bool IsZero() const { return whole == "0" && fraction.empty(); }
};

/// Nothing if the text has an exponent, or more digits than numbers get here.
std::optional<Decimal> ReadDecimal(std::string_view text);

struct NumberBound {
  Decimal value{};
  bool is_exclusive = false;
};

struct NumberOptions {
  bool is_integer = false;
  std::optional<NumberBound> least{};
  std::optional<NumberBound> most{};
};

/// A number, then `next`. Digits are limited, so that no number goes on forever: 18 before the
/// point, 17 behind it, and where there are no bounds an exponent of two.
NodeId AddNumber(const NumberOptions& options, NodeId next, Grammar* grammar);

}  // namespace fathom::constraint
