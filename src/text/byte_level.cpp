#include "text/byte_level.h"

#include <array>

#include "text/utf8.h"

namespace fathom::text {
namespace {

bool IsPrintable(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

}  // namespace

char32_t CharacterOfByte(uint8_t byte) {
  static const std::array<char32_t, 256> table = [] {
    std::array<char32_t, 256> characters;
    char32_t stand_in = 0x100;
    for (int i = 0; i < 256; ++i)
      characters[static_cast<size_t>(i)] = IsPrintable(i) ? static_cast<char32_t>(i) : stand_in++;
    return characters;
  }();
  return table[byte];
}

std::string SpellByteLevel(std::string_view bytes) {
  std::string spelling;
  for (const char byte : bytes) AppendUtf8(CharacterOfByte(static_cast<uint8_t>(byte)), spelling);
  return spelling;
}

}  // namespace fathom::text
