// What tests share that talk to the bundled model through the program.
#pragma once

#include <string>
#include <vector>

#include "program.h"

namespace fathom::tests {

using Arguments = std::vector<std::string>;

Arguments operator+(Arguments left, const Arguments& right);

/// The path of a file of this repository.
std::string SourcePath(const std::string& path);

/// The whole of a file; one that cannot be read fails the test.
std::string ReadText(const std::string& path);

std::vector<std::string> Lines(const std::string& text);

/// A document of facts that the bundled model can tell.
std::string Document();

/// A command of the program, on the bundled model.
Arguments WithModel(const std::string& command);

/// A question that the document answers with 3257.
Arguments Ask();

/// Once a token is drawn, none is as likely as the same again: an answer without end.
extern const Arguments kEndless;

}  // namespace fathom::tests
