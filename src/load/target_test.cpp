#include "load/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fathom::load {
namespace {

using testing::StartsWith;

TEST(ParseTarget, TakesTheBaseOfTheApi) {
  const auto target = ParseTarget("http://localhost:8000");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->host, "localhost");
  EXPECT_EQ(target->port, "8000");
  EXPECT_EQ(target->path, "/v1/chat/completions");
  EXPECT_FALSE(target->has_tls);
  const auto other = ParseTarget("https://[::1]/api/v2/");
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->host, "::1");
  EXPECT_EQ(other->port, "443");
  EXPECT_EQ(other->path, "/api/v2/chat/completions");
  EXPECT_TRUE(other->has_tls);
}

TEST(ParseTarget, RefusesOtherUrlsByName) {
  for (const char* url :
       {"", "localhost:8000", "ftp://host/", "http://", "http://host:99999", "http://host:x",
        "http://a b/", "http://user@host/", "http://host/?q=1", "http://host/#top", "//host/v1"}) {
    const auto target = ParseTarget(url);
    ASSERT_FALSE(target.ok()) << url;
    EXPECT_THAT(target.error().message, StartsWith(std::string(url) + ": "));
  }
}

}  // namespace
}  // namespace fathom::load
