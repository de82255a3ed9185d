// Words that made-up texts are made of.
#pragma once

#include <array>
#include <string_view>

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

}  // namespace fathom::data
