#include "server/page.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/embedded_file.h"

namespace fathom::server {
namespace {

constexpr std::string_view kIndex = "index.html";

// The page needs its own files and this server, and no more than that is allowed: whatever a model
// says, none of it can become a script, a style, a frame, or a request to elsewhere. With trusted
// types and no policy, the browser throws where a script makes HTML of a text.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

std::string_view FindType(std::string_view name) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".svg", "image/svg+xml"},
  };
  const auto found =
      std::ranges::find_if(kTypes, [&](const auto& type) { return name.ends_with(type.first); });
  return found == std::end(kTypes) ? "application/octet-stream" : found->second;
}

}  // namespace

std::optional<HttpResponse> FindPage(std::string_view path) {
  const std::string_view name =
      path == kPagePath ? kIndex : path.substr(std::min(path.size(), kPageFilesPath.size()));
  const auto files = AllPageFiles();
  const auto file = std::ranges::find(files, name, &EmbeddedFile::name);
  if (file == files.end()) return std::nullopt;
  return HttpResponse{.content_type = std::string(FindType(name)),
                      .headers = {{"Content-Security-Policy", std::string(kPolicy)},
                                  {"Cross-Origin-Opener-Policy", "same-origin"},
                                  {"Cross-Origin-Resource-Policy", "same-origin"},
                                  {"Referrer-Policy", "no-referrer"},
                                  // A new version of the program has a new page.
                                  {"Cache-Control", "no-cache"}},
                      .body = std::string(file->bytes)};
}

}  // namespace fathom::server
