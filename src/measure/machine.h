// What a measurement ran on.
#pragma once

#include <string>

namespace fathom::measure {

/// The processor's name as the system gives it, and how many of its threads this process may use:
/// "AMD EPYC 9B14, 2 CPUs".
std::string DescribeMachine();

}  // namespace fathom::measure
