// Words that made-up texts are made of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/random.h"

namespace fathom::data {

inline constexpr auto kWords = std::to_array<std::string_view>({
    "amber",  "anvil",   "apple",  "arrow",  "badge",  "basil",   "beach",   "birch",  "blade",
    "bloom",  "board",   "brick",  "brook",  "cabin",  "candle",  "canyon",  "cedar",  "chalk",
    "cliff",  "cloud",   "coral",  "crane",  "creek",  "crown",   "daisy",   "delta",  "drift",
    "eagle",  "ember",   "fable",  "falcon", "fern",   "field",   "flint",   "forge",  "frost",
    "garden", "ginger",  "glade",  "grove",  "harbor", "hazel",   "heron",   "honey",  "island",
    "ivory",  "jade",    "jasper", "kettle", "lagoon", "lantern", "larch",   "lemon",  "lilac",
    "linen",  "lotus",   "maple",  "marble", "meadow", "mint",    "mirror",  "misty",  "north",
    "oasis",  "ocean",   "olive",  "onyx",   "opal",   "orchid",  "otter",   "pearl",  "pebble",
    "pepper", "petal",   "pine",   "plum",   "pond",   "poppy",   "prairie", "quartz", "raven",
    "reed",   "river",   "robin",  "rose",   "ruby",   "saddle",  "sage",    "sand",   "scarlet",
    "shadow", "silver",  "slate",  "spruce", "star",   "stone",   "storm",   "summit", "sunny",
    "swan",   "thistle", "thorn",  "tiger",  "timber", "topaz",   "tulip",   "valley", "velvet",
    "violet", "walnut",  "willow", "winter", "wolf",   "zephyr",
});

// What tool sessions are about.
inline constexpr auto kCities = std::to_array<std::string_view>(
    {"Lisbon", "Oslo",  "Cairo",  "Lima",   "Hanoi",  "Quito", "Dakar",   "Turin",
     "Osaka",  "Perth", "Malmo",  "Tunis",  "Bergen", "Porto", "Seville", "Kyoto",
     "Riga",   "Genoa", "Aarhus", "Nantes", "Bilbao", "Graz",  "Lagos",   "Havana"});
inline constexpr auto kSkies =
    std::to_array<std::string_view>({"sun", "rain", "snow", "fog", "wind", "clouds"});
inline constexpr auto kItems =
    std::to_array<std::string_view>({"lamp", "kettle", "mirror", "blanket", "chair", "basket",
                                     "clock", "jacket", "bottle", "drum"});
inline constexpr auto kStates =
    std::to_array<std::string_view>({"packed", "shipped", "delivered", "delayed"});
inline constexpr auto kRooms = std::to_array<std::string_view>(
    {"kitchen", "hall", "office", "attic", "garage", "bedroom", "library", "cellar"});
inline constexpr auto kPeople = std::to_array<std::string_view>(
    {"Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Greta", "Hugo", "Ines", "Jon", "Kira", "Leo"});
inline constexpr auto kDays = std::to_array<std::string_view>(
    {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"});

/// A word of one to three syllables, as none of these lists has it but by chance.
inline std::string InventWord(Random& random) {
  constexpr auto kOnsets = std::to_array<std::string_view>(
      {"",   "b",  "bl", "br", "c",  "ch", "d", "dr", "f",  "fl", "g", "gr",
       "h",  "j",  "k",  "l",  "m",  "n",  "p", "pl", "pr", "r",  "s", "sh",
       "sl", "sp", "st", "t",  "th", "tr", "v", "w",  "y",  "z"});
  constexpr auto kVowels = std::to_array<std::string_view>(
      {"a", "a", "e", "e", "i", "i", "o", "o", "u", "y", "ai", "ea", "ee", "oa", "oo", "ou", "ue"});
  constexpr auto kCodas = std::to_array<std::string_view>(
      {"",  "",   "",   "",  "b", "ck", "d",  "g", "l",  "ll", "m", "n",
       "n", "nd", "ng", "p", "r", "rd", "rt", "s", "ss", "st", "t", "x"});
  constexpr auto kSyllables = std::to_array({1, 2, 2, 3});
  std::string word;
  for (int more = random.Pick(kSyllables); more > 0; --more) {
    word += random.Pick(kOnsets);
    word += random.Pick(kVowels);
    word += random.Pick(kCodas);
  }
  return word;
}

/// Any of all these words, each as likely.
inline std::string_view PickAnyWord(Random& random) {
  const std::array<std::span<const std::string_view>, 8> lists = {kWords,  kCities, kSkies,  kItems,
                                                                  kStates, kRooms,  kPeople, kDays};
  uint64_t count = 0;
  for (const auto& list : lists) count += list.size();
  uint64_t at = random.Below(count);
  size_t list = 0;
  for (; at >= lists[list].size(); ++list) at -= lists[list].size();
  return lists[list][at];
}

}  // namespace fathom::data
