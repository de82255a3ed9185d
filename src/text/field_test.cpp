#include "text/field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom::text {
namespace {

using testing::Optional;

class FieldTest : public testing::Test {
 protected:
  Field At(std::string_view key) const { return root_.Member(key); }

  Json json_ = ReadJson(R"({"list": [{"deep": {"text": "t"}}], "null": null, "yes": true,
      "int": 12, "whole": 12.0, "half": 1.5, "small": -0.5, "large": 1e300, "larger": 1e999,
      "long": 12345678901234567890, "exact": 9007199254740993})",
                        "test")
                   .value();
  Field root_{&json_, ""};
};

TEST_F(FieldTest, PathsNameThePlace) {
  const Field text = At("list").Item(0).Member("deep").Member("text");
  EXPECT_EQ(text.path, "list[0].deep.text");
  EXPECT_EQ(ReadText(text).value(), "t");
  EXPECT_EQ(ReadText(text.Member("none")).error().message, "list[0].deep.text.none: missing");
  EXPECT_EQ(ReadText(At("int")).error().message, "int: expected a string, found a number");
  EXPECT_EQ(RequireObject(At("list")).error().message, "list: expected an object, found a list");
}

TEST_F(FieldTest, WhatIsOptionalMayBeMissingOrNull) {
  for (const char* key : {"none", "null"}) {
    EXPECT_EQ(ReadOptionalText(At(key)).value(), "");
    EXPECT_EQ(CountItems(At(key)).value(), 0u);
    EXPECT_EQ(ReadOptionalBool(At(key)).value(), std::nullopt);
    EXPECT_EQ(ReadOptionalInteger(At(key)).value(), std::nullopt);
    EXPECT_EQ(ReadOptionalNumber(At(key)).value(), std::nullopt);
  }
  EXPECT_EQ(ReadBool(At("null")).error().message, "null: expected a boolean, found null");
  EXPECT_EQ(ReadInteger(At("none")).error().message, "none: missing");
  EXPECT_THAT(ReadOptionalBool(At("yes")).value(), Optional(true));
  EXPECT_EQ(ReadBool(At("yes")).value(), true);
  EXPECT_EQ(ReadOptionalBool(At("int")).error().message, "int: expected a boolean, found a number");
}

TEST_F(FieldTest, IntegersAreExactAndInTheirRange) {
  EXPECT_THAT(ReadOptionalInteger(At("int")).value(), Optional(12));
  EXPECT_EQ(ReadInteger(At("int")).value(), 12);
  EXPECT_THAT(ReadOptionalInteger(At("whole")).value(), Optional(12));
  EXPECT_THAT(ReadOptionalInteger(At("exact")).value(), Optional(9007199254740993));
  const auto fail = [&](std::string_view key, Range<int64_t> range = {}) {
    return ReadOptionalInteger(At(key), range).error().message;
  };
  EXPECT_EQ(fail("half"), "half: 1.5 is not an integer");
  EXPECT_EQ(fail("small"), "small: -0.5 is not an integer");
  EXPECT_EQ(fail("large"), "large: 1e+300 is not an integer");
  EXPECT_EQ(fail("int", {.least = 0, .most = 9}), "int: 12 is not between 0 and 9");
  EXPECT_EQ(fail("long", {.least = 0, .most = 9}),
            "long: 12345678901234567890 is not between 0 and 9");
  EXPECT_EQ(fail("yes"), "yes: expected an integer, found a boolean");
}

TEST_F(FieldTest, ErrorsStayShort) {
  const Json json(Json::Object{{"n", Json(Json::Number{std::string(10000, '9')})}});
  const Field number = Field{&json, ""}.Member("n");
  EXPECT_LT(ReadOptionalInteger(number).error().message.size(), 120u);
  EXPECT_LT(ReadOptionalNumber(number, {.least = 0, .most = 1}).error().message.size(), 120u);
}

TEST_F(FieldTest, NumbersAreInTheirRange) {
  EXPECT_THAT(ReadOptionalNumber(At("half")).value(), Optional(1.5));
  EXPECT_THAT(ReadOptionalNumber(At("int")).value(), Optional(12.0));
  EXPECT_EQ(ReadOptionalNumber(At("small"), {.least = 0, .most = 2}).error().message,
            "small: -0.5 is not between 0 and 2");
  EXPECT_EQ(ReadOptionalNumber(At("larger")).error().message.substr(0, 8), "larger: ");
}

}  // namespace
}  // namespace fathom::text
