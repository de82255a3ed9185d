// The tiers of this build, and the one in use.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "kernels/kernel_table.h"

namespace fathom::kernels {

/// Every tier of this build that this CPU can run, best first. Never empty: portable runs anywhere.
std::span<const KernelTable* const> SupportedKernels();

/// The tier called `name`. An error lists those that can run here.
base::Result<const KernelTable*> FindKernels(std::string_view name);

/// The best tier, or the one that the environment variable FATHOM_ISA names; an unsupported name is
/// an error, never a silent fallback.
base::Result<const KernelTable*> SelectKernels();

}  // namespace fathom::kernels
