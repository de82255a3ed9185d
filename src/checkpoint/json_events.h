// JSON as a stream of events: a header of 150,000 tensors is read without building it in memory,
// and names that occur twice are seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::checkpoint {

struct JsonEvent {
  enum class Kind : uint8_t {
    kKey,       ///< text
    kString,    ///< text
    kUnsigned,  ///< number
    kBeginArray,
    kEndArray,
    kBeginObject,
    kEndObject,
    kOther,  ///< null, a boolean, a negative or fractional number
  };
  Kind kind = Kind::kOther;
  std::string_view text = {};  ///< valid during the call only
  uint64_t number = 0;
};

/// A reader of one kind of document: implement OnEvent, then call Read once.
class JsonReader {
 public:
  virtual ~JsonReader() = default;

  /// Feeds the whole of `json` to OnEvent; fails with the message given to Fail. `what` begins the
  /// error of text that is not JSON: "FILE: the header".
  base::Status Read(std::string_view json, std::string_view what);

 protected:
  /// Returns true to go on, or Fail(...).
  virtual bool OnEvent(const JsonEvent& event) = 0;

  /// How many arrays and objects enclose the event. A begin and its end have the same depth.
  int depth() const { return depth_; }
  /// After a key: passes over its value, whatever it is.
  void SkipValue() { skip_from_depth_ = depth_; }
  bool Fail(base::Error error);

 private:
  class Parser;

  bool Key(std::string_view text);
  bool Value(const JsonEvent& event);
  bool Begin(JsonEvent::Kind kind);
  bool End(JsonEvent::Kind kind);

  std::optional<base::Error> error_;
  std::optional<int> skip_from_depth_;
  int depth_ = 0;
};

/// `text` as a JSON string. Bytes that are not UTF-8 become U+FFFD.
std::string PrintJsonString(std::string_view text);

/// A name from a file as an error line shows it: quoted, control characters escaped, cut when long.
std::string QuoteName(std::string_view name);

}  // namespace fathom::checkpoint
