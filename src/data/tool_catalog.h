// The tools that made-up sessions use.
#pragma once

#include <string_view>
#include <vector>

#include "text/json.h"

namespace fathom::data {

enum class Tool : uint8_t { kWeather, kOrder, kSaveNote, kReadNote, kLamp, kTable, kMessage };

inline constexpr int kToolCount = 7;

/// "get_weather"
std::string_view NameOf(Tool tool);

/// The function object that a conversation offers: name, description, and schema of the parameters.
text::Json SchemaOf(Tool tool);

}  // namespace fathom::data
