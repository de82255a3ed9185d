// Lines of the log: JSON objects, with nothing of what was asked and answered, nor keys.
#pragma once

#include <string>
#include <string_view>

#include "server/http.h"

namespace fathom::server {

/// A request that is over.
std::string FormatRequest(const RequestRecord& record);

/// Something else that happened. `details` are further members as JSON, or empty.
std::string FormatEvent(std::string_view event, std::string_view details = {});

}  // namespace fathom::server
