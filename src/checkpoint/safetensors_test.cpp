#include "checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "checkpoint/test_files.h"

namespace fathom::checkpoint {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string ParseError(const std::string& file) {
  const auto result = ParseSafetensors(AsBytes(file), "x.safetensors");
  if (result.ok()) return "no error";
  EXPECT_THAT(result.error().message, StartsWith("x.safetensors: "));
  EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
  return result.error().message;
}

constexpr std::string_view kGoodHeader =
    R"({"__metadata__":{"format":"pt","deep":"{}"},)"
    R"("b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},)"
    R"("empty":{"dtype":"I64","shape":[0,7],"data_offsets":[12,12]},)"
    R"("a":{"shape":[4],"data_offsets":[0,4],"dtype":"F8_E4M3"}}   )";

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  const std::string file = MakeFile(kGoodHeader, "aaaabbbbbbbb");
  const auto result = ParseSafetensors(AsBytes(file), "x");
  ASSERT_TRUE(result.ok()) << result.error().message;
  ASSERT_EQ(result->size(), 3u);
  const TensorEntry& a = (*result)[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.dtype, tensor::DType::kF8E4M3);
  EXPECT_EQ(a.shape, tensor::Shape{4});
  EXPECT_EQ(file.substr(a.begin, a.end - a.begin), "aaaa");
  const TensorEntry& b = (*result)[1];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.shape, (tensor::Shape{2, 1}));
  EXPECT_EQ(file.substr(b.begin, b.end - b.begin), "bbbbbbbb");
  EXPECT_EQ((*result)[2].shape, (tensor::Shape{0, 7}));
}

TEST(Safetensors, AcceptsScalarsAndFilesWithoutTensors) {
  const std::string scalar = R"({"s":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}})";
  EXPECT_TRUE(ParseSafetensors(AsBytes(MakeFile(scalar, "ss")), "x").ok());
  EXPECT_TRUE(ParseSafetensors(AsBytes(MakeFile("{}", "")), "x").ok());
}

TEST(Safetensors, RefusesLengthsThatDoNotFit) {
  EXPECT_THAT(ParseError(""), HasSubstr("0 bytes are too few"));
  EXPECT_THAT(ParseError("1234567"), HasSubstr("7 bytes are too few"));
  EXPECT_THAT(ParseError(MakeFile("", "", 0)), HasSubstr("the header is empty"));
  EXPECT_THAT(ParseError(MakeFile("{}", "", 3)), HasSubstr("does not fit in a file of 10"));
  EXPECT_THAT(ParseError(MakeFile("{}", "", (512u << 20) + 1)), HasSubstr("beyond the limit"));
  EXPECT_THAT(ParseError(MakeFile("{}", "", UINT64_MAX)), HasSubstr("beyond the limit"));
}

TEST(Safetensors, RefusesHeadersThatAreNotAnObject) {
  EXPECT_THAT(ParseError(MakeFile("[]", "")), HasSubstr("not a JSON object"));
  EXPECT_THAT(ParseError(MakeFile(" {}", "")), HasSubstr("not a JSON object"));
  EXPECT_THAT(ParseError(MakeFile("{", "")), HasSubstr("not valid JSON"));
  EXPECT_THAT(ParseError(MakeFile("{}{}", "")), HasSubstr("not valid JSON"));
  EXPECT_THAT(ParseError(MakeFile("{\"a\xff\":1}", "")), HasSubstr("not valid JSON"));
  EXPECT_THAT(ParseError(MakeFile(std::string(100000, '{'), "")), HasSubstr("not valid JSON"));
  // Deep nesting inside something that is passed over must not recurse either.
  std::string deep = R"({"__metadata__":)";
  deep += std::string(1 << 20, '[') + std::string(1 << 20, ']') + "}";
  EXPECT_EQ(ParseError(MakeFile(deep, "")), "no error");
}

struct HeaderFault {
  const char* tensor;  // the value of "t"; 8 bytes of data follow
  const char* message;
};

void PrintTo(const HeaderFault& fault, std::ostream* out) { *out << fault.tensor; }

class HeaderFaultTest : public testing::TestWithParam<HeaderFault> {};

TEST_P(HeaderFaultTest, NamesTheTensorAndTheFault) {
  const std::string header = fmt::format(R"({{"t":{}}})", GetParam().tensor);
  const std::string error = ParseError(MakeFile(header, "12345678"));
  EXPECT_THAT(error, HasSubstr(R"(tensor "t")"));
  EXPECT_THAT(error, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, HeaderFaultTest,
    testing::Values(
        HeaderFault{"3", "not an object"}, HeaderFault{"null", "not an object"},
        HeaderFault{"[]", "not an object"}, HeaderFault{"{}", "no dtype"},
        HeaderFault{R"({"shape":[2],"data_offsets":[0,8]})", "no dtype"},
        HeaderFault{R"({"dtype":"F32","data_offsets":[0,8]})", "no shape"},
        HeaderFault{R"({"dtype":"F32","shape":[2]})", "no data_offsets"},
        HeaderFault{R"({"dtype":7,"shape":[2],"data_offsets":[0,8]})", "dtype is not a string"},
        HeaderFault{R"({"dtype":["F32"],"shape":[2]})", "dtype is not a string"},
        HeaderFault{R"({"dtype":"F4","shape":[2],"data_offsets":[0,8]})", R"(unknown dtype "F4")"},
        HeaderFault{R"({"dtype":"F32","dtype":"F32"})", "dtype is given twice"},
        HeaderFault{R"({"shape":[],"shape":[]})", "shape is given twice"},
        HeaderFault{R"({"data_offsets":[],"data_offsets":[]})", "data_offsets is given twice"},
        HeaderFault{R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})", "shape is not an array"},
        HeaderFault{R"({"dtype":"F32","shape":{},"data_offsets":[0,8]})", "shape is not an array"},
        HeaderFault{R"({"dtype":"F32","shape":[[2]],"data_offsets":[0,8]})", "shape holds"},
        HeaderFault{R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", "shape holds"},
        HeaderFault{R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})", "shape holds"},
        HeaderFault{R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})", "shape holds"},
        HeaderFault{R"({"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]})",
                    "shape holds"},
        HeaderFault{R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]})",
                    "overflows"},
        HeaderFault{R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})",
                    "overflows"},
        HeaderFault{R"({"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})",
                    "overflows"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":8})", "is not an array"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":[8]})", "two numbers"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})", "two numbers"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":[0,null]})", "data_offsets holds"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})", "data_offsets holds"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", "reversed"},
        HeaderFault{R"({"dtype":"F32","shape":[2],"data_offsets":[0,7]})",
                    "F32 [2] needs 8 bytes, but data_offsets [0, 7] hold 7"},
        HeaderFault{R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})", "truncated?"},
        HeaderFault{
            R"({"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]})",
            "truncated?"},
        HeaderFault{R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})",
                    "4 bytes before tensor \"t\" belong to no tensor"}));

TEST(Safetensors, RefusesDataThatIsSharedOrLeftOver) {
  EXPECT_THAT(ParseError(MakeFile(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                                  R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                                  "1234")),
              HasSubstr(R"(tensors "a" and "b" overlap)"));
  EXPECT_THAT(ParseError(MakeFile(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                  R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                                  "1234")),
              HasSubstr(R"(1 bytes before tensor "b")"));
  EXPECT_THAT(
      ParseError(MakeFile(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "1234")),
      HasSubstr("the last 3 bytes belong to no tensor"));
}

TEST(Safetensors, RefusesNamesGivenTwice) {
  EXPECT_THAT(ParseError(MakeFile(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                  R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                                  "12")),
              HasSubstr(R"(tensor "a": named twice)"));
}

TEST(Safetensors, ShowsHostileNamesOnOneShortLine) {
  std::string name = "evil\\n\\u001b[2J";
  name += std::string(10000, 'x');
  const std::string error = ParseError(MakeFile(fmt::format(R"({{"{}":1}})", name), ""));
  EXPECT_THAT(error, HasSubstr(R"(evil\n\u001b[2J)"));
  EXPECT_LT(error.size(), 300u);
}

// Whatever is done to a header, the answer is an error or tensors that lie within the file.
TEST(Safetensors, SurvivesRandomDamage) {
  const std::string good = MakeFile(kGoodHeader, "aaaabbbbbbbb");
  std::mt19937 random(1);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string file = good;
    for (unsigned damages = 1 + random() % 4; damages > 0; --damages) {
      const size_t at = random() % file.size();
      if (const unsigned kind = random() % 8; kind == 0)
        file.resize(at + 1);
      else if (kind == 1)
        file.erase(at, 1 + random() % 8);
      else if (kind == 2)
        file.insert(at, file.substr(random() % file.size(), random() % 16));
      else if (kind == 3)
        file[at] = static_cast<char>("{}[],:\"0"[random() % 8]);
      else
        file[at] = static_cast<char>(file[at] ^ (1 << random() % 8));
      if (file.empty()) file = good;
    }
    const auto result = ParseSafetensors(AsBytes(file), "x");
    refused += !result.ok();
    if (!result.ok()) continue;
    for (const TensorEntry& entry : *result) {
      EXPECT_LE(entry.begin, entry.end);
      EXPECT_LE(entry.end, file.size());
      EXPECT_EQ(entry.end - entry.begin,
                tensor::ElementCount(entry.shape) * tensor::SizeOf(entry.dtype));
    }
  }
  EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace fathom::checkpoint
