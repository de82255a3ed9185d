// Server-sent events, as the HTML standard defines their stream, without their types and ids.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/function_ref.h"

namespace fathom::load {

struct EventStreamOptions {
  size_t max_event_bytes = size_t{1} << 20;
};

/// Cuts a stream into the data of its events.
class EventStreamParser {
 public:
  using OnData = base::FunctionRef<void(std::string_view data)>;

  explicit EventStreamParser(const EventStreamOptions& options = {}) : options_(options) {}

  /// Takes the next bytes, which may end anywhere, and tells of each event that they complete.
  /// Returns whether there can be more: not after an event that is larger than the limit.
  bool Feed(std::string_view bytes, OnData on_data);

 private:
  void EndLine(OnData on_data);

  EventStreamOptions options_;
  std::string line_;  // without its end, which is to come
  std::string data_;  // of the event that the next empty line ends
  bool has_data_ = false;
  bool ended_with_cr_ = false;  // so that a line feed belongs to the line before
  bool is_too_large_ = false;
};

}  // namespace fathom::load
