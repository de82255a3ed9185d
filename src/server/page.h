// The page that the server has for people: files that their browser gets as they are. It holds
// nothing of anybody's; what it shows it asks the API for, with the key that its user types.
#pragma once

#include <optional>
#include <string_view>

#include "server/http.h"

namespace fathom::server {

inline constexpr std::string_view kPagePath = "/";
inline constexpr std::string_view kPageFilesPath = "/page/";

/// The page, or a file of it: kPageFilesPath and its name. Nothing if there is no such file.
std::optional<HttpResponse> FindPage(std::string_view path);

}  // namespace fathom::server
