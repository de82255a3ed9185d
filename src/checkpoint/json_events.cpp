#include "checkpoint/json_events.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace fathom::checkpoint {

using nlohmann::json;

/// What the library calls while it parses.
class JsonReader::Parser : public nlohmann::json_sax<json> {
 public:
  Parser(JsonReader& reader, std::string_view what) : reader_(reader), what_(what) {}

  bool null() override { return reader_.Value({}); }
  bool boolean(bool) override { return reader_.Value({}); }
  bool number_integer(number_integer_t) override { return reader_.Value({}); }
  bool number_unsigned(number_unsigned_t number) override {
    return reader_.Value({JsonEvent::Kind::kUnsigned, {}, number});
  }
  bool number_float(number_float_t, const string_t&) override { return reader_.Value({}); }
  bool string(string_t& text) override { return reader_.Value({JsonEvent::Kind::kString, text}); }
  bool binary(binary_t&) override { return reader_.Value({}); }
  bool key(string_t& text) override { return reader_.Key(text); }
  bool start_object(size_t) override { return reader_.Begin(JsonEvent::Kind::kBeginObject); }
  bool end_object() override { return reader_.End(JsonEvent::Kind::kEndObject); }
  bool start_array(size_t) override { return reader_.Begin(JsonEvent::Kind::kBeginArray); }
  bool end_array() override { return reader_.End(JsonEvent::Kind::kEndArray); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return reader_.Fail(base::MakeError("{} is not valid JSON (at byte {})", what_, position));
  }

 private:
  JsonReader& reader_;
  std::string_view what_;
};

base::Status JsonReader::Read(std::string_view json_text, std::string_view what) {
  Parser parser(*this, what);
  const bool complete = json::sax_parse(json_text, &parser);
  FATHOM_CHECK(complete != error_.has_value());
  if (error_) return *error_;
  return {};
}

bool JsonReader::Fail(base::Error error) {
  error_ = std::move(error);
  return false;
}

bool JsonReader::Key(std::string_view text) {
  return skip_from_depth_ || OnEvent({JsonEvent::Kind::kKey, text});
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

std::string PrintJsonString(std::string_view text) {
  return json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string QuoteName(std::string_view name) {
  constexpr size_t kLongest = 160;
  const std::string quoted = PrintJsonString(name.substr(0, kLongest));
  return name.size() > kLongest ? quoted + "..." : quoted;
}

}  // namespace fathom::checkpoint
