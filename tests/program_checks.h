// What tests of the program expect of every command.
#pragma once

#include <string>
#include <vector>

#include "program.h"

namespace fathom::tests {

using Arguments = std::vector<std::string>;

const std::string& RecallModel();
const std::string& NanoFlash();

/// Runs the program, which has to succeed and say nothing but its result, which is returned.
std::string RunWell(const Arguments& arguments, const ProgramOptions& options = {});

/// Runs the program, which has to fail with one line that holds `message`, and print nothing.
void ExpectFailure(const Arguments& arguments, int exit_code, const std::string& message,
                   const ProgramOptions& options = {});

int64_t CountLines(const std::string& text);

}  // namespace fathom::tests
