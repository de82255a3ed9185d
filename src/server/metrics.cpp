#include "server/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace fathom::server {
namespace {

// A first token may be half an hour away, an answer two hours long.
const std::vector<double> kFirstTokenBounds = {.001, .005, .01, .02, .04, .06,  .08, .1,
                                               .25,  .5,   .75, 1,   2.5, 5,    7.5, 10,
                                               20,   40,   80,  160, 640, 1280, 2560};
const std::vector<double> kNextTokenBounds = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                                              .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const std::vector<double> kRequestBounds = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                            30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
const std::vector<double> kTokenBounds = {1,     2,      5,      10,     20,     50,    100,
                                          200,   500,    1000,   2000,   5000,   10000, 20000,
                                          50000, 100000, 200000, 500000, 1000000};
const std::vector<double> kChoiceBounds = {1, 2, 5, 10, 20};
const std::vector<double> kHttpBounds = {.01, .1, .5, 1, 5, 10, 60, 300, 1200, 7200};

void PrintHead(std::string_view name, std::string_view type, std::string_view help,
               std::string* out) {
  fmt::format_to(std::back_inserter(*out), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

// A backslash, a quote or a line end in a label would end it.
std::string EscapeLabel(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\n') {
      escaped += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

void Histogram::Observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<size_t>(bound - bounds_.begin())];
  sum_ += value;
}

void Histogram::Print(std::string_view name, std::string_view labels, std::string* out) const {
  const auto into = std::back_inserter(*out);
  const std::string_view comma = labels.empty() ? "" : ",";
  int64_t count = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    count += counts_[i];
    const std::string bound = i < bounds_.size() ? fmt::format("{}", bounds_[i]) : "+Inf";
    fmt::format_to(into, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma, bound, count);
  }
  fmt::format_to(into, "{0}_sum{{{1}}} {2}\n{0}_count{{{1}}} {3}\n", name, labels, sum_, count);
}

Metrics::Metrics(std::string model)
    : labels_(fmt::format("model_name=\"{}\",engine=\"0\"", EscapeLabel(model))),
      first_token_(kFirstTokenBounds),
      next_token_(kNextTokenBounds),
      whole_(kRequestBounds),
      queue_(kRequestBounds),
      prefill_(kRequestBounds),
      decode_(kRequestBounds),
      inference_(kRequestBounds),
      prompt_tokens_(kTokenBounds),
      generated_tokens_(kTokenBounds),
      choices_(kChoiceBounds),
      max_tokens_(kTokenBounds) {
  for (const char* reason : {"stop", "length", "repetition", "abort", "error"})
    finished_[reason] = 0;
}

void Metrics::NoteRequest(int64_t prompt_tokens, int64_t choices, int64_t max_tokens) {
  prompt_tokens_.Observe(static_cast<double>(prompt_tokens));
  choices_.Observe(static_cast<double>(choices));
  if (max_tokens >= 0) max_tokens_.Observe(static_cast<double>(max_tokens));
}

void Metrics::NoteChoice(const ChoiceRecord& record) {
  NoteEnd(record.finish);
  const double inference = record.prefill_seconds + record.decode_seconds;
  generated_tokens_.Observe(static_cast<double>(record.generated_tokens));
  queue_.Observe(record.queue_seconds);
  prefill_.Observe(record.prefill_seconds);
  decode_.Observe(record.decode_seconds);
  inference_.Observe(inference);
  whole_.Observe(record.queue_seconds + inference);
}

void Metrics::NoteHttp(std::string_view handler, std::string_view method, int status,
                       double seconds) {
  ++http_[{std::string(handler), std::string(method), status}];
  auto found = http_seconds_.find(handler);
  if (found == http_seconds_.end())
    found = http_seconds_.emplace(handler, Histogram(kHttpBounds)).first;
  found->second.Observe(seconds);
}

std::string Metrics::Print(const engine::EngineStatistics& engine) const {
  struct Entry {
    const char* name;
    const Histogram* histogram;
    const char* help;
  };
  const Entry entries[] = {
      {"vllm:time_to_first_token_seconds", &first_token_, "From a request to its first token."},
      {"vllm:inter_token_latency_seconds", &next_token_, "From one token to the next."},
      {"vllm:e2e_request_latency_seconds", &whole_, "From a request to its last token."},
      {"vllm:request_queue_time_seconds", &queue_, "Until a request was admitted."},
      {"vllm:request_prefill_time_seconds", &prefill_, "From there to the first token."},
      {"vllm:request_decode_time_seconds", &decode_, "From there to the last."},
      {"vllm:request_inference_time_seconds", &inference_, "Both of these."},
      {"vllm:request_prompt_tokens", &prompt_tokens_, "Tokens of prompts."},
      {"vllm:request_generation_tokens", &generated_tokens_, "Tokens of answers."},
      {"vllm:request_params_n", &choices_, "Choices that were asked for."},
      {"vllm:request_params_max_tokens", &max_tokens_, "Limits that were asked for."},
  };
  std::string out;
  PrintEngine(engine, &out);
  for (const auto& [name, histogram, help] : entries) {
    PrintHead(name, "histogram", help, &out);
    histogram->Print(name, labels_, &out);
  }
  PrintHead("vllm:request_success_total", "counter", "Choices by the reason of their end.", &out);
  for (const auto& [reason, count] : finished_)
    fmt::format_to(std::back_inserter(out),
                   "vllm:request_success_total{{{},finished_reason=\"{}\"}} {}\n", labels_, reason,
                   count);
  PrintHead("fathom:schema_violations_total", "counter",
            "Calls and contents that broke their schema where no constraint holds it.", &out);
  fmt::format_to(std::back_inserter(out), "fathom:schema_violations_total{{{}}} {}\n", labels_,
                 schema_violations_);
  PrintHead("fathom:turn_notes_total", "counter", "Choices in which something went wrong.", &out);
  for (const api::TurnNote note : api::kAllTurnNotes)
    fmt::format_to(std::back_inserter(out), "fathom:turn_notes_total{{{},kind=\"{}\"}} {}\n",
                   labels_, api::NameOf(note), turn_notes_[static_cast<size_t>(note)]);
  PrintHttp(&out);
  return out;
}

void Metrics::PrintEngine(const engine::EngineStatistics& engine, std::string* out) const {
  struct Entry {
    const char* name;
    const char* type;
    double value;
    const char* help;
  };
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  const double kv_share =
      engine.kv_limit_bytes > 0 ? number(engine.kv_bytes) / number(engine.kv_limit_bytes) : 0;
  const Entry entries[] = {
      {"vllm:num_requests_running", "gauge", number(engine.running), "Requests under way."},
      {"vllm:num_requests_waiting", "gauge", number(engine.waiting), "Requests that wait."},
      {"vllm:kv_cache_usage_perc", "gauge", kv_share, "Share of the cache's memory that is taken."},
      {"vllm:prefix_cache_queries_total", "counter", number(engine.prefix_query_tokens),
       "Tokens of prompts that were looked up."},
      {"vllm:prefix_cache_hits_total", "counter", number(engine.prefix_hit_tokens),
       "Of these, tokens that were found."},
      {"vllm:prompt_tokens_total", "counter", number(engine.prompt_tokens),
       "Tokens of prompts that were computed."},
      {"vllm:generation_tokens_total", "counter", number(engine.generated_tokens),
       "Tokens that were generated."},
      {"fathom:kv_bytes", "gauge", number(engine.kv_bytes), "Memory that sequences take."},
      {"fathom:kv_promised_bytes", "gauge", number(engine.kv_promised_bytes),
       "Memory that running requests may still take."},
      {"fathom:kv_limit_bytes", "gauge", number(engine.kv_limit_bytes), "The most of both."},
      {"fathom:prefixes", "gauge", number(engine.prefixes), "Positions that are kept."},
      {"fathom:prefix_evictions_total", "counter", number(engine.prefix_evictions),
       "Positions that were given up."},
      {"fathom:disk_prefixes", "gauge", number(engine.disk_prefixes), "Positions in files."},
      {"fathom:disk_bytes", "gauge", number(engine.disk_bytes), "Bytes of these files."},
      {"fathom:disk_limit_bytes", "gauge", number(engine.disk_limit_bytes), "The most of them."},
      {"fathom:disk_hit_tokens_total", "counter", number(engine.disk_hit_tokens),
       "Tokens that were found in files alone."},
      {"fathom:disk_read_bytes_total", "counter", number(engine.disk_bytes_read),
       "Bytes read from files."},
      {"fathom:disk_written_bytes_total", "counter", number(engine.disk_bytes_written),
       "Bytes written to files."},
      {"fathom:disk_failures_total", "counter", number(engine.disk_failures),
       "Files that could not be written or read."},
      {"fathom:constrained_requests_total", "counter", number(engine.constrained_requests),
       "Answers that were held to tools and schemas."},
      {"fathom:forced_tokens_total", "counter", number(engine.forced_tokens),
       "Tokens that left no choice and were not drawn."},
      {"fathom:masks_total", "counter", number(engine.masks),
       "Tokens that were drawn from those that may come."},
      {"fathom:constraint_seconds_total", "counter", engine.constraint_seconds,
       "Time in which that was found out."},
      {"fathom:steps_total", "counter", number(engine.steps), "Steps of the engine."},
      {"fathom:step_requests_total", "counter", number(engine.step_requests),
       "Requests in all steps; by the steps, the batch's occupancy."},
  };
  for (const auto& [name, type, value, help] : entries) {
    PrintHead(name, type, help, out);
    fmt::format_to(std::back_inserter(*out), "{}{{{}}} {}\n", name, labels_, value);
  }
}

void Metrics::PrintHttp(std::string* out) const {
  PrintHead("http_requests_total", "counter", "Requests by route, method and status.", out);
  for (const auto& [key, count] : http_) {
    const auto& [handler, method, status] = key;
    fmt::format_to(std::back_inserter(*out),
                   "http_requests_total{{handler=\"{}\",method=\"{}\",status=\"{}\"}} {}\n",
                   handler, EscapeLabel(method), status, count);
  }
  PrintHead("http_request_duration_seconds", "histogram", "From a request's head to its end.", out);
  for (const auto& [handler, histogram] : http_seconds_)
    histogram.Print("http_request_duration_seconds", fmt::format("handler=\"{}\"", handler), out);
}

}  // namespace fathom::server
