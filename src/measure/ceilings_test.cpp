#include "measure/ceilings.h"

#include <gtest/gtest.h>

#include "kernels/dispatch.h"
#include "measure/machine.h"
#include "measure/stopwatch.h"

namespace fathom::measure {
namespace {

// Far below and far above what any CPU does: a rate in the wrong unit is beyond them.
TEST(Ceilings, AreRatesOfAComputer) {
  base::ThreadPool pool(2);
  for (const kernels::KernelTable* kernels : kernels::SupportedKernels()) {
    SCOPED_TRACE(kernels->name);
    CeilingMeter meter(*kernels, pool, 16 << 20);
    meter.Sample();
    const Ceilings ceilings = meter.ceilings();
    EXPECT_GT(ceilings.read_bytes, 1e8);
    EXPECT_LT(ceilings.read_bytes, 1e13);
    for (const double macs : {ceilings.bf16_macs, ceilings.int8_macs}) {
      EXPECT_GT(macs, 1e8);
      EXPECT_LT(macs, 1e15);
    }
  }
}

TEST(Median, IsTheMiddleOfAnyOrder) {
  EXPECT_EQ(Median({5}), 5);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 100, 1, 2}), 3);
}

TEST(Machine, IsDescribedOnOneLine) {
  const std::string machine = DescribeMachine();
  EXPECT_NE(machine.find(" CPU"), std::string::npos);
  EXPECT_EQ(machine.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace fathom::measure
