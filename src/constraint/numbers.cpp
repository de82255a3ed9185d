#include "constraint/numbers.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace fathom::constraint {
namespace {

constexpr size_t kMaxWhole = 18;
constexpr size_t kMaxFraction = 17;

Symbol DigitSymbol(int digit) { return static_cast<Symbol>('0' + digit); }

// Up to `most` digits.
NodeId AddDigits(size_t most, NodeId next, Grammar* grammar) {
  NodeId node = next;
  for (size_t i = 0; i < most; ++i) {
    const NodeId choices[] = {grammar->AddConsumer({{'0', '9', node}}), next};
    node = grammar->AddChoice(choices);
  }
  return node;
}

NodeId AddFractionAndExponent(NodeId next, Grammar* grammar) {
  const NodeId power = grammar->AddConsumer({{'0', '9', AddDigits(1, next, grammar)}});
  const NodeId sign = grammar->AddConsumer({{'+', '+', power}, {'-', '-', power}});
  const NodeId powers[] = {sign, power};
  const NodeId exponent = grammar->AddChoice(powers);
  const NodeId ends[] = {grammar->AddConsumer({{'e', 'e', exponent}, {'E', 'E', exponent}}), next};
  const NodeId end = grammar->AddChoice(ends);
  const NodeId digits =
      grammar->AddConsumer({{'0', '9', AddDigits(kMaxFraction - 1, end, grammar)}});
  const NodeId fractions[] = {grammar->AddBytes(".", digits), end};
  return grammar->AddChoice(fractions);
}

NodeId AddUnbounded(bool is_integer, NodeId next, Grammar* grammar) {
  const NodeId end = is_integer ? next : AddFractionAndExponent(next, grammar);
  const NodeId more = AddDigits(kMaxWhole - 1, end, grammar);
  std::vector<Edge> negative = {{'1', '9', more}};
  if (!is_integer) negative.push_back({'0', '0', end});
  return grammar->AddConsumer(
      {{'1', '9', more}, {'0', '0', end}, {'-', '-', grammar->AddConsumer(std::move(negative))}});
}

// Numbers without a sign from one to another, digit by digit. As long as all digits were those of
// a bound, the next one must not pass that bound's.
class Magnitudes {
 public:
  Magnitudes(NumberBound least, NumberBound most, bool is_integer, NodeId next, Grammar* grammar)
      : least_(std::move(least)),
        most_(std::move(most)),
        is_integer_(is_integer),
        next_(next),
        grammar_(grammar) {}

  // Nothing begins there if there is no such number.
  NodeId Add() {
    const NodeId fork = grammar_->AddFork();
    const size_t shortest = least_.value.whole.size();
    const size_t longest = most_.value.whole.size();
    for (size_t length = shortest; length <= longest; ++length) {
      const Place place = {length, 0, length == shortest, length == longest};
      grammar_->AddBranch(fork, {.target = AddWhole(place)});
    }
    return fork;
  }

 private:
  struct Place {
    size_t length;  // of the whole part
    size_t at;      // digits that there are
    bool on_least;  // and whether they are all the bound's
    bool on_most;
  };

  // After one more digit, the bounds' being `low` and `high`.
  template <typename AddNext>
  NodeId AddDigit(const Place& place, int low, int high, bool no_zero, const AddNext& add_next) {
    std::vector<Edge> edges;
    for (int digit = no_zero ? 1 : 0; digit <= 9; ++digit) {
      if ((place.on_least && digit < low) || (place.on_most && digit > high)) continue;
      const Place after = {place.length, place.at + 1, place.on_least && digit == low,
                           place.on_most && digit == high};
      edges.push_back({DigitSymbol(digit), DigitSymbol(digit), add_next(after)});
    }
    return grammar_->AddConsumer(std::move(edges));
  }

  NodeId AddWhole(const Place& place) {
    if (place.at == place.length) return AddPoint(place);
    const auto [entry, is_new] = wholes_.try_emplace(KeyOf(place));
    if (!is_new) return entry->second;
    const bool is_first_of_many = place.at == 0 && place.length > 1;
    const NodeId node =
        AddDigit(place, DigitOf(least_.value.whole, place.at), DigitOf(most_.value.whole, place.at),
                 is_first_of_many, [&](const Place& after) { return AddWhole(after); });
    return wholes_[KeyOf(place)] = node;
  }

  NodeId AddPoint(Place place) {
    place.at = 0;
    std::vector<NodeId> choices;
    if (MayEnd(place)) choices.push_back(next_);
    if (!is_integer_) choices.push_back(grammar_->AddBytes(".", AddFraction(place)));
    return grammar_->AddChoice(choices);
  }

  // At least one digit.
  NodeId AddFraction(const Place& place) {
    if (place.at == kMaxFraction) return grammar_->AddFork();
    const auto key = KeyOf({0, place.at, place.on_least, place.on_most});
    if (const auto known = fractions_.find(key); known != fractions_.end()) return known->second;
    const NodeId node =
        AddDigit(place, DigitOf(least_.value.fraction, place.at),
                 DigitOf(most_.value.fraction, place.at), false, [&](const Place& after) {
                   std::vector<NodeId> choices = {AddFraction(after)};
                   if (MayEnd(after)) choices.push_back(next_);
                   return grammar_->AddChoice(choices);
                 });
    return fractions_[key] = node;
  }

  // Whether the number that there is lies between the bounds; `at` counts digits of its fraction.
  bool MayEnd(const Place& place) const {
    const bool is_least = place.on_least && place.at >= least_.value.fraction.size();
    const bool is_most = place.on_most && place.at >= most_.value.fraction.size();
    if (place.on_least && !is_least) return false;
    return !(is_least && least_.is_exclusive) && !(is_most && most_.is_exclusive);
  }

  static int DigitOf(const std::string& digits, size_t at) {
    return at < digits.size() ? digits[at] - '0' : 0;
  }
  using Key = std::tuple<size_t, size_t, bool, bool>;
  static Key KeyOf(const Place& p) { return {p.length, p.at, p.on_least, p.on_most}; }

  NumberBound least_;
  NumberBound most_;
  bool is_integer_;
  NodeId next_;
  Grammar* grammar_;
  std::map<Key, NodeId> wholes_;
  std::map<Key, NodeId> fractions_;
};

const NumberBound kLargest = {.value = {.whole = std::string(kMaxWhole, '9')}};

}  // namespace

std::optional<Decimal> ReadDecimal(std::string_view text) {
  Decimal decimal;
  decimal.is_negative = text.starts_with('-');
  if (decimal.is_negative) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  decimal.whole = text.substr(0, point);
  if (point < text.size()) decimal.fraction = text.substr(point + 1);
  decimal.fraction.erase(decimal.fraction.find_last_not_of('0') + 1);
  const auto is_digits = [](const std::string& digits) {
    return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (decimal.whole.empty() || decimal.whole.size() > kMaxWhole) return std::nullopt;
  if (decimal.fraction.size() >= kMaxFraction) return std::nullopt;
  if (!is_digits(decimal.whole) || !is_digits(decimal.fraction)) return std::nullopt;
  if (decimal.IsZero()) decimal.is_negative = false;
  return decimal;
}

NodeId AddNumber(const NumberOptions& options, NodeId next, Grammar* grammar) {
  if (!options.least && !options.most) return AddUnbounded(options.is_integer, next, grammar);
  const NumberBound zero;
  // Zero has no sign.
  const NumberBound above_zero = {.is_exclusive = true};
  const auto add = [&](const NumberBound& least, const NumberBound& most) {
    return Magnitudes(least, most, options.is_integer, next, grammar).Add();
  };
  std::vector<NodeId> choices;
  const bool only_negative = options.most && options.most->value.is_negative;
  if (!only_negative) {
    const bool from_zero = !options.least || options.least->value.is_negative;
    choices.push_back(add(from_zero ? zero : *options.least, options.most.value_or(kLargest)));
  }
  if (!options.least || options.least->value.is_negative) {
    const NodeId negative =
        add(only_negative ? *options.most : above_zero, options.least.value_or(kLargest));
    choices.push_back(grammar->AddBytes("-", negative));
  }
  return grammar->AddChoice(choices);
}

}  // namespace fathom::constraint
