#include "api/exchange_testing.h"

#include <gtest/gtest.h>

namespace fathom::api {

std::vector<OutJson> ReadStream(std::string_view stream) {
  std::vector<OutJson> events;
  EXPECT_TRUE(stream.ends_with("\n\n"));
  while (!stream.empty()) {
    std::string_view frame = stream.substr(0, stream.find("\n\n"));
    stream.remove_prefix(std::min(frame.size() + 2, stream.size()));
    if (frame.starts_with(":")) continue;
    std::string name;
    if (frame.starts_with("event: ")) {
      name = frame.substr(7, frame.find('\n') - 7);
      frame.remove_prefix(std::min(frame.find('\n') + 1, frame.size()));
    }
    EXPECT_TRUE(frame.starts_with("data: ")) << frame;
    EXPECT_EQ(frame.find('\n'), frame.npos) << frame;
    frame.remove_prefix(std::min<size_t>(6, frame.size()));
    if (frame == "[DONE]") {
      events.emplace_back("[DONE]");
      continue;
    }
    OutJson data = OutJson::parse(frame, nullptr, false);
    EXPECT_FALSE(data.is_discarded()) << frame;
    EXPECT_TRUE(name.empty() || data.value("type", "") == name) << frame;
    events.push_back(std::move(data));
  }
  return events;
}

}  // namespace fathom::api
