// The outputs of a forward pass over one sequence, as a safetensors file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/writer.h"
#include "model/config.h"
#include "model/pass.h"

namespace fathom::cli {

/// What to write beside `logits`, F32 [T, V].
struct LogitsOptions {
  bool mtp = false;     ///< `mtp_logits`, F32 [T - 1, V]: row t predicts token t + 2
  bool hidden = false;  ///< `layers.L.hidden`, F32 [T, hc, D]: the streams after layer L
};

/// Takes the outputs chunk by chunk. Logits go to the file as they come; the other tensors, which
/// lie behind them in the file, wait in memory.
class LogitsWriter : public model::ForwardObserver {
 public:
  /// Checks that disk and memory hold the result, and creates the file. It appears under `path` at
  /// Finish; an object destroyed earlier leaves nothing behind. REQUIRES: tokens >= 1; an MTP layer
  /// in `config` if options.mtp.
  static base::Result<LogitsWriter> Create(const std::string& path,
                                           const model::ModelConfig& config, int64_t tokens,
                                           const LogitsOptions& options);

  /// The next positions' logits [n, V].
  base::Status AppendLogits(std::span<const float> logits);
  void AppendMtpLogits(std::span<const float> logits);
  /// The forward pass that follows computes `tokens` tokens.
  void BeginChunk(int64_t tokens) { chunk_tokens_ = tokens; }
  void OnLayer(int64_t layer, const float* streams) override;

  /// REQUIRES: all tensors have all their rows.
  base::Status Finish();

 private:
  LogitsWriter(checkpoint::SafetensorsWriter file, int64_t stream_width)
      : file_(std::move(file)), stream_width_(stream_width) {}

  checkpoint::SafetensorsWriter file_;
  int64_t stream_width_;  // hc * D
  int64_t chunk_tokens_ = 0;
  std::vector<float> mtp_logits_;
  std::vector<std::vector<float>> hidden_;  // by layer; empty if not wanted
};

}  // namespace fathom::cli
