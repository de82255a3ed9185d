#include "text/ecma_syntax.h"

namespace fathom::text {
namespace {

constexpr std::string_view kSpaceMembers =
    R"(\t-\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF})";
constexpr std::string_view kDot = R"([^\n\r\u{2028}\u{2029}])";

}  // namespace

base::Result<std::string> TranslateEcmaPattern(std::string_view pattern) {
  std::string out;
  bool in_set = false;
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    const char next = at + 1 < pattern.size() ? pattern[at + 1] : '\0';
    if (c == '\\' && next == 's') {
      out.append(in_set ? std::string(kSpaceMembers) : fmt::format("[{}]", kSpaceMembers));
      ++at;
    } else if (c == '\\' && next == 'S' && !in_set) {
      out.append(fmt::format("[^{}]", kSpaceMembers));
      ++at;
    } else if (c == '\\' && next != '\0') {
      out.append(pattern.substr(at++, 2));
    } else if (c == '.' && !in_set) {
      out.append(kDot);
    } else if (c == '(' && next == '*' && !in_set) {
      return base::MakeError("'(*' at byte {} repeats nothing", at);
    } else {
      in_set = in_set ? c != ']' : c == '[';
      out += c;
    }
  }
  return out;
}

}  // namespace fathom::text
