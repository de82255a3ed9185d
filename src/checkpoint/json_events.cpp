#include "checkpoint/json_events.h"

namespace fathom::checkpoint {

base::Status JsonReader::Read(std::string_view json, std::string_view what) {
  what_ = what;
  const bool complete =
      nlohmann::json::sax_parse(json, static_cast<nlohmann::json_sax<nlohmann::json>*>(this));
  FATHOM_CHECK(complete != error_.has_value());
  if (error_) return *error_;
  return {};
}

bool JsonReader::Fail(base::Error error) {
  error_ = std::move(error);
  return false;
}

bool JsonReader::Value(const JsonEvent& event) {
  if (!skip_from_depth_) return OnEvent(event);
  if (*skip_from_depth_ == depth_) skip_from_depth_.reset();
  return true;
}

bool JsonReader::Begin(JsonEvent::Kind kind) {
  if (!skip_from_depth_ && !OnEvent({kind})) return false;
  ++depth_;
  return true;
}

bool JsonReader::End(JsonEvent::Kind kind) {
  --depth_;
  return Value({kind});
}

bool JsonReader::number_unsigned(number_unsigned_t number) {
  return Value({JsonEvent::Kind::kUnsigned, {}, number});
}

bool JsonReader::string(string_t& text) { return Value({JsonEvent::Kind::kString, text}); }

bool JsonReader::key(string_t& text) {
  return skip_from_depth_ || OnEvent({JsonEvent::Kind::kKey, text});
}

bool JsonReader::parse_error(size_t position, const std::string&,
                             const nlohmann::detail::exception&) {
  return Fail(base::MakeError("{} is not valid JSON (at byte {})", what_, position));
}

std::string QuoteName(std::string_view name) {
  constexpr size_t kLongest = 160;
  const bool cut = name.size() > kLongest;
  // Escapes control characters and replaces what is not UTF-8.
  std::string quoted = nlohmann::json(std::string(name.substr(0, kLongest)))
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return cut ? quoted + "..." : quoted;
}

}  // namespace fathom::checkpoint
