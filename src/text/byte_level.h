// How byte-level tokenizer files write bytes: as printable characters, one each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fathom::text {

/// The character that stands for a byte: itself if it is printable and no space, else one of those
/// from U+0100 on. All are below U+0144.
char32_t CharacterOfByte(uint8_t byte);

/// `bytes` in such characters, as UTF-8.
std::string SpellByteLevel(std::string_view bytes);

}  // namespace fathom::text
