#include "cli/logits_writer.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "cli/resources.h"

namespace fathom::cli {
namespace {

std::vector<checkpoint::TensorSpec> ListTensors(const model::ModelConfig& config, int64_t tokens,
                                                const LogitsOptions& options) {
  using tensor::DType;
  std::vector<checkpoint::TensorSpec> tensors = {
      {"logits", DType::kF32, {tokens, config.vocab_size}}};
  if (options.mtp) tensors.push_back({"mtp_logits", DType::kF32, {tokens - 1, config.vocab_size}});
  for (int64_t layer = 0; options.hidden && layer < config.num_hidden_layers; ++layer)
    tensors.push_back({fmt::format("layers.{}.hidden", layer),
                       DType::kF32,
                       {tokens, config.hc_mult, config.hidden_size}});
  return tensors;
}

/// Renaming the finished file would replace a device or a pipe by it.
base::Status CheckReplaceable(const std::string& path) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) return {};
  return base::MakeError("{}: exists and is not a regular file", path);
}

}  // namespace

base::Result<LogitsWriter> LogitsWriter::Create(const std::string& path,
                                                const model::ModelConfig& config, int64_t tokens,
                                                const LogitsOptions& options) {
  const auto tensors = ListTensors(config, tokens, options);
  double bytes = 0;
  for (const auto& tensor : tensors) bytes += static_cast<double>(tensor.bytes());
  const double waiting = bytes - static_cast<double>(tensors.front().bytes());
  FATHOM_TRY(CheckReplaceable(path));
  FATHOM_TRY(CheckDiskSpace(path, bytes));
  FATHOM_TRY(CheckMemory(path + ": holding MTP logits and hidden states", waiting));
  FATHOM_ASSIGN(auto file, checkpoint::SafetensorsWriter::Create(path, tensors));
  LogitsWriter writer(std::move(file), config.hc_mult * config.hidden_size);
  if (options.hidden) writer.hidden_.resize(static_cast<size_t>(config.num_hidden_layers));
  return writer;
}

base::Status LogitsWriter::AppendLogits(std::span<const float> logits) {
  return file_.Append(std::as_bytes(logits));
}

void LogitsWriter::AppendMtpLogits(std::span<const float> logits) {
  mtp_logits_.insert(mtp_logits_.end(), logits.begin(), logits.end());
}

void LogitsWriter::OnLayer(int64_t layer, const float* streams) {
  if (hidden_.empty()) return;
  std::vector<float>& hidden = hidden_[static_cast<size_t>(layer)];
  hidden.insert(hidden.end(), streams, streams + chunk_tokens_ * stream_width_);
}

base::Status LogitsWriter::Finish() {
  FATHOM_TRY(file_.Append(std::as_bytes(std::span(mtp_logits_))));
  for (const auto& hidden : hidden_) FATHOM_TRY(file_.Append(std::as_bytes(std::span(hidden))));
  return file_.Commit();
}

}  // namespace fathom::cli
