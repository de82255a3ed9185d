#include "constraint/alike_tokens.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

#include "constraint/common_rules.h"
#include "constraint/constraint_testing.h"
#include "constraint/pattern_rules.h"

namespace fathom::constraint {
namespace {

struct Made {
  std::optional<AlikeTokens> alike;
  size_t spent = 0;
};

Made MakeOf(std::string_view pattern, const LengthBounds& bounds, size_t budget) {
  Grammar grammar;
  const CommonRules common = AddCommonRules(&grammar);
  PatternRules patterns(common, &grammar);
  EXPECT_TRUE(patterns.Add(pattern, bounds, Spelling::kJson));
  grammar.Finish();
  size_t left = budget;
  Made made = {AlikeTokens::Make(Vocabulary()->trie(), grammar, grammar.places().back(), &left)};
  made.spent = budget - left;
  return made;
}

// What places tell tokens apart by is few things, however many places there are.
TEST(AlikeTokens, AreOfFewClasses) {
  for (const char* pattern : {R"(^(\w+ ){1,9}\w+$)", "^[a-z]{1,500}$", "(todo|fixme)"}) {
    SCOPED_TRACE(pattern);
    for (const LengthBounds& bounds : {LengthBounds{}, LengthBounds{.least = 2, .most = 90}}) {
      const Made made = MakeOf(pattern, bounds, AlikeTokens::kBudget);
      ASSERT_TRUE(made.alike);
      EXPECT_GT(made.alike->class_count(), 2);
      EXPECT_LT(made.alike->class_count(), 300);
    }
  }
}

TEST(AlikeTokens, TakeNoMoreThanTheirBudget) {
  const Made whole = MakeOf("^[a-z]{1,500}$", {}, AlikeTokens::kBudget);
  EXPECT_GT(whole.spent, 500);
  EXPECT_TRUE(MakeOf("^[a-z]{1,500}$", {}, whole.spent).alike);
  const Made less = MakeOf("^[a-z]{1,500}$", {}, whole.spent - 1);
  EXPECT_FALSE(less.alike);
  EXPECT_LT(less.spent, whole.spent);
}

}  // namespace
}  // namespace fathom::constraint
