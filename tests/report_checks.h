// What tests look for in the reports of commands that measure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fathom::tests {

using Json = nlohmann::ordered_json;

std::vector<std::string> KeysOf(const Json& object);

std::vector<std::string> Split(const std::string& text, char separator);

/// Whether every element is closed, every attribute quoted and every & the beginning of an entity.
bool IsWellFormed(const std::string& xml);

}  // namespace fathom::tests
