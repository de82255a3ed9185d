#pragma once

#include <cerrno>
#include <string_view>

#include "base/result.h"

namespace fathom::base {

/// The error of a system call that failed with `error`: "SUBJECT: cannot ACTION: No such file ...".
Error SystemError(std::string_view subject, std::string_view action, int error = errno);

}  // namespace fathom::base
