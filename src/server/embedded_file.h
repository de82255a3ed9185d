// Files that are part of the program; cmake/embed.cmake puts them there.
#pragma once

#include <span>
#include <string_view>

namespace fathom::server {

struct EmbeddedFile {
  std::string_view name;  ///< without folders
  std::string_view bytes;
};

/// The files of src/server/page/.
std::span<const EmbeddedFile> AllPageFiles();

}  // namespace fathom::server
