#include "checkpoint/index.h"

#include <algorithm>

#include "checkpoint/json_events.h"

namespace fathom::checkpoint {
namespace {

bool IsPlainFileName(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         std::ranges::none_of(name, is_control);
}

// Reads {"weight_map": {tensor: file, ...}, ...}; the other keys say nothing that loading needs.
class IndexReader : public JsonReader {
 public:
  explicit IndexReader(const std::string& path) : path_(path) {}

  ShardIndex TakeIndex() && { return std::move(index_); }
  bool has_weight_map() const { return has_weight_map_; }

 private:
  using Kind = JsonEvent::Kind;

  bool OnEvent(const JsonEvent& event) override {
    switch (depth()) {
      case 0:
        return event.kind == Kind::kBeginObject || event.kind == Kind::kEndObject ||
               Fail(base::MakeError("{}: not a JSON object", path_));
      case 1:
        return OnTop(event);
      default:
        return OnEntry(event);
    }
  }

  bool OnTop(const JsonEvent& event) {
    if (event.kind == Kind::kBeginObject || event.kind == Kind::kEndObject) return true;
    if (event.kind != Kind::kKey)
      return Fail(base::MakeError("{}: weight_map is not an object", path_));
    if (event.text != "weight_map") {
      SkipValue();
      return true;
    }
    if (has_weight_map_) return Fail(base::MakeError("{}: weight_map is given twice", path_));
    has_weight_map_ = true;
    return true;
  }

  bool OnEntry(const JsonEvent& event) {
    if (event.kind == Kind::kKey) {
      index_.entries.push_back({std::string(event.text), {}});
      return true;
    }
    auto& [tensor, file] = index_.entries.back();
    if (event.kind != Kind::kString)
      return Fail(base::MakeError("{}: weight_map: the file of tensor {} is not a string", path_,
                                  QuoteName(tensor)));
    if (!IsPlainFileName(event.text))
      return Fail(
          base::MakeError("{}: weight_map: tensor {}: {} is not the name of a file in the "
                          "checkpoint's directory",
                          path_, QuoteName(tensor), QuoteName(event.text)));
    file = event.text;
    return true;
  }

  const std::string& path_;
  ShardIndex index_;
  bool has_weight_map_ = false;
};

}  // namespace

base::Result<ShardIndex> ParseIndex(std::string_view json, const std::string& path) {
  IndexReader reader(path);
  FATHOM_TRY(reader.Read(json, path + ": the index"));
  if (!reader.has_weight_map()) return base::MakeError("{}: has no weight_map", path);
  ShardIndex index = std::move(reader).TakeIndex();
  std::ranges::sort(index.entries, {}, &ShardIndex::Entry::tensor);
  const auto twice = std::ranges::adjacent_find(index.entries, std::ranges::equal_to{},
                                                &ShardIndex::Entry::tensor);
  if (twice != index.entries.end())
    return base::MakeError("{}: weight_map names tensor {} twice", path, QuoteName(twice->tensor));
  return index;
}

std::string FormatIndex(const ShardIndex& index, uint64_t total_bytes) {
  std::string text =
      fmt::format("{{\n  \"metadata\": {{\"total_size\": {}}},\n  \"weight_map\": {{", total_bytes);
  const char* separator = "\n";
  for (const auto& [tensor, file] : index.entries) {
    text += fmt::format("{}    {}: {}", std::exchange(separator, ",\n"), PrintJsonString(tensor),
                        PrintJsonString(file));
  }
  return text + "\n  }\n}\n";
}

}  // namespace fathom::checkpoint
