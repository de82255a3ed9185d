// How a command that measures tells its figures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/atomic_file.h"
#include "base/result.h"
#include "cli/option.h"

namespace fathom::cli {

enum class OutputFormat : uint8_t { kText, kJson, kCsv };

/// Adds --json and --csv.
void AddFormatOptions(CLI::App& app, OutputFormat* format);

/// The picture's file, made before anything is measured: a path that cannot be written is told at
/// once. Nothing if no picture is wanted.
base::Result<std::optional<base::AtomicFile>> CreatePlot(const std::string& path);

/// REQUIRES: there is a file.
base::Status WritePlot(std::optional<base::AtomicFile>& file, const std::string& svg);

}  // namespace fathom::cli
