#include "constraint/schema_reference.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace fathom::constraint {
namespace {

using text::Field;

std::string Unescape(std::string_view part) {
  std::string out;
  for (size_t i = 0; i < part.size(); ++i) {
    const bool is_escape = part[i] == '~' && i + 1 < part.size();
    out += is_escape ? (part[++i] == '1' ? '/' : '~') : part[i];
  }
  return out;
}

// "%25" is a percent sign, as in other fragments of addresses.
std::string DecodePercents(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    const bool is_escape =
        text[i] == '%' && digits.size() == 2 && read.ptr == digits.data() + digits.size();
    out += is_escape ? static_cast<char>(byte) : text[i];
    if (is_escape) i += 2;
  }
  return out;
}

// The part of an array or object that a step of a pointer means.
Field FindPart(const Field& whole, const std::string& step) {
  if (!whole.IsArray()) return whole.Member(step);
  const bool is_number =
      !step.empty() && step.size() < 9 && step.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number || std::stoul(step) >= whole.json->AsArray()->size()) return {};
  return whole.Item(std::stoul(step));
}

}  // namespace

Field FindReference(const Field& document, std::string_view address) {
  const std::string reference = DecodePercents(address);
  if (!reference.starts_with('#')) return {};
  Field current = document;
  for (size_t at = 1; at < reference.size() && !current.IsMissing();) {
    if (reference[at] != '/') return {};
    const size_t end = std::min(reference.find('/', at + 1), reference.size());
    current = FindPart(current, Unescape(std::string_view(reference).substr(at + 1, end - at - 1)));
    at = end;
  }
  return current;
}

}  // namespace fathom::constraint
