// What a measurement ran on.
#pragma once

#include <string>

namespace fathom::measure {

/// The processor's name as the system gives it, and how many of its threads this process may use:
/// "AMD EPYC 9B14, 2 CPUs".
std::string DescribeMachine();

/// Of what this process has touched of the files that it maps, the share that lies in pages of 2
/// MiB: 0 to 1, and 0 where the system does not tell. A model outside of them decodes half as fast
/// in a virtual machine.
double LargePageShare();

}  // namespace fathom::measure
