#include "server/sequence_report.h"

#include <cstdint>

#include "api/json_out.h"
#include "model/cost.h"

namespace fathom::server {
namespace {

using api::OutJson;
using engine::RequestStatus;

double PerSecond(int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0;
}

OutJson MakeWaiting(const RequestStatus& request) {
  return {{"number", request.number},
          {"prompt_tokens", request.stats.prompt_tokens},
          {"seconds", request.stats.queue_seconds}};
}

OutJson MakeRunning(const RequestStatus& request, const model::ModelConfig& config) {
  const engine::RequestStats& stats = request.stats;
  const bool answers = request.phase == RequestStatus::Phase::kAnswer;
  const double speed = answers
                           ? PerSecond(stats.generated_tokens, stats.decode_seconds)
                           : PerSecond(request.length - stats.cached_tokens, stats.prefill_seconds);
  return {{"number", request.number},
          {"phase", answers ? "answer" : "prompt"},
          {"length", request.length},
          {"prompt_tokens", stats.prompt_tokens},
          {"cached_tokens", stats.cached_tokens},
          {"generated_tokens", stats.generated_tokens},
          {"tokens_per_second", speed},
          {"kv_bytes", stats.kv_bytes},
          {"v32_kv_bytes", model::CountV32KvBytes(request.length)},
          {"gqa8_kv_bytes", model::CountGqa8KvBytes(config, request.length)}};
}

}  // namespace

std::string EncodeSequences(const SequenceReport& report) {
  OutJson running = OutJson::array();
  OutJson waiting = OutJson::array();
  for (const RequestStatus& request : report.requests) {
    if (request.phase == RequestStatus::Phase::kWaiting) {
      waiting.push_back(MakeWaiting(request));
    } else {
      running.push_back(MakeRunning(request, report.config));
    }
  }
  const engine::EngineStatistics& all = report.statistics;
  return api::Print({{"model", report.model_name},
                     {"context", report.info.context},
                     {"kv_bytes", all.kv_bytes},
                     {"kv_limit_bytes", all.kv_limit_bytes},
                     {"prefix_query_tokens", all.prefix_query_tokens},
                     {"prefix_hit_tokens", all.prefix_hit_tokens},
                     {"prompt_tokens", all.prompt_tokens},
                     {"generated_tokens", all.generated_tokens},
                     {"running", std::move(running)},
                     {"waiting", std::move(waiting)},
                     {"waiting_count", all.waiting}});
}

}  // namespace fathom::server
