#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "checkpoint/json_events.h"

namespace fathom::checkpoint {
namespace {

// Reads {name: {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}, ...}. Other fields of
// a tensor are passed over, as the format's own library does.
class HeaderReader : public JsonReader {
 public:
  HeaderReader(const std::string& path, uint64_t data_offset)
      : path_(path), data_offset_(data_offset) {}

  std::vector<TensorEntry> TakeTensors() && { return std::move(tensors_); }

 private:
  using Kind = JsonEvent::Kind;
  enum class Field : uint8_t { kDType, kShape, kOffsets };

  bool OnEvent(const JsonEvent& event) override {
    switch (depth()) {
      case 0:
        return true;  // the outermost object: the caller has seen its brace
      case 1:
        return OnTensor(event);
      case 2:
        return OnField(event);
      default:
        return OnNumber(event);
    }
  }

  bool OnTensor(const JsonEvent& event) {
    if (event.kind == Kind::kBeginObject) return true;
    if (event.kind == Kind::kEndObject) return FinishTensor();
    if (event.kind != Kind::kKey) return FailTensor("its description is not an object");
    entry_ = {};
    entry_.name = event.text;
    dtype_.reset();
    has_shape_ = false;
    offsets_.clear();
    has_offsets_ = false;
    if (!names_.insert(entry_.name).second) return FailTensor("named twice in the header");
    if (entry_.name == "__metadata__") SkipValue();
    return true;
  }

  bool OnField(const JsonEvent& event) {
    if (event.kind == Kind::kKey) return BeginField(event.text);
    if (event.kind == Kind::kEndArray) return true;
    switch (field_) {
      case Field::kDType:
        if (event.kind != Kind::kString) return FailTensor("dtype is not a string");
        dtype_ = tensor::DTypeFromName(event.text);
        if (!dtype_) return FailTensor("unknown dtype {}", QuoteName(event.text));
        return true;
      case Field::kShape:
        if (event.kind != Kind::kBeginArray) return FailTensor("shape is not an array");
        return true;
      case Field::kOffsets:
        if (event.kind != Kind::kBeginArray) return FailTensor("data_offsets is not an array");
        return true;
    }
    return true;
  }

  bool BeginField(std::string_view name) {
    bool seen = false;
    if (name == "dtype") {
      field_ = Field::kDType;
      seen = dtype_.has_value();
    } else if (name == "shape") {
      field_ = Field::kShape;
      seen = std::exchange(has_shape_, true);
    } else if (name == "data_offsets") {
      field_ = Field::kOffsets;
      seen = std::exchange(has_offsets_, true);
    } else {
      SkipValue();
    }
    return !seen || FailTensor("{} is given twice", name);
  }

  bool OnNumber(const JsonEvent& event) {
    const std::string_view field = field_ == Field::kShape ? "shape" : "data_offsets";
    if (event.kind != Kind::kUnsigned || event.number > INT64_MAX)
      return FailTensor("{} holds something that is not an integer from 0 to 2^63-1", field);
    if (field_ == Field::kShape)
      entry_.shape.push_back(static_cast<int64_t>(event.number));
    else
      offsets_.push_back(event.number);
    return true;
  }

  bool FinishTensor() {
    if (!dtype_) return FailTensor("no dtype");
    if (!has_shape_) return FailTensor("no shape");
    if (!has_offsets_) return FailTensor("no data_offsets");
    if (offsets_.size() != 2) return FailTensor("data_offsets does not hold two numbers");
    if (offsets_[0] > offsets_[1])
      return FailTensor("data_offsets [{}, {}] are reversed", offsets_[0], offsets_[1]);
    int64_t bytes = tensor::SizeOf(*dtype_);
    bool empty = false;
    for (int64_t extent : entry_.shape) {
      empty |= extent == 0;
      if (__builtin_mul_overflow(bytes, std::max<int64_t>(extent, 1), &bytes))
        return FailTensor("shape {} overflows", tensor::ToString(entry_.shape));
    }
    if (empty) bytes = 0;
    if (offsets_[1] - offsets_[0] != static_cast<uint64_t>(bytes))
      return FailTensor("{} {} needs {} bytes, but data_offsets [{}, {}] hold {}",
                        tensor::NameOf(*dtype_), tensor::ToString(entry_.shape), bytes, offsets_[0],
                        offsets_[1], offsets_[1] - offsets_[0]);
    entry_.dtype = *dtype_;
    entry_.begin = data_offset_ + offsets_[0];
    entry_.end = data_offset_ + offsets_[1];
    tensors_.push_back(std::move(entry_));
    return true;
  }

  template <typename... Args>
  bool FailTensor(fmt::format_string<Args...> format, Args&&... args) {
    return Fail(base::MakeError("{}: tensor {}: {}", path_, QuoteName(entry_.name),
                                fmt::format(format, std::forward<Args>(args)...)));
  }

  const std::string& path_;
  const uint64_t data_offset_;
  std::vector<TensorEntry> tensors_;
  std::unordered_set<std::string> names_;

  // The tensor being read.
  TensorEntry entry_;
  Field field_ = Field::kDType;
  std::optional<tensor::DType> dtype_;
  bool has_shape_ = false;
  bool has_offsets_ = false;
  std::vector<uint64_t> offsets_;
};

base::Status CheckCoverage(const std::vector<TensorEntry>& tensors, uint64_t data_offset,
                           uint64_t file_bytes, const std::string& path) {
  for (const TensorEntry& entry : tensors)
    if (entry.end > file_bytes)
      return base::MakeError("{}: tensor {} ends at byte {} of a file of {} bytes: truncated?",
                             path, QuoteName(entry.name), entry.end, file_bytes);
  uint64_t covered = data_offset;
  const TensorEntry* previous = nullptr;
  for (const TensorEntry& entry : tensors) {
    if (entry.begin < covered)
      return base::MakeError("{}: tensors {} and {} overlap", path, QuoteName(previous->name),
                             QuoteName(entry.name));
    if (entry.begin > covered)
      return base::MakeError("{}: {} bytes before tensor {} belong to no tensor", path,
                             entry.begin - covered, QuoteName(entry.name));
    covered = entry.end;
    previous = &entry;
  }
  if (covered != file_bytes)
    return base::MakeError("{}: the last {} bytes belong to no tensor", path, file_bytes - covered);
  return {};
}

}  // namespace

base::Result<uint64_t> HeaderBytes(std::span<const std::byte> start, uint64_t file_bytes,
                                   const std::string& path) {
  if (start.size() < kLengthBytes)
    return base::MakeError("{}: {} bytes are too few for a safetensors file", path, file_bytes);
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;)
    length = length << 8 | std::to_integer<uint64_t>(start[i]);
  if (length == 0) return base::MakeError("{}: the header is empty", path);
  if (length > kMaxHeaderBytes)
    return base::MakeError(
        "{}: a header of {} bytes is beyond the limit of {}: not a safetensors "
        "file?",
        path, length, kMaxHeaderBytes);
  if (length > file_bytes - kLengthBytes)
    return base::MakeError("{}: a header of {} bytes does not fit in a file of {}: truncated?",
                           path, length, file_bytes);
  return kLengthBytes + length;
}

base::Result<std::vector<TensorEntry>> ParseHeader(std::span<const std::byte> header,
                                                   uint64_t file_bytes, const std::string& path) {
  FATHOM_CHECK(header.size() > kLengthBytes);
  const std::string_view text(reinterpret_cast<const char*>(header.data()) + kLengthBytes,
                              header.size() - kLengthBytes);
  if (text[0] != '{') return base::MakeError("{}: the header is not a JSON object", path);
  HeaderReader reader(path, header.size());
  FATHOM_TRY(reader.Read(text, path + ": the header"));
  std::vector<TensorEntry> tensors = std::move(reader).TakeTensors();
  std::ranges::stable_sort(tensors, {},
                           [](const TensorEntry& e) { return std::pair(e.begin, e.end); });
  FATHOM_TRY(CheckCoverage(tensors, header.size(), file_bytes, path));
  return tensors;
}

base::Result<std::vector<TensorEntry>> ParseSafetensors(std::span<const std::byte> file,
                                                        const std::string& path) {
  FATHOM_ASSIGN(const uint64_t header_bytes, HeaderBytes(file, file.size(), path));
  return ParseHeader(file.first(header_bytes), file.size(), path);
}

}  // namespace fathom::checkpoint
