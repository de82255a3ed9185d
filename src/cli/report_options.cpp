#include "cli/report_options.h"

#include <utility>

namespace fathom::cli {

void AddFormatOptions(CLI::App& app, OutputFormat* format) {
  const auto add = [&](const char* name, OutputFormat value, const char* description) {
    return AddFlag(app, name, description, [format, value] { *format = value; });
  };
  const Option json = add("--json", OutputFormat::kJson, "Print JSON");
  add("--csv", OutputFormat::kCsv, "Print a line for each row, commas between figures")
      .Exclude(json);
}

base::Result<std::optional<base::AtomicFile>> CreatePlot(const std::string& path) {
  std::optional<base::AtomicFile> file;
  if (path.empty()) return file;
  FATHOM_ASSIGN(base::AtomicFile created, base::AtomicFile::Create(path));
  file.emplace(std::move(created));
  return file;
}

base::Status WritePlot(std::optional<base::AtomicFile>& file, const std::string& svg) {
  FATHOM_TRY(file->Write(svg));
  return file->Commit();
}

}  // namespace fathom::cli
