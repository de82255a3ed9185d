// Real text, from files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace fathom::data {

struct ProseOptions {
  size_t max_bytes = size_t{32} << 20;  ///< of all files together; what is beyond is left out
};

/// The paragraphs of UTF-8 text files, each on one line: blank lines separate them, and runs of
/// white space become one space. `paths` are files, or directories whose *.txt are taken in the
/// order of their names. A path that cannot be read and text that is not UTF-8 are errors.
base::Result<std::vector<std::string>> ReadProse(const std::vector<std::string>& paths,
                                                 const ProseOptions& options = {});

}  // namespace fathom::data
