#include "text/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace fathom::text {
namespace {

// What may follow a lead byte: how many continuation bytes, and the range of the first of them,
// which is narrower than 80..BF where overlong forms, surrogates or values above U+10FFFF begin.
struct Lead {
  size_t continuations;
  uint8_t first_low;
  uint8_t first_high;
};

constexpr Lead kNoLead = {0, 1, 0};

Lead ClassifyLead(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1, 0x80, 0xBF};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2, 0x80, 0xBF};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {3, 0x80, 0xBF};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  return kNoLead;
}

uint8_t ByteAt(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

// How many of the lead's continuation bytes stand in `text` from `at` on, before the first that
// does not belong.
size_t CountContinuations(std::string_view text, size_t at, const Lead& lead) {
  size_t count = 0;
  while (count < lead.continuations && at + count < text.size()) {
    const uint8_t byte = ByteAt(text, at + count);
    const uint8_t low = count == 0 ? lead.first_low : 0x80;
    const uint8_t high = count == 0 ? lead.first_high : 0xBF;
    if (byte < low || byte > high) break;
    ++count;
  }
  return count;
}

}  // namespace

size_t CharacterLength(std::string_view text, size_t at) {
  if (at >= text.size()) return 0;
  if (ByteAt(text, at) < 0x80) return 1;
  const Lead lead = ClassifyLead(ByteAt(text, at));
  if (lead.continuations == 0) return 0;
  return CountContinuations(text, at + 1, lead) == lead.continuations ? 1 + lead.continuations : 0;
}

char32_t CodePointAt(std::string_view text, size_t at, size_t length) {
  const uint8_t first = ByteAt(text, at);
  if (length == 1) return first;
  char32_t code_point = first & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) code_point = code_point << 6 | (ByteAt(text, at + i) & 0x3F);
  return code_point;
}

size_t CharacterLengthBefore(std::string_view text, size_t end) {
  for (size_t length = 1; length <= std::min<size_t>(4, end); ++length) {
    if (CharacterLength(text, end - length) == length) return length;
  }
  return 0;
}

size_t ValidPrefixLength(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    // Prompts are mostly ASCII: eight bytes a step.
    uint64_t word;
    while (at + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + at, sizeof(word));
      if ((word & 0x8080808080808080u) != 0) break;
      at += sizeof(word);
    }
    const size_t length = CharacterLength(text, at);
    if (length == 0) break;
    at += length;
  }
  return at;
}

size_t UnfinishedTailLength(std::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(3, text.size()); ++length) {
    const size_t at = text.size() - length;
    const Lead lead = ClassifyLead(ByteAt(text, at));
    if (lead.continuations == 0) continue;
    const bool unfinished =
        length <= lead.continuations && CountContinuations(text, at + 1, lead) == length - 1;
    return unfinished ? length : 0;
  }
  return 0;
}

bool IsWhiteSpace(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x20 || code_point == 0x85 ||
         code_point == 0xA0 || code_point == 0x1680 ||
         (code_point >= 0x2000 && code_point <= 0x200A) || code_point == 0x2028 ||
         code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
         code_point == 0x3000;
}

void AppendUtf8(char32_t code_point, std::string& out) {
  const auto append = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) return append(code_point);
  if (code_point < 0x800) {
    append(0xC0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    append(0xE0 | code_point >> 12);
    append(0x80 | (code_point >> 6 & 0x3F));
  } else {
    append(0xF0 | code_point >> 18);
    append(0x80 | (code_point >> 12 & 0x3F));
    append(0x80 | (code_point >> 6 & 0x3F));
  }
  append(0x80 | (code_point & 0x3F));
}

}  // namespace fathom::text
