#include "train/state_file.h"

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <unordered_map>

#include "base/atomic_file.h"
#include "base/file.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/writer.h"
#include "tensor/tensor_view.h"

namespace fathom::train {
namespace {

std::string SummaryPath(const std::string& directory) { return directory + "/state.json"; }

std::string TensorsPath(const std::string& directory, int64_t step) {
  return fmt::format("{}/state-{}.safetensors", directory, step);
}

tensor::TensorView ViewOf(const at::Tensor& value) {
  return {.dtype = value.scalar_type() == at::kLong ? tensor::DType::kI64 : tensor::DType::kF32,
          .shape = value.sizes().vec(),
          .data = static_cast<const std::byte*>(value.data_ptr())};
}

// States of other steps: older ones, and what a stop left of a newer one.
void RemoveOthers(const std::string& directory, int64_t step) {
  namespace fs = std::filesystem;
  const std::string kept = fs::path(TensorsPath(directory, step)).filename();
  std::error_code code;
  for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
    const std::string name = it->path().filename();
    if (!name.starts_with("state-") || name == kept) continue;
    std::error_code ignored;  // a file that stays is no harm
    fs::remove(it->path(), ignored);
  }
}

}  // namespace

base::Status WriteState(const std::string& directory, const TrainingState& state) {
  std::vector<checkpoint::NamedTensor> tensors;
  for (const StateTensor& t : state.tensors) tensors.push_back({t.name, ViewOf(t.value)});
  FATHOM_TRY(checkpoint::WriteSafetensors(TensorsPath(directory, state.step), tensors));
  const nlohmann::ordered_json summary = {{"step", state.step}, {"identity", state.identity}};
  FATHOM_TRY(base::ReplaceFile(SummaryPath(directory), summary.dump(2) + "\n"));
  RemoveOthers(directory, state.step);
  return {};
}

base::Result<std::optional<TrainingState>> FindState(const std::string& directory) {
  const std::string path = SummaryPath(directory);
  std::error_code code;
  if (!std::filesystem::exists(path, code)) return std::optional<TrainingState>();
  FATHOM_ASSIGN(const std::string text, base::ReadFile(path));
  const auto summary = nlohmann::json::parse(text, nullptr, false);
  const bool is_whole = summary.is_object() && summary.contains("step") &&
                        summary["step"].is_number_unsigned() && summary.contains("identity") &&
                        summary["identity"].is_string();
  if (!is_whole) return base::MakeError("{}: is no state of a training", path);
  return std::optional<TrainingState>({.step = summary["step"].get<int64_t>(),
                                       .identity = summary["identity"].get<std::string>(),
                                       .tensors = {}});
}

base::Status ReadState(const std::string& directory, int64_t step,
                       const std::vector<StateTensor>& tensors) {
  const std::string path = TensorsPath(directory, step);
  FATHOM_ASSIGN(const auto file, base::MappedFile::Open(path));
  FATHOM_ASSIGN(const auto entries, checkpoint::ParseSafetensors(file.bytes(), path));
  std::unordered_map<std::string, const checkpoint::TensorEntry*> by_name;
  for (const auto& entry : entries) by_name[entry.name] = &entry;
  for (const StateTensor& t : tensors) {
    const tensor::TensorView view = ViewOf(t.value);
    const auto found = by_name.find(t.name);
    if (found == by_name.end())
      return base::MakeError("{}: tensor \"{}\" is missing", path, t.name);
    const checkpoint::TensorEntry& entry = *found->second;
    if (entry.dtype != view.dtype || entry.shape != view.shape)
      return base::MakeError("{}: tensor \"{}\": expected {} {}, found {} {}", path, t.name,
                             tensor::NameOf(view.dtype), tensor::ToString(view.shape),
                             tensor::NameOf(entry.dtype), tensor::ToString(entry.shape));
    std::memcpy(t.value.data_ptr(), file.bytes().data() + entry.begin, entry.end - entry.begin);
  }
  return {};
}

}  // namespace fathom::train
