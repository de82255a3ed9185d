// The layout of --help.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace fathom::cli {

/// The command and what it takes: "fathom inspect [OPTION]... DIR".
std::string FormatUsage(const CLI::App& app);

/// NAME - SUMMARY, usage, arguments, options by group, commands by group, and the footer.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace fathom::cli
