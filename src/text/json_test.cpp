#include "text/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "text/utf8.h"

namespace fathom::text {
namespace {

using testing::HasSubstr;

struct Reading {
  const char* text;
  const char* printed;
};

// Each line was printed by CPython 3.11: json.dumps(json.loads(text), ensure_ascii=False).
// clang-format off
constexpr Reading kPython[] = {
    {R"(null)", R"(null)"},
    {R"(true)", R"(true)"},
    {R"( [ ] )", R"([])"},
    {R"({ })", R"({})"},
    {R"({"b":1,"a":[1,2,{"c":null}]})", R"({"b": 1, "a": [1, 2, {"c": null}]})"},
    {R"(12345678901234567890123)", R"(12345678901234567890123)"},
    {R"(-12345678901234567890123)", R"(-12345678901234567890123)"},
    {R"(0)", R"(0)"},
    {R"(-0)", R"(0)"},
    {R"(-0.0)", R"(-0.0)"},
    {R"(1.0)", R"(1.0)"},
    {R"(1.50)", R"(1.5)"},
    {R"(1e5)", R"(100000.0)"},
    {R"(1E+2)", R"(100.0)"},
    {R"(1e15)", R"(1000000000000000.0)"},
    {R"(1e16)", R"(1e+16)"},
    {R"(123456789012345680000.0)", R"(1.2345678901234568e+20)"},
    {R"(1234567890123456.7)", R"(1234567890123456.8)"},
    {R"(12345678901234567.8)", R"(1.2345678901234568e+16)"},
    {R"(1e22)", R"(1e+22)"},
    {R"(1e23)", R"(1e+23)"},
    {R"(1e-4)", R"(0.0001)"},
    {R"(1e-5)", R"(1e-05)"},
    {R"(0.00001234)", R"(1.234e-05)"},
    {R"(0.1)", R"(0.1)"},
    {R"(0.30000000000000004)", R"(0.30000000000000004)"},
    {R"(3.141592653589793)", R"(3.141592653589793)"},
    {R"(1e400)", R"(Infinity)"},
    {R"(-1e400)", R"(-Infinity)"},
    {R"(1e-400)", R"(0.0)"},
    {R"(-1e-400)", R"(-0.0)"},
    {R"(5e-324)", R"(5e-324)"},
    {R"(3e-324)", R"(5e-324)"},
    {R"(2e-324)", R"(0.0)"},
    {R"(1.7976931348623157e308)", R"(1.7976931348623157e+308)"},
    {R"(1.7976931348623159e308)", R"(Infinity)"},
    {R"(2.2250738585072014e-308)", R"(2.2250738585072014e-308)"},
    {R"(0e99999999999999999999)", R"(0.0)"},
    {R"(1e99999999999999999999)", R"(Infinity)"},
    {R"(1e-99999999999999999999)", R"(0.0)"},
    {R"(0.0000001e400)", R"(Infinity)"},
    {R"(NaN)", R"(NaN)"},
    {R"([Infinity,-Infinity])", R"([Infinity, -Infinity])"},
    {R"({"a":1,"b":2,"a":3})", R"({"a": 3, "b": 2})"},
    {R"({"a":{"x":1},"b":2,"a":4,"b":5})", R"({"a": 4, "b": 5})"},
    {R"("é 中 😀 ｜")", R"("é 中 😀 ｜")"},
    {R"("\u00e9\u4e2d\ud83d\ude00")", R"("é中😀")"},
    {R"("\b\f\n\r\t\"\\\/")", R"("\b\f\n\r\t\"\\/")"},
    {R"("a/b")", R"("a/b")"},
    {R"({"":""})", R"({"": ""})"},
    {R"("\u0000\u0001\u001f\u007f\u2028")", "\"\\u0000\\u0001\\u001f\x7f\u2028\""},
};
// clang-format on

TEST(Json, PrintsWhatPythonPrints) {
  for (const Reading& reading : kPython) {
    const auto value = ReadJson(reading.text, "t");
    ASSERT_TRUE(value.ok()) << value.error().message;
    EXPECT_EQ(PrintJson(*value), reading.printed) << reading.text;
  }
}

TEST(Json, ReadsWhatItPrints) {
  for (const Reading& reading : kPython) {
    const auto value = ReadJson(reading.printed, "t");
    ASSERT_TRUE(value.ok()) << value.error().message;
    EXPECT_EQ(PrintJson(*value), reading.printed);
  }
}

TEST(Json, WeighsLongMantissasAgainstTheExponent) {
  const std::string zeros(400, '0');
  EXPECT_EQ(PrintJson(*ReadJson("0." + zeros + "1e+410", "t")), "1000000000.0");
  EXPECT_EQ(PrintJson(*ReadJson("1" + zeros + "e-395", "t")), "100000.0");
  EXPECT_EQ(PrintJson(*ReadJson("1" + zeros + "e-10", "t")), "Infinity");
  EXPECT_EQ(PrintJson(*ReadJson("0." + zeros + "1e+10", "t")), "0.0");
}

TEST(Json, IsOfTheKindThatItIsMadeOf) {
  EXPECT_EQ(PrintJson(Json(true)), "true");
  EXPECT_EQ(PrintJson(Json(int64_t{-7})), "-7");
  EXPECT_EQ(PrintJson(Json("word")), "\"word\"");
}

TEST(Json, KeepsIntegersOfAnySize) {
  std::string digits(10001, '7');
  digits.front() = '-';
  EXPECT_EQ(PrintJson(*ReadJson(digits, "t")), digits);
}

TEST(Json, SaysWhereAndWhatIsWrong) {
  const auto message = [](std::string_view text) { return ReadJson(text, "f").error().message; };
  EXPECT_EQ(message(""), "f: byte 0: the text ends where a value should be");
  EXPECT_EQ(message("[1,]"), "f: byte 3: expected a value");
  EXPECT_EQ(message("[1 2]"), "f: byte 3: expected ',' or ']'");
  EXPECT_EQ(message("{\"a\":1,}"), "f: byte 7: expected a key in quotes");
  EXPECT_EQ(message("{\"a\" 1}"), "f: byte 5: expected ':'");
  EXPECT_EQ(message("{\"a\":1"), "f: byte 6: expected ',' or '}'");
  EXPECT_EQ(message("1 2"), "f: byte 2: text after the end of the value");
  EXPECT_EQ(message("\"abc"), "f: byte 4: the text ends inside a string");
  EXPECT_EQ(message("\"a\tb\""), "f: byte 2: a control character inside a string");
  EXPECT_EQ(message("\"\\x\""), "f: byte 1: an unknown escape inside a string");
  EXPECT_EQ(message("\"a\x80\""), "f: byte 2: not valid UTF-8");
  for (const char* half : {R"("\ud800")", R"("\ud800\u0041")", R"("\udc00")", R"("\ud800x")"}) {
    EXPECT_THAT(message(half), HasSubstr("half a surrogate pair")) << half;
  }
}

TEST(Json, BoundsNesting) {
  const auto nest = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ReadJson(nest(200), "f").ok());
  EXPECT_EQ(ReadJson(nest(201), "f").error().message, "f: byte 200: nested deeper than 200 levels");
  EXPECT_FALSE(ReadJson(std::string(10'000'000, '['), "f").ok());
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(ReadJson(objects, "f").ok());
}

// nlohmann::json is the second opinion on what is JSON. It refuses numbers beyond a double, which
// no mutation of these seeds can produce.
TEST(Json, AcceptsExactlyTheJsonGrammar) {
  const std::string seeds[] = {
      R"({"a": [1, -2.5e+3, true, null], "b": {"c": "x\u00e9\ud83d\ude00\n"}})",
      R"(["\"\\\/", 0, -0.0, 10e-1, [], {}, false, "é中"])",
  };
  const std::string alphabet = "{}[]\":,\\u0123456789abcdefnrtl+-.eE \n\x80\xC3\x01";
  std::mt19937 random(1);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = seeds[random() % 2];
    for (size_t edits = random() % 4; edits > 0; --edits) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text.erase(at, 1);
          break;
        case 1:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        default:
          text[at] = alphabet[random() % alphabet.size()];
      }
    }
    const bool ok = ReadJson(text, "t", {.allow_non_finite = false}).ok();
    accepted += ok ? 1 : 0;
    ASSERT_EQ(ok, nlohmann::json::accept(text)) << text;
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_LT(accepted, 19000);
}

TEST(Json, TakesNonFiniteWordsOnlyIfAllowed) {
  for (const char* word : {"NaN", "Infinity", "-Infinity"}) {
    EXPECT_TRUE(ReadJson(word, "t").ok());
    EXPECT_FALSE(ReadJson(word, "t", {.allow_non_finite = false}).ok());
  }
  EXPECT_FALSE(ReadJson("-NaN", "t").ok());
}

TEST(Json, EscapesAnyBytesIntoValidJson) {
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 128);
    const auto value = ReadJson(QuoteJson(bytes), "t");
    ASSERT_TRUE(value.ok()) << value.error().message;
    if (ValidPrefixLength(bytes) == bytes.size()) {
      EXPECT_EQ(*value->AsString(), bytes);
    }
  }
  EXPECT_EQ(QuoteJson("a\xFF\xE4\xB8"), "\"a\uFFFD\uFFFD\uFFFD\"");
}

TEST(Json, FindsMembersOfObjectsOnly) {
  const auto value = *ReadJson(R"({"a": {"b": "x"}, "n": 1})", "t");
  ASSERT_NE(value.Find("a"), nullptr);
  EXPECT_EQ(*value.Find("a")->Find("b")->AsString(), "x");
  EXPECT_EQ(value.Find("b"), nullptr);
  EXPECT_EQ(value.Find("n")->Find("b"), nullptr);
}

}  // namespace
}  // namespace fathom::text
