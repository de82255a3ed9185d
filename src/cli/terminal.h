// What a terminal can show.
#pragma once

#include <string>
#include <string_view>

namespace fathom::cli {

inline constexpr std::string_view kDim = "\033[2m";
inline constexpr std::string_view kBold = "\033[1m";
inline constexpr std::string_view kNoStyle = "\033[0m";

/// Whether text on this descriptor may be styled: it is a terminal, not a "dumb" one, and NO_COLOR
/// is not set.
bool CanStyle(int descriptor);

/// `text` in `style` if it can be shown there, else as it is.
std::string Style(std::string_view text, std::string_view style, int descriptor);

/// Writes a line to standard error, dimmed where that can be shown. For what goes with an answer
/// and is none of it.
void PrintNote(std::string_view line);

}  // namespace fathom::cli
