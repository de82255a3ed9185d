#include "base/system_error.h"

#include <cstring>

namespace fathom::base {

Error SystemError(std::string_view subject, std::string_view action, int error) {
  return MakeError("{}: cannot {}: {}", subject, action, std::strerror(error));
}

}  // namespace fathom::base
