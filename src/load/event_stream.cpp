#include "load/event_stream.h"

#include <algorithm>

namespace fathom::load {

bool EventStreamParser::Feed(std::string_view bytes, OnData on_data) {
  while (!bytes.empty() && !is_too_large_) {
    if (ended_with_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    ended_with_cr_ = false;
    const size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size());
    is_too_large_ = line_.size() + end + data_.size() > options_.max_event_bytes;
    if (is_too_large_) break;
    line_ += bytes.substr(0, end);
    if (end == bytes.size()) break;
    ended_with_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    EndLine(on_data);
  }
  return !is_too_large_;
}

void EventStreamParser::EndLine(OnData on_data) {
  if (line_.empty()) {
    if (has_data_) on_data(data_);
    data_.clear();
    has_data_ = false;
    return;
  }
  std::string_view value = line_;
  const std::string_view name = value.substr(0, value.find(':'));
  value.remove_prefix(std::min(name.size() + 1, value.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
  line_.clear();
}

}  // namespace fathom::load
