#include "data/tool_catalog.h"

#include <array>

#include "base/check.h"

namespace fathom::data {
namespace {

struct Entry {
  std::string_view name;
  std::string_view schema;
};

constexpr std::array<Entry, kToolCount> kEntries = {{
    {"get_weather",
     R"({"name": "get_weather", "description": "The weather of a city", "parameters": {"type": )"
     R"("object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})"},
    {"find_order",
     R"({"name": "find_order", "description": "An order by its number", "parameters": {"type": )"
     R"("object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}})"},
    {"save_note",
     R"({"name": "save_note", "description": "Keep a text under a name", "parameters": {"type": )"
     R"("object", "properties": {"name": {"type": "string"}, "text": {"type": "string"}}, )"
     R"("required": ["name", "text"]}})"},
    {"read_note",
     R"({"name": "read_note", "description": "The text kept under a name", "parameters": )"
     R"({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}})"},
    {"set_lamp",
     R"({"name": "set_lamp", "description": "Switch the lamp of a room", "parameters": {"type": )"
     R"("object", "properties": {"room": {"type": "string"}, "on": {"type": "boolean"}, )"
     R"("level": {"type": "integer"}}, "required": ["room", "on"]}})"},
    {"book_table",
     R"({"name": "book_table", "description": "Book a table", "parameters": {"type": "object", )"
     R"("properties": {"people": {"type": "integer"}, "at": {"type": "object", "properties": )"
     R"({"day": {"type": "string"}, "hour": {"type": "integer"}}}}, "required": ["people", )"
     R"("at"]}})"},
    {"send_message",
     R"({"name": "send_message", "description": "Send a text to somebody", "parameters": )"
     R"({"type": "object", "properties": {"to": {"type": "string"}, "text": {"type": )"
     R"("string"}}, "required": ["to", "text"]}})"},
}};

}  // namespace

std::string_view NameOf(Tool tool) { return kEntries[static_cast<size_t>(tool)].name; }

text::Json SchemaOf(Tool tool) {
  auto schema = text::ReadJson(kEntries[static_cast<size_t>(tool)].schema, NameOf(tool));
  FATHOM_CHECK(schema.ok());
  return std::move(schema).value();
}

}  // namespace fathom::data
