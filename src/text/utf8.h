// UTF-8 as text that may hold any bytes needs it: what is valid, and what may still become valid.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fathom::text {

/// The bytes of the UTF-8 character that starts at `text[at]`: 1 to 4, or 0 if there is none
/// (overlong forms, surrogates and values above U+10FFFF are none).
size_t CharacterLength(std::string_view text, size_t at);

/// The code point of the character of `length` = CharacterLength(text, at) > 0 bytes.
char32_t CodePointAt(std::string_view text, size_t at, size_t length);

/// The bytes of the UTF-8 character that ends right before `text[end]`, or 0 if there is none.
size_t CharacterLengthBefore(std::string_view text, size_t end);

/// The length of the longest prefix of `text` that is valid UTF-8.
size_t ValidPrefixLength(std::string_view text);

/// The length (0 to 3) of a tail of `text` that begins a character and lacks only its end.
size_t UnfinishedTailLength(std::string_view text);

/// Whether the code point has the Unicode property White_Space.
bool IsWhiteSpace(char32_t code_point);

/// Appends the code point, which must be a Unicode scalar value, to `out`.
void AppendUtf8(char32_t code_point, std::string& out);

}  // namespace fathom::text
