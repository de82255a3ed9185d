#include "text/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "text/utf8.h"

namespace fathom::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Digits without a point, and the power of ten of the first: 0.0125 is {"125", -2}.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

// The shortest digits that read back as `value`. REQUIRES: finite, not negative.
Decimal FindShortestDecimal(double value) {
  std::array<char, 32> buffer{};
  const char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                  std::chars_format::scientific)
                        .ptr;
  const std::string_view printed(buffer.data(), static_cast<size_t>(end - buffer.data()));
  const size_t exponent_at = printed.find('e');
  Decimal decimal;
  for (char c : printed.substr(0, exponent_at)) {
    if (IsDigit(c)) decimal.digits += c;
  }
  const size_t number_at = exponent_at + (printed[exponent_at + 1] == '+' ? 2 : 1);
  std::from_chars(printed.data() + number_at, end, decimal.exponent);
  return decimal;
}

// Python's repr of a float: plain notation from 1e-4 up to 1e16, else an exponent of at least two
// digits.
std::string PrintDouble(double value) {
  if (std::isnan(value)) return "NaN";
  const std::string_view sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value)) return fmt::format("{}Infinity", sign);
  const auto [digits, exponent] = FindShortestDecimal(std::abs(value));
  const std::string_view all = digits;
  if (exponent < -4 || exponent >= 16) {
    return fmt::format("{}{}{}{}e{}{:02}", sign, all[0], all.size() > 1 ? "." : "", all.substr(1),
                       exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return fmt::format("{}0.{:0>{}}{}", sign, "", -exponent - 1, all);
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (all.size() <= whole) return fmt::format("{}{:0<{}}.0", sign, all, whole);
  return fmt::format("{}{}.{}", sign, all.substr(0, whole), all.substr(whole));
}

// The power of ten of the literal's first digit that is not zero. REQUIRES: there is one.
int64_t MeasureMagnitude(std::string_view literal) {
  const size_t exponent_at = std::min(literal.find_first_of("eE"), literal.size());
  const std::string_view mantissa = literal.substr(0, exponent_at);
  const auto leading = static_cast<int64_t>(mantissa.find_first_of("123456789"));
  const auto point = static_cast<int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  int64_t exponent = 0;
  if (exponent_at < literal.size()) {
    const char* begin = literal.data() + exponent_at + (literal[exponent_at + 1] == '+' ? 2 : 1);
    const auto result = std::from_chars(begin, literal.data() + literal.size(), exponent);
    if (result.ec != std::errc()) exponent = *begin == '-' ? INT64_MIN / 2 : INT64_MAX / 2;
  }
  return exponent + (leading < point ? point - leading - 1 : point - leading);
}

double ParseDouble(std::string_view literal) {
  double value = 0;
  const auto result = std::from_chars(literal.data(), literal.data() + literal.size(), value);
  if (result.ec != std::errc::result_out_of_range) return value;
  const double limit = MeasureMagnitude(literal) > 0 ? HUGE_VAL : 0.0;
  return literal[0] == '-' ? -limit : limit;
}

// A dict keeps a repeated key where it first stood, with the value that came last.
Json::Object MergeRepeatedKeys(Json::Object members) {
  std::unordered_map<std::string_view, size_t> first;
  std::vector<size_t> place(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    place[i] = first.emplace(members[i].first, i).first->second;
  }
  if (first.size() == members.size()) return members;
  for (size_t i = 0; i < members.size(); ++i) {
    if (place[i] != i) members[place[i]].second = std::move(members[i].second);
  }
  Json::Object merged;
  for (size_t i = 0; i < members.size(); ++i) {
    if (place[i] == i) merged.push_back(std::move(members[i]));
  }
  return merged;
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view source, const JsonReadOptions& options)
      : text_(text), source_(source), options_(options) {}

  base::Result<Json> ReadDocument() {
    if (const size_t valid = ValidPrefixLength(text_); valid != text_.size()) {
      return base::MakeError("{}: byte {}: not valid UTF-8", source_, valid);
    }
    FATHOM_ASSIGN(Json value, ReadValue(0));
    SkipSpace();
    if (at_ != text_.size()) return Fail("text after the end of the value");
    return value;
  }

 private:
  base::Error Fail(std::string_view what) const {
    return base::MakeError("{}: byte {}: {}", source_, at_, what);
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool Take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != text_.npos) ++at_;
  }

  base::Result<Json> ReadValue(int depth) {
    SkipSpace();
    if (at_ == text_.size()) return Fail("the text ends where a value should be");
    switch (Peek()) {
      case '{':
        return ReadObject(depth + 1);
      case '[':
        return ReadArray(depth + 1);
      case '"': {
        FATHOM_ASSIGN(std::string value, ReadString());
        return Json(std::move(value));
      }
      default:
        return ReadWordOrNumber();
    }
  }

  base::Result<Json> ReadWordOrNumber() {
    if (Take("true")) return Json(true);
    if (Take("false")) return Json(false);
    if (Take("null")) return Json();
    if (options_.allow_non_finite) {
      for (std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
        if (Take(word)) return Json(Json::Number{std::string(word)});
      }
    }
    return ReadNumber();
  }

  base::Result<Json> ReadNumber() {
    const size_t begin = at_;
    if (Peek() == '-') ++at_;
    if (!IsDigit(Peek())) {
      at_ = begin;
      return Fail("expected a value");
    }
    if (Peek() == '0') {
      ++at_;
    } else {
      SkipDigits();
    }
    bool integer = true;
    if (Peek() == '.') {
      ++at_;
      if (!SkipDigits()) return Fail("expected a digit after the decimal point");
      integer = false;
    }
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (!SkipDigits()) return Fail("expected a digit in the exponent");
      integer = false;
    }
    const std::string_view literal = text_.substr(begin, at_ - begin);
    if (!integer) return Json(Json::Number{PrintDouble(ParseDouble(literal))});
    return Json(Json::Number{literal == "-0" ? "0" : std::string(literal)});
  }

  bool SkipDigits() {
    const size_t begin = at_;
    while (IsDigit(Peek())) ++at_;
    return at_ > begin;
  }

  base::Result<std::string> ReadString() {
    ++at_;  // the opening quote
    std::string out;
    while (true) {
      const size_t begin = at_;
      while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) >= 0x20 &&
             text_[at_] != '"' && text_[at_] != '\\') {
        ++at_;
      }
      out.append(text_.substr(begin, at_ - begin));
      if (at_ == text_.size()) return Fail("the text ends inside a string");
      if (Take("\"")) return out;
      if (Peek() != '\\') return Fail("a control character inside a string");
      FATHOM_TRY(ReadEscape(&out));
    }
  }

  base::Status ReadEscape(std::string* out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (Take("\\u")) return ReadUnicodeEscape(out);
    const size_t letter = at_ + 1 < text_.size() ? kLetters.find(text_[at_ + 1]) : text_.npos;
    if (letter == text_.npos) return Fail("an unknown escape inside a string");
    *out += kMeanings[letter];
    at_ += 2;
    return {};
  }

  base::Status ReadUnicodeEscape(std::string* out) {
    const std::optional<char32_t> first = ReadHex4();
    if (!first) return Fail("expected four hexadecimal digits after \\u");
    char32_t code_point = *first;
    if (code_point >= 0xD800 && code_point <= 0xDBFF && Take("\\u")) {
      const std::optional<char32_t> second = ReadHex4();
      if (!second) return Fail("expected four hexadecimal digits after \\u");
      if (*second < 0xDC00 || *second > 0xDFFF) return Fail("half a surrogate pair");
      code_point = 0x10000 + ((code_point - 0xD800) << 10) + (*second - 0xDC00);
    }
    if (code_point >= 0xD800 && code_point <= 0xDFFF) return Fail("half a surrogate pair");
    AppendUtf8(code_point, *out);
    return {};
  }

  std::optional<char32_t> ReadHex4() {
    uint32_t value = 0;
    const char* begin = text_.data() + at_;
    const char* end = begin + std::min<size_t>(4, text_.size() - at_);
    const auto result = std::from_chars(begin, end, value, 16);
    // from_chars would take a minus sign.
    if (result.ptr != begin + 4 || *begin == '-') return std::nullopt;
    at_ += 4;
    return value;
  }

  base::Result<Json> ReadArray(int depth) {
    if (depth > options_.max_depth) return FailDeep();
    ++at_;  // the bracket
    Json::Array items;
    SkipSpace();
    if (Take("]")) return Json(std::move(items));
    while (true) {
      FATHOM_ASSIGN(Json item, ReadValue(depth));
      items.push_back(std::move(item));
      SkipSpace();
      if (Take("]")) return Json(std::move(items));
      if (!Take(",")) return Fail("expected ',' or ']'");
    }
  }

  base::Result<Json> ReadObject(int depth) {
    if (depth > options_.max_depth) return FailDeep();
    ++at_;  // the brace
    Json::Object members;
    SkipSpace();
    if (Take("}")) return Json(std::move(members));
    while (true) {
      SkipSpace();
      if (Peek() != '"') return Fail("expected a key in quotes");
      FATHOM_ASSIGN(std::string key, ReadString());
      SkipSpace();
      if (!Take(":")) return Fail("expected ':'");
      FATHOM_ASSIGN(Json value, ReadValue(depth));
      members.emplace_back(std::move(key), std::move(value));
      SkipSpace();
      if (Take("}")) return Json(MergeRepeatedKeys(std::move(members)));
      if (!Take(",")) return Fail("expected ',' or '}'");
    }
  }

  base::Error FailDeep() const {
    return Fail(fmt::format("nested deeper than {} levels", options_.max_depth));
  }

  std::string_view text_;
  std::string_view source_;
  JsonReadOptions options_;
  size_t at_ = 0;
};

void AppendJson(const Json& value, std::string* out) {
  if (const bool* boolean = value.AsBoolean()) {
    *out += *boolean ? "true" : "false";
  } else if (const Json::Number* number = value.AsNumber()) {
    *out += number->text;
  } else if (const std::string* string = value.AsString()) {
    *out += QuoteJson(*string);
  } else if (const Json::Array* array = value.AsArray()) {
    *out += '[';
    for (size_t i = 0; i < array->size(); ++i) {
      if (i > 0) *out += ", ";
      AppendJson((*array)[i], out);
    }
    *out += ']';
  } else if (const Json::Object* object = value.AsObject()) {
    *out += '{';
    for (size_t i = 0; i < object->size(); ++i) {
      if (i > 0) *out += ", ";
      *out += QuoteJson((*object)[i].first);
      *out += ": ";
      AppendJson((*object)[i].second, out);
    }
    *out += '}';
  } else {
    *out += "null";
  }
}

void AppendEscapedAscii(char c, std::string* out) {
  static constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t";
  static constexpr std::string_view kLetters = "\"\\bfnrt";
  const size_t special = kSpecial.find(c);
  if (special != kSpecial.npos) {
    *out += '\\';
    *out += kLetters[special];
  } else if (static_cast<unsigned char>(c) < 0x20) {
    *out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  } else {
    *out += c;
  }
}

}  // namespace

const Json* Json::Find(std::string_view key) const {
  const Object* object = AsObject();
  if (object == nullptr) return nullptr;
  for (const Member& member : *object) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

std::string_view Json::KindName() const {
  static constexpr std::string_view kNames[] = {"null",     "a boolean", "a number",
                                                "a string", "a list",    "an object"};
  return kNames[value_.index()];
}

base::Result<Json> ReadJson(std::string_view text, std::string_view source,
                            const JsonReadOptions& options) {
  return Reader(text, source, options).ReadDocument();
}

std::string PrintJson(const Json& value) {
  std::string out;
  AppendJson(value, &out);
  return out;
}

void AppendJsonEscaped(std::string_view text, std::string* out) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text, 0);
    if (length == 0) {
      out->append(kReplacement);
    } else if (length == 1) {
      AppendEscapedAscii(text[0], out);
    } else {
      out->append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
}

std::string QuoteJson(std::string_view text) {
  std::string out = "\"";
  AppendJsonEscaped(text, &out);
  out += '"';
  return out;
}

}  // namespace fathom::text
