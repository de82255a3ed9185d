// The published models' configurations, for measuring and counting where no checkpoint is at hand.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::model {

/// The config.json of a published model: "flash" (DeepSeek-V4-Flash) or "pro" (DeepSeek-V4-Pro).
/// Any other name is an error that lists the two.
base::Result<std::string> PresetConfig(std::string_view name);

}  // namespace fathom::model
