// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace fathom::cli {

/// "1,048,576"
std::string FormatCount(int64_t count);

/// With `digits` after the point: "5,031.4"
std::string FormatDecimal(double value, int digits);

/// Three significant digits and a decimal unit: "3.51 GB", "584 bytes"
std::string FormatBytes(uint64_t bytes);

/// Three significant digits: "284 billion", "1.59 trillion", "1.87 million", "512"
std::string FormatMagnitude(int64_t count);

}  // namespace fathom::cli
