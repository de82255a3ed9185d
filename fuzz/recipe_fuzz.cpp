// Any bytes as a recipe: an error of one line, or stages in which every step has its place.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "train/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto recipe = fathom::train::ParseRecipe(
      std::string_view(reinterpret_cast<const char*>(data), size), "recipe.toml");
  if (!recipe.ok()) {
    FATHOM_CHECK(recipe.error().message.starts_with("recipe.toml: "));
    return 0;
  }
  const int64_t steps = recipe->steps();
  FATHOM_CHECK(steps >= 1);
  FATHOM_CHECK(fathom::train::FindStep(*recipe, 0).stage == &recipe->stages.front());
  FATHOM_CHECK(fathom::train::FindStep(*recipe, steps - 1).stage == &recipe->stages.back());
  return 0;
}
