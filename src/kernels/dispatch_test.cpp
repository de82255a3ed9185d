#include "kernels/dispatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "kernels/tiers.h"

namespace fathom::kernels {
namespace {

// Sets FATHOM_ISA for as long as it lives.
class ForcedIsa {
 public:
  explicit ForcedIsa(const char* name) { setenv("FATHOM_ISA", name, 1); }
  ~ForcedIsa() { unsetenv("FATHOM_ISA"); }
};

TEST(Dispatch, PortableIsAlwaysThereAndLast) {
  ASSERT_FALSE(SupportedKernels().empty());
  EXPECT_EQ(SupportedKernels().back(), &PortableKernels());
}

TEST(Dispatch, TakesTheBestTierUnlessForced) {
  unsetenv("FATHOM_ISA");
  EXPECT_EQ(SelectKernels().value(), SupportedKernels().front());
  const ForcedIsa forced("");
  EXPECT_EQ(SelectKernels().value(), SupportedKernels().front());
}

TEST(Dispatch, ForcedNameYieldsThatTierAndItsOwnCode) {
  for (const KernelTable* tier : SupportedKernels()) {
    const ForcedIsa forced(tier->name);
    const KernelTable* selected = SelectKernels().value();
    EXPECT_STREQ(selected->name, tier->name);
    for (const KernelTable* other : SupportedKernels()) {
      if (other == tier) continue;
      EXPECT_NE(selected->matmul_quantized, other->matmul_quantized);
    }
  }
}

TEST(Dispatch, UnknownNameIsAnErrorThatListsTheTiers) {
  const ForcedIsa forced("sse9");
  const auto selected = SelectKernels();
  ASSERT_FALSE(selected.ok());
  EXPECT_THAT(selected.error().message, testing::HasSubstr("FATHOM_ISA=sse9"));
  for (const KernelTable* tier : SupportedKernels())
    EXPECT_THAT(selected.error().message, testing::HasSubstr(tier->name));
}

TEST(Dispatch, TiersAreNamedOnceEach) {
  for (const KernelTable* tier : SupportedKernels())
    EXPECT_EQ(FindKernels(tier->name).value(), tier) << tier->name;
}

}  // namespace
}  // namespace fathom::kernels
