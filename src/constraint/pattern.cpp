#include "constraint/pattern.h"

#include <algorithm>
#include <utility>

#include "text/utf8.h"

namespace fathom::constraint {
namespace {

using base::Result;
using base::Status;

constexpr int kMaxGroups = 64;           // inside one another
constexpr uint32_t kMaxRepeats = 10000;  // more is more states than any automaton gets

const CharacterSet kDigits = {{'0', '9'}};
const CharacterSet kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharacterSet kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
// WhiteSpace and LineTerminator of ECMA 262.
const CharacterSet kSpaces = {
    {'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};

bool IsLetter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char32_t c) { return c >= '0' && c <= '9'; }
bool IsSurrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

CharacterSet Only(char32_t character) { return {{character, character}}; }
Pattern MakeSet(CharacterSet set) { return {.kind = Pattern::Kind::kSet, .set = std::move(set)}; }

class PatternReader {
 public:
  explicit PatternReader(std::string_view text) : text_(text) {}

  Result<Pattern> Read() {
    FATHOM_ASSIGN(Pattern whole, ReadChoice());
    if (at_ < text_.size()) return Fail("a parenthesis that nothing opened");
    return whole;
  }

 private:
  base::Error Fail(std::string_view what) const {
    return base::MakeError("byte {}: {}", at_, what);
  }
  bool Next(std::string_view wanted) const { return text_.substr(at_).starts_with(wanted); }
  bool Take(std::string_view wanted) {
    if (!Next(wanted)) return false;
    at_ += wanted.size();
    return true;
  }
  // REQUIRES: there is one.
  char32_t TakeCharacter() {
    const size_t length = std::max<size_t>(text::CharacterLength(text_, at_), 1);
    const char32_t character = text::CodePointAt(text_, at_, length);
    at_ += length;
    return character;
  }

  Result<Pattern> ReadChoice() {
    Pattern choice = {.kind = Pattern::Kind::kChoice};
    do {
      FATHOM_ASSIGN(Pattern sequence, ReadSequence());
      choice.parts.push_back(std::move(sequence));
    } while (Take("|"));
    if (choice.parts.size() == 1) return Pattern(std::move(choice.parts[0]));
    return MergeSets(std::move(choice));
  }

  // A choice of characters is a set of them.
  static Pattern MergeSets(Pattern choice) {
    Pattern merged = {.kind = Pattern::Kind::kChoice};
    CharacterSet characters;
    bool has_sets = false;
    for (Pattern& part : choice.parts) {
      if (part.kind == Pattern::Kind::kSet) {
        has_sets = true;
        characters = Unite(std::move(characters), part.set);
      } else {
        merged.parts.push_back(std::move(part));
      }
    }
    if (has_sets) merged.parts.push_back(MakeSet(std::move(characters)));
    return merged.parts.size() == 1 ? Pattern(std::move(merged.parts[0])) : merged;
  }

  Result<Pattern> ReadSequence() {
    Pattern sequence;
    while (at_ < text_.size() && !Next("|") && !Next(")")) {
      FATHOM_ASSIGN(Pattern term, ReadTerm());
      sequence.parts.push_back(std::move(term));
    }
    if (sequence.parts.size() == 1) return Pattern(std::move(sequence.parts[0]));
    return sequence;
  }

  Result<Pattern> ReadTerm() {
    if (Take("^")) return Pattern{.kind = Pattern::Kind::kBegin};
    if (Take("$")) return Pattern{.kind = Pattern::Kind::kEnd};
    FATHOM_ASSIGN(Pattern atom, ReadAtom());
    return ReadRepeat(std::move(atom));
  }

  Result<Pattern> ReadAtom() {
    if (Next("*") || Next("+") || Next("?")) return Fail("nothing to repeat");
    if (Take("(")) return ReadGroup();
    if (Take("[")) return ReadClass();
    if (Take(".")) return MakeSet(Complement(kLineEnds));
    if (!Take("\\")) return MakeSet(Only(TakeCharacter()));
    FATHOM_ASSIGN(CharacterSet set, ReadEscape(false));
    return MakeSet(std::move(set));
  }

  Result<Pattern> ReadGroup() {
    if (Next("?") && !Take("?:")) {
      const bool is_named = Take("?<") && !Next("=") && !Next("!");
      if (!is_named) return Fail("lookaround or a flag");
      at_ = std::min(text_.find('>', at_), text_.size() - 1) + 1;
    }
    if (++groups_ > kMaxGroups) return Fail("groups are nested too deep");
    FATHOM_ASSIGN(Pattern inside, ReadChoice());
    --groups_;
    if (!Take(")")) return Fail("a parenthesis that nothing closes");
    return inside;
  }

  // The question mark of a lazy one changes what is matched first, not what matches.
  Result<Pattern> ReadRepeat(Pattern atom) {
    Pattern repeat = {.kind = Pattern::Kind::kRepeat};
    if (Take("+")) {
      repeat.least = 1;
    } else if (Take("?")) {
      repeat.most = 1;
    } else if (!Take("*")) {
      FATHOM_ASSIGN(const bool is_counted, ReadCounts(&repeat));
      if (!is_counted) return atom;
    }
    Take("?");
    if (Next("*") || Next("+") || Next("?")) return Fail("a repetition of a repetition");
    repeat.parts.push_back(std::move(atom));
    return repeat;
  }

  // {2}, {2,} or {2,3}; other braces are themselves.
  Result<bool> ReadCounts(Pattern* repeat) {
    const size_t begin = at_;
    const auto give_back = [&] {
      at_ = begin;
      return false;
    };
    if (!Take("{")) return false;
    const std::optional<uint32_t> least = TakeNumber();
    if (!least) return give_back();
    repeat->least = *least;
    repeat->most = least;
    if (Take(",")) repeat->most = TakeNumber();
    if (!Take("}")) return give_back();
    if (repeat->most && *repeat->most < *least) return Fail("bounds that exclude each other");
    if (std::max(*least, repeat->most.value_or(0)) > kMaxRepeats) return Fail("too many");
    return true;
  }

  std::optional<uint32_t> TakeNumber() {
    const size_t begin = at_;
    uint32_t number = 0;
    for (; at_ < text_.size() && IsDigit(static_cast<unsigned char>(text_[at_])); ++at_)
      number = std::min(number * 10 + static_cast<uint32_t>(text_[at_] - '0'), kMaxRepeats + 1);
    return at_ == begin ? std::nullopt : std::optional(number);
  }

  Result<Pattern> ReadClass() {
    const bool is_negated = Take("^");
    CharacterSet members;
    while (!Take("]")) {
      if (at_ == text_.size()) return Fail("a bracket that nothing closes");
      FATHOM_ASSIGN(CharacterSet member, ReadMember());
      if (Next("-") && !Next("-]") && at_ + 1 < text_.size()) {
        Take("-");
        FATHOM_ASSIGN(const CharacterSet last, ReadMember());
        FATHOM_ASSIGN(member, MakeRange(std::move(member), last));
      }
      members = Unite(std::move(members), member);
    }
    return MakeSet(is_negated ? Complement(members) : members);
  }

  Result<CharacterSet> ReadMember() {
    if (at_ == text_.size()) return Fail("a bracket that nothing closes");
    if (Take("\\")) return ReadEscape(true);
    return Only(TakeCharacter());
  }

  // Between sets a hyphen is itself.
  Result<CharacterSet> MakeRange(CharacterSet first, const CharacterSet& last) const {
    if (CountCharacters(first) != 1 || CountCharacters(last) != 1)
      return Unite(Unite(std::move(first), last), Only('-'));
    if (first[0].first > last[0].first) return Fail("a range from the higher to the lower");
    return CharacterSet{{first[0].first, last[0].first}};
  }

  // Behind the backslash.
  Result<CharacterSet> ReadEscape(bool in_class) {
    if (at_ == text_.size()) return Fail("a backslash with nothing behind it");
    const char32_t c = TakeCharacter();
    switch (c) {
      case 'd':
        return kDigits;
      case 'D':
        return Complement(kDigits);
      case 'w':
        return kWord;
      case 'W':
        return Complement(kWord);
      case 's':
        return kSpaces;
      case 'S':
        return Complement(kSpaces);
      case 'x':
        return ReadHex(2);
      case 'u':
        return ReadUnicode();
      default:
        return ReadCharacterEscape(c, in_class);
    }
  }

  Result<CharacterSet> ReadCharacterEscape(char32_t c, bool in_class) {
    static constexpr std::string_view kControls = "t\tn\nv\vf\fr\r";
    for (size_t i = 0; i < kControls.size(); i += 2)
      if (c == static_cast<unsigned char>(kControls[i]))
        return Only(static_cast<unsigned char>(kControls[i + 1]));
    if (c == 'b' && in_class) return Only('\b');
    const bool is_octal = at_ < text_.size() && IsDigit(static_cast<unsigned char>(text_[at_]));
    if (c == '0' && !is_octal) return Only(0);
    if (c == 'c' && at_ < text_.size() && IsLetter(static_cast<unsigned char>(text_[at_])))
      return Only(TakeCharacter() % 32);
    if (IsLetter(c) || IsDigit(c)) return Fail("an escape that means something else");
    return Only(c);
  }

  Result<char32_t> TakeHex(size_t digits) {
    char32_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char32_t c = at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : 0;
      const char32_t low = c | 0x20;
      if (!IsDigit(c) && (low < 'a' || low > 'f')) return Fail("no hexadecimal digit");
      value = value * 16 + (IsDigit(c) ? c - '0' : low - 'a' + 10);
    }
    return value;
  }

  Result<CharacterSet> ReadHex(size_t digits) {
    FATHOM_ASSIGN(const char32_t character, TakeHex(digits));
    return Only(character);
  }

  // \u0041, \u{41}, or the two halves of a pair of surrogates.
  Result<CharacterSet> ReadUnicode() {
    char32_t character = 0;
    if (Take("{")) {
      const size_t digits = std::min(text_.find('}', at_), text_.size()) - at_;
      if (digits == 0 || digits > 6) return Fail("no hexadecimal number");
      FATHOM_ASSIGN(character, TakeHex(digits));
      if (!Take("}")) return Fail("no hexadecimal number");
    } else {
      FATHOM_ASSIGN(character, TakeHex(4));
      if (character >= 0xD800 && character < 0xDC00 && Take("\\u")) {
        FATHOM_ASSIGN(const char32_t low, TakeHex(4));
        if (low < 0xDC00 || low > 0xDFFF) return Fail("half a pair of surrogates");
        character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
      }
    }
    if (IsSurrogate(character)) return Fail("half a pair of surrogates");
    if (character > kLastCharacter) return Fail("no character");
    return Only(character);
  }

  std::string_view text_;
  size_t at_ = 0;
  int groups_ = 0;  // that are open
};

}  // namespace

Result<Pattern> ReadPattern(std::string_view text) { return PatternReader(text).Read(); }

}  // namespace fathom::constraint
