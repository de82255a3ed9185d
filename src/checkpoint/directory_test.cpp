#include "checkpoint/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint/test_files.h"

namespace fathom::checkpoint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A file with one-byte tensors of these names; byte i holds 'a' + i.
std::string MakeBytesFile(std::initializer_list<const char*> names) {
  std::string header = "{", data;
  for (const char* name : names) {
    header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})",
                          data.empty() ? "" : ",", name, data.size(), data.size() + 1);
    data += static_cast<char>('a' + data.size());
  }
  return MakeFile(header + "}", data);
}

// The same with either access.
std::string OpenError(const std::string& folder) {
  const auto mapped = TensorDirectory::Open(folder);
  const auto read = TensorDirectory::Open(folder, {}, Access::kRead);
  EXPECT_EQ(mapped.ok(), read.ok());
  if (mapped.ok() || read.ok()) return "no error";
  EXPECT_EQ(mapped.error().message, read.error().message);
  return mapped.error().message;
}

std::string OpenError(const TemporaryFolder& folder) { return OpenError(folder.path()); }

void WriteIndex(const TemporaryFolder& folder, std::string_view json) {
  WriteBytes(folder / "model.safetensors.index.json", json);
}

std::vector<std::string> NamesOf(const TensorDirectory& directory) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : directory.tensors()) names.push_back(tensor.name);
  return names;
}

TEST(TensorDirectory, ReadsTheShardsThatTheIndexNames) {
  const TemporaryFolder folder;
  WriteBytes(folder / "one.safetensors", MakeBytesFile({"b", "a"}));
  WriteBytes(folder / "two.safetensors", MakeBytesFile({"c"}));
  WriteBytes(folder / "model.safetensors", MakeBytesFile({"unrelated"}));
  WriteIndex(folder, R"({"metadata":{"total_size":3},"weight_map":
      {"a":"one.safetensors","c":"two.safetensors","b":"one.safetensors"},"more":[{}]})");
  std::vector<std::pair<uint64_t, uint64_t>> steps;
  const auto directory = TensorDirectory::Open(
      folder.path(), [&](uint64_t done, uint64_t total) { steps.emplace_back(done, total); });
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  EXPECT_THAT(NamesOf(*directory), ElementsAre("b", "a", "c"));
  EXPECT_EQ(directory->total_bytes(), 3u);
  const StoredTensor* a = directory->Find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(static_cast<char>(*a->view.data), 'b');
  EXPECT_EQ(directory->FileOf(*a), folder / "one.safetensors");
  EXPECT_EQ(directory->Find("unrelated"), nullptr);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_LT(steps[0].first, steps[0].second);
  EXPECT_EQ(steps[1].first, steps[1].second);
}

TEST(TensorDirectory, ReadsASingleFileOrAllShardsWithoutAnIndex) {
  const TemporaryFolder folder;
  WriteBytes(folder / "model-00002-of-00002.safetensors", MakeBytesFile({"b"}));
  WriteBytes(folder / "model-00001-of-00002.safetensors", MakeBytesFile({"a"}));
  WriteBytes(folder / "model-00001-of-00002.safetensors.partial-1-0", "x");
  WriteBytes(folder / "other.safetensors", "x");
  auto directory = TensorDirectory::Open(folder.path());
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  EXPECT_THAT(NamesOf(*directory), ElementsAre("a", "b"));

  WriteBytes(folder / "model.safetensors", MakeBytesFile({"single"}));
  directory = TensorDirectory::Open(folder.path());
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  EXPECT_THAT(NamesOf(*directory), ElementsAre("single"));
}

TEST(TensorDirectory, FindsNamesWithAndWithoutThePrefix) {
  const TemporaryFolder folder;
  WriteBytes(folder / "model.safetensors", MakeBytesFile({"plain", "model.prefixed"}));
  const auto directory = TensorDirectory::Open(folder.path());
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  for (const char* name : {"plain", "model.plain"})
    EXPECT_EQ(directory->Find(name), &directory->tensors()[0]) << name;
  for (const char* name : {"prefixed", "model.prefixed"})
    EXPECT_EQ(directory->Find(name), &directory->tensors()[1]) << name;
  EXPECT_EQ(directory->Find("model."), nullptr);
  EXPECT_EQ(directory->Find(""), nullptr);
}

TEST(TensorDirectory, StaysValidWhenMoved) {
  const TemporaryFolder folder;
  WriteBytes(folder / "model.safetensors", MakeBytesFile({"a"}));
  auto opened = TensorDirectory::Open(folder.path());
  ASSERT_TRUE(opened.ok());
  const std::byte* data = opened->Find("a")->view.data;
  const TensorDirectory moved = std::move(opened).value();
  ASSERT_NE(moved.Find("a"), nullptr);
  EXPECT_EQ(moved.Find("a")->view.data, data);
  EXPECT_EQ(moved.FileOf(*moved.Find("a")), folder / "model.safetensors");
}

TEST(TensorDirectory, ReadsWithoutMapping) {
  const TemporaryFolder folder;
  WriteBytes(folder / "model-1.safetensors", MakeBytesFile({"a", "b"}));
  WriteBytes(folder / "model-2.safetensors", MakeBytesFile({"c"}));
  auto mapped = TensorDirectory::Open(folder.path());
  auto opened = TensorDirectory::Open(folder.path(), {}, Access::kRead);
  ASSERT_TRUE(mapped.ok() && opened.ok());
  const TensorDirectory read = std::move(opened).value();
  EXPECT_EQ(NamesOf(read), NamesOf(*mapped));
  EXPECT_EQ(read.total_bytes(), mapped->total_bytes());
  for (const char* name : {"a", "b", "c"}) {
    const StoredTensor* tensor = read.Find(name);
    EXPECT_EQ(tensor->view.data, nullptr);
    EXPECT_EQ(read.FileOf(*tensor), mapped->FileOf(*mapped->Find(name)));
    std::byte data{};
    std::byte expected{};
    ASSERT_TRUE(read.Read(*tensor, {&data, 1}).ok());
    ASSERT_TRUE(mapped->Read(*mapped->Find(name), {&expected, 1}).ok());
    EXPECT_EQ(data, expected) << name;
    EXPECT_EQ(data, *mapped->Find(name)->view.data) << name;
  }
  std::filesystem::resize_file(folder / "model-2.safetensors", 20);
  std::byte data{};
  EXPECT_EQ(read.Read(*read.Find("c"), {&data, 1}).error().message,
            folder / "model-2.safetensors" +
                fmt::format(": ends before byte {}: truncated?", read.Find("c")->offset));
}

TEST(TensorDirectory, RefusesAnIndexThatDisagreesWithTheShards) {
  const TemporaryFolder folder;
  WriteBytes(folder / "1.safetensors", MakeBytesFile({"a", "b"}));
  WriteBytes(folder / "2.safetensors", MakeBytesFile({"c"}));
  const auto error_of = [&](std::string_view json) {
    WriteIndex(folder, json);
    const std::string error = OpenError(folder);
    EXPECT_THAT(error, HasSubstr("model.safetensors.index.json"));
    return error;
  };
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"1.safetensors"}})"),
              HasSubstr(R"(tensor "b" of )" + folder.path() + "/1.safetensors is not listed"));
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"1.safetensors","b":"1.safetensors",
                           "z":"1.safetensors"}})"),
              HasSubstr(R"(tensor "z" is not in 1.safetensors)"));
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors",
                           "c":"2.safetensors"}})"),
              HasSubstr(R"(tensor "b" should be in 2.safetensors, but is in )"));
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"1.safetensors","model.b":"1.safetensors"}})"),
              HasSubstr(R"(tensor "model.b" is not in 1.safetensors)"));
}

TEST(TensorDirectory, RefusesAMissingShard) {
  const TemporaryFolder folder;
  WriteIndex(folder, R"({"weight_map":{"a":"lost.safetensors"}})");
  EXPECT_THAT(OpenError(folder), HasSubstr("lost.safetensors: cannot open"));
}

TEST(TensorDirectory, RefusesShardsThatAreCut) {
  const TemporaryFolder folder;
  const std::string whole = MakeBytesFile({"a"});
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    WriteBytes(folder / "model-1.safetensors", whole.substr(0, bytes));
    EXPECT_THAT(OpenError(folder), HasSubstr("model-1.safetensors: ")) << bytes;
  }
}

TEST(TensorDirectory, RefusesATensorInTwoShards) {
  const TemporaryFolder folder;
  WriteBytes(folder / "model-1.safetensors", MakeBytesFile({"a"}));
  WriteBytes(folder / "model-2.safetensors", MakeBytesFile({"model.a"}));
  EXPECT_THAT(OpenError(folder), HasSubstr(R"(model-2.safetensors: tensor "model.a" is also in )"));
}

TEST(TensorDirectory, RefusesIndexesThatReachOutOfTheDirectory) {
  const TemporaryFolder folder;
  WriteBytes(folder / "x.safetensors", MakeBytesFile({"a"}));
  std::filesystem::create_directory(folder / "inner");
  for (const char* file : {"../x.safetensors", "/etc/passwd", "..", ".", "", "inner/x",
                           "x.safetensors\\u0000", "a\\nb"}) {
    WriteBytes(folder / "inner/model.safetensors.index.json",
               fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", file));
    const auto result = TensorDirectory::Open(folder / "inner");
    ASSERT_FALSE(result.ok()) << file;
    EXPECT_THAT(result.error().message, HasSubstr("is not the name of a file")) << file;
  }
}

TEST(TensorDirectory, RefusesBrokenIndexes) {
  const TemporaryFolder folder;
  WriteBytes(folder / "1.safetensors", MakeBytesFile({"a"}));
  const std::pair<const char*, const char*> faults[] = {
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"7", "not a JSON object"},
      {"{}", "has no weight_map"},
      {R"({"weight_map":7})", "weight_map is not an object"},
      {R"({"weight_map":["a"]})", "weight_map is not an object"},
      {R"({"weight_map":{"a":7}})", R"(the file of tensor "a" is not a string)"},
      {R"({"weight_map":{"a":{}}})", R"(the file of tensor "a" is not a string)"},
      {R"({"weight_map":{},"weight_map":{}})", "weight_map is given twice"},
      {R"({"weight_map":{"a":"1.safetensors","a":"1.safetensors"}})", R"(names tensor "a" twice)"},
  };
  for (const auto& [json, message] : faults) {
    WriteIndex(folder, json);
    EXPECT_THAT(OpenError(folder), HasSubstr(message)) << json;
  }
}

TEST(TensorDirectory, RefusesFoldersWithoutACheckpoint) {
  const TemporaryFolder folder;
  EXPECT_THAT(OpenError(folder), HasSubstr("holds no checkpoint"));
  const auto missing = TensorDirectory::Open(folder / "nowhere");
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("nowhere: cannot list the directory"));
}

}  // namespace
}  // namespace fathom::checkpoint
