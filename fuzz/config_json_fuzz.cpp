// Any bytes as config.json: an error of one line, or a configuration with a plan for every layer.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = fathom::model::ParseConfig(text, "fuzz");
  if (!config.ok()) {
    FATHOM_CHECK(config.error().message.starts_with("fuzz: "));
    FATHOM_CHECK(config.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const auto layers =
      static_cast<size_t>(config->num_hidden_layers + config->num_nextn_predict_layers);
  FATHOM_CHECK(config->layers.size() == layers);
  FATHOM_CHECK(config->compress_ratios.size() == layers);
  return 0;
}
