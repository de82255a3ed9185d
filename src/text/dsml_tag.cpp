#include "text/dsml_tag.h"

#include <algorithm>
#include <cctype>

namespace fathom::text {
namespace {

using Element = DsmlTag::Element;

struct Word {
  std::string_view text;
  Element element;
};
constexpr Word kWords[] = {{"tool_calls", Element::kToolCalls},
                           {"invoke", Element::kInvoke},
                           {"parameter", Element::kParameter}};

struct Quotes {
  std::string_view open;
  std::string_view close;
};
constexpr Quotes kQuotes[] = {{"\"", "\""}, {"'", "'"}, {"“", "”"}};

constexpr std::string_view kBars[] = {"｜", "|"};
constexpr int kMaxBars = 2;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::optional<bool> ReadFlag(std::string value) {
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (value == "true") return true;
  if (value == "false") return false;
  return std::nullopt;
}

// Reads one tag from left to right. Every method moves past what it matched on kYes only.
class TagReader {
 public:
  explicit TagReader(std::string_view text) : text_(text) {}

  Match Read(DsmlTag* tag) {
    if (const Match match = Take("<"); match != Match::kYes) return match;
    const Match slash = Take("/");
    if (slash == Match::kPartial) return slash;
    tag->is_closing = slash == Match::kYes;
    if (const Match match = ReadMarker(tag); match != Match::kYes) return match;
    if (const Match match = ReadElement(tag); match != Match::kYes) return match;
    if (const Match match = ReadAttributes(tag); match != Match::kYes) return match;
    const bool needs_name = !tag->is_closing && tag->element != Element::kToolCalls;
    if (needs_name && !has_name_) return Match::kNo;
    tag->length = at_;
    return Match::kYes;
  }

 private:
  Match Take(std::string_view literal) {
    const std::string_view rest = text_.substr(at_, literal.size());
    if (rest == literal) {
      at_ += literal.size();
      return Match::kYes;
    }
    return literal.starts_with(rest) ? Match::kPartial : Match::kNo;
  }

  bool IsAtEnd() const { return at_ == text_.size(); }

  size_t SkipSpace() {
    const size_t begin = at_;
    while (!IsAtEnd() && IsSpace(text_[at_])) ++at_;
    return at_ - begin;
  }

  // Counts the bars here, up to kMaxBars.
  Match ReadBars(int* count) {
    for (*count = 0; *count < kMaxBars; ++*count) {
      Match match = Match::kNo;
      for (std::string_view bar : kBars) {
        match = Take(bar);
        if (match != Match::kNo) break;
      }
      if (match == Match::kPartial) return match;
      if (match == Match::kNo) break;
    }
    return Match::kYes;
  }

  Match ReadMarker(DsmlTag* tag) {
    int before = 0;
    if (const Match match = ReadBars(&before); match != Match::kYes) return match;
    const Match marker = Take("DSML");
    if (marker == Match::kPartial) return marker;
    tag->is_plain = marker == Match::kNo;
    if (tag->is_plain) return before == 0 ? Match::kYes : Match::kNo;
    int after = 0;
    return ReadBars(&after);
  }

  Match ReadElement(DsmlTag* tag) {
    for (const Word& word : kWords) {
      const Match match = Take(word.text);
      if (match == Match::kNo) continue;
      tag->element = word.element;
      return match;
    }
    return Match::kNo;
  }

  Match ReadAttributes(DsmlTag* tag) {
    while (true) {
      const size_t space = SkipSpace();
      if (IsAtEnd()) return Match::kPartial;
      if (Take(">") == Match::kYes) return Match::kYes;
      if (space == 0 || tag->is_closing) return Match::kNo;
      if (const Match match = ReadAttribute(tag); match != Match::kYes) return match;
    }
  }

  Match ReadAttribute(DsmlTag* tag) {
    const size_t begin = at_;
    while (!IsAtEnd() && (std::isalpha(static_cast<unsigned char>(text_[at_])) != 0)) ++at_;
    const std::string_view key = text_.substr(begin, at_ - begin);
    if (IsAtEnd()) return Match::kPartial;
    if (key.empty()) return Match::kNo;
    SkipSpace();
    if (const Match match = Take("="); match != Match::kYes) return match;
    SkipSpace();
    std::string value;
    if (const Match match = ReadValue(&value); match != Match::kYes) return match;
    if (key == "name") {
      tag->name = std::move(value);
      has_name_ = true;
    } else if (key == "string") {
      tag->is_string = ReadFlag(std::move(value));
    }
    return Match::kYes;
  }

  Match ReadValue(std::string* value) {
    for (const Quotes& quotes : kQuotes) {
      const Match match = Take(quotes.open);
      if (match == Match::kPartial) return match;
      if (match == Match::kYes) return ReadUpTo(quotes.close, value);
    }
    return Match::kNo;
  }

  Match ReadUpTo(std::string_view close, std::string* value) {
    for (size_t end = text_.find(close, at_); end != text_.npos; end = text_.find(close, end + 1)) {
      const size_t next = end + close.size();
      if (next == text_.size()) break;
      if (text_[next] != '>' && !IsSpace(text_[next])) continue;
      *value = text_.substr(at_, end - at_);
      at_ = next;
      return Match::kYes;
    }
    return Match::kPartial;
  }

  std::string_view text_;
  size_t at_ = 0;
  bool has_name_ = false;
};

}  // namespace

Match MatchTag(std::string_view text, DsmlTag* tag) {
  *tag = {};
  const Match match = TagReader(text.substr(0, kMaxTagLength)).Read(tag);
  return match == Match::kPartial && text.size() >= kMaxTagLength ? Match::kNo : match;
}

}  // namespace fathom::text
