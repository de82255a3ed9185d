#include "text/regex_syntax.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cctype>
#include <vector>

namespace fathom::text {
namespace {

// The members of Oniguruma's \w, and what it has besides where it stands outside of a set. By
// comparison over all code points, these and \p{White_Space} for \s equal Oniguruma 6.9.8. PCRE2's
// own \s adds U+180E, and its \w lacks marks, letter numbers and connectors.
constexpr std::string_view kWordMembers = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kBareWordMembers =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";
constexpr std::string_view kHexMembers = "0-9A-Fa-f";

bool IsAsciiDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsScriptName(std::string_view name) {
  const std::string probe = fmt::format("\\p{{sc:{}}}", name);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(probe.data()), probe.size(),
                                   PCRE2_UTF, &error, &offset, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

// What stands for an escape both inside and outside a set; empty if nothing that simple does.
std::string_view FindReplacement(char escaped) {
  switch (escaped) {
    case 's':
      return R"(\p{White_Space})";
    case 'S':
      return R"(\P{White_Space})";
    case 'v':
      return R"(\x0B)";
    default:
      return {};
  }
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  base::Result<std::string> Run() {
    while (at_ < in_.size()) FATHOM_TRY(in_set_ ? CopySetElement() : CopyElement());
    return std::move(out_);
  }

 private:
  base::Error Refuse(size_t at, std::string_view what) const {
    return base::MakeError("{} at byte {} is not supported", what, at);
  }
  bool Next(std::string_view text) const { return in_.substr(at_).starts_with(text); }

  void Copy(size_t count) {
    out_.append(in_.substr(at_, count));
    at_ += count;
  }
  void Replace(size_t count, std::string_view text) {
    out_.append(text);
    at_ += count;
  }

  base::Status CopyElement() {
    switch (in_[at_]) {
      case '\\':
        return CopyEscape();
      case '[':
        return OpenSet();
      case '(':
        return OpenGroup();
      case ')':
        if (ignores_case_.size() > 1) ignores_case_.pop_back();
        Copy(1);
        return {};
      case '{':
        return CopyBrace();
      default:
        Copy(1);
        return {};
    }
  }

  base::Status OpenSet() {
    in_set_ = true;
    Copy(Next("[^") ? 2 : 1);
    if (Next("]")) Replace(1, "\\]");  // a bracket in first place is a member
    return {};
  }

  base::Status CopySetElement() {
    if (in_[at_] == '\\') return CopyEscape();
    if (in_[at_] == '[') return Refuse(at_, "a set inside a set");
    if (Next("&&")) return Refuse(at_, "the intersection of sets");
    in_set_ = in_[at_] != ']';
    Copy(1);
    return {};
  }

  base::Status OpenGroup() {
    if (Next("(*")) return Refuse(at_, "'(*'");
    ignores_case_.push_back(ignores_case_.back());
    for (const std::string_view kind : {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?<"}) {
      if (!Next(kind)) continue;
      Copy(kind.size());
      return {};
    }
    if (Next("(?")) return CopyOptions();
    Copy(1);
    return {};
  }

  // (?i:...) and, at the very start, (?i): further in, the two libraries disagree on where the
  // option ends. Oniguruma's m lets the dot match line ends, which PCRE2 calls s.
  base::Status CopyOptions() {
    const size_t begin = at_;
    Copy(2);
    bool on = true;
    while (at_ < in_.size() && std::string_view("im-").find(in_[at_]) != std::string_view::npos) {
      if (in_[at_] == '-') on = false;
      if (in_[at_] == 'i') ignores_case_.back() = on;
      in_[at_] == 'm' ? Replace(1, "s") : Copy(1);
    }
    const bool for_all = begin == 0 && Next(")");
    if (!for_all && !Next(":")) return Refuse(begin, "this kind of '(?'");
    if (for_all) ignores_case_.erase(ignores_case_.begin());
    Copy(1);
    return {};
  }

  // {n}, {n,m}, {n,} and {,m} repeat; other braces are themselves.
  base::Status CopyBrace() {
    size_t at = at_ + 1;
    const auto skip_digits = [&] {
      while (at < in_.size() && IsAsciiDigit(in_[at])) ++at;
    };
    skip_digits();
    const bool has_low = at > at_ + 1;
    const bool has_comma = at < in_.size() && in_[at] == ',';
    bool has_high = false;
    if (has_comma) {
      const size_t high = ++at;
      skip_digits();
      has_high = at > high;
    }
    if (at >= in_.size() || in_[at] != '}' || (!has_low && !has_high)) {
      Replace(1, "\\{");
      return {};
    }
    // For Oniguruma the plus repeats the repetition, for PCRE2 it forbids giving back.
    const char after = at + 1 < in_.size() ? in_[at + 1] : '\0';
    if (after == '+' || (after == '?' && !has_comma)) {
      return Refuse(at_, fmt::format("'{}'", in_.substr(at_, at + 2 - at_)));
    }
    if (!has_low) Replace(1, "{0");
    Copy(at + 1 - at_);
    return {};
  }

  base::Status CopyEscape() {
    if (at_ + 1 >= in_.size()) return Refuse(at_, "a backslash with nothing behind it");
    const std::string_view replacement = FindReplacement(in_[at_ + 1]);
    if (!replacement.empty()) {
      Replace(2, replacement);
      return {};
    }
    switch (in_[at_ + 1]) {
      case 'w':
        return ReplaceSet(in_set_ ? kWordMembers : kBareWordMembers, false);
      case 'W':
        return ReplaceSet(kBareWordMembers, true);
      case 'h':
        return ReplaceSet(kHexMembers, false);
      case 'H':
        return ReplaceSet(kHexMembers, true);
      case 'b':
      case 'B':
        return CopyBoundary();
      case 'p':
      case 'P':
        return CopyProperty();
      case 'u':
        return CopyCodeUnit();
      default:
        return CopyPlainEscape();
    }
  }

  base::Status ReplaceSet(std::string_view members, bool negated) {
    if (in_set_ && negated) {
      return Refuse(at_, fmt::format("'{}' inside a set", in_.substr(at_, 2)));
    }
    Replace(2, in_set_ ? std::string(members) : fmt::format("[{}{}]", negated ? "^" : "", members));
    return {};
  }

  base::Status CopyBoundary() {
    if (in_set_) {  // a backspace
      Copy(2);
      return {};
    }
    const bool changes = in_[at_ + 1] == 'b';
    Replace(2, fmt::format("(?:(?<=[{0}])(?{1}[{0}])|(?<![{0}])(?{2}[{0}]))", kBareWordMembers,
                           changes ? '!' : '=', changes ? '=' : '!'));
    return {};
  }

  // PCRE2 reads a bare script name as the script's extensions too, which for Han adds punctuation.
  base::Status CopyProperty() {
    if (in_set_ && ignores_case_.back()) {
      return Refuse(at_, "a property in a set that ignores case");
    }
    const size_t close = in_.find('}', at_);
    if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || close == std::string_view::npos) {
      return Refuse(at_, fmt::format("'{}' without braces", in_.substr(at_, 2)));
    }
    std::string_view name = in_.substr(at_ + 3, close - at_ - 3);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    const bool is_script = name.size() > 2 && IsScriptName(name);
    out_.append(fmt::format("{}{{{}{}{}}}", in_.substr(at_, 2), negated ? "^" : "",
                            is_script ? "sc:" : "", name));
    at_ = close + 1;
    return {};
  }

  base::Status CopyCodeUnit() {
    const std::string_view digits = in_.substr(at_ + 2, std::min<size_t>(4, in_.size() - at_ - 2));
    for (const char c : digits) {
      if (!std::isxdigit(static_cast<unsigned char>(c))) return Refuse(at_, "this '\\u'");
    }
    if (digits.size() != 4) return Refuse(at_, "this '\\u'");
    Replace(6, fmt::format("\\x{{{}}}", digits));
    return {};
  }

  base::Status CopyPlainEscape() {
    static constexpr std::string_view kSameInBoth = "dDnrtfaexAzZGKRNk";
    const char c = in_[at_ + 1];
    if (IsAsciiLetter(c) && kSameInBoth.find(c) == std::string_view::npos) {
      return Refuse(at_, fmt::format("'\\{}'", c));
    }
    // \xE4 is a byte for Oniguruma and a code point for PCRE2.
    const char digit = at_ + 2 < in_.size() ? in_[at_ + 2] : '\0';
    if (c == 'x' && digit >= '8' && digit != '{') return Refuse(at_, "'\\x' of a single byte");
    Copy(2);
    return {};
  }

  std::string_view in_;
  size_t at_ = 0;
  bool in_set_ = false;
  std::vector<bool> ignores_case_ = {false};  // of the pattern and each open group
  std::string out_;
};

}  // namespace

base::Result<std::string> TranslateOnigurumaPattern(std::string_view pattern) {
  return Translator(pattern).Run();
}

}  // namespace fathom::text
