#include "trace/trace_reader.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "text/field.h"
#include "text/json.h"
#include "trace/trace_lines.h"

namespace fathom::trace {
namespace {

using engine::CacheDecision;
using text::Field;
using text::Json;

// Constraints hold schemas, which may be as deep as requests.
constexpr int kMaxDepth = text::JsonReadOptions().max_depth + 16;

template <typename Integer>
base::Result<Integer> ReadInteger(const Field& field, std::optional<Integer> usual = {}) {
  constexpr text::Range<int64_t> kRange = {std::numeric_limits<Integer>::lowest(),
                                           std::numeric_limits<Integer>::max()};
  FATHOM_ASSIGN(const std::optional<int64_t> value, ReadOptionalInteger(field, kRange));
  if (value) return static_cast<Integer>(*value);
  if (!usual) return field.FailKind("an integer");
  return *usual;
}

base::Result<int64_t> ReadCount(const Field& field, std::optional<int64_t> usual = {}) {
  FATHOM_ASSIGN(const std::optional<int64_t> value,
                ReadOptionalInteger(field, text::Range<int64_t>{.least = 0}));
  if (value) return *value;
  if (!usual) return field.FailKind("an integer");
  return *usual;
}

base::Result<bool> ReadFlag(const Field& field) {
  FATHOM_ASSIGN(const std::optional<bool> flag, ReadOptionalBool(field));
  return flag.value_or(false);
}

// All 64 bits, which a double cannot hold.
base::Result<uint64_t> ReadSeed(const Field& field) {
  const Json::Number* const number = field.IsMissing() ? nullptr : field.json->AsNumber();
  if (number == nullptr) return field.FailKind("an integer");
  uint64_t seed = 0;
  const char* const end = number->text.data() + number->text.size();
  const auto [stop, error] = std::from_chars(number->text.data(), end, seed);
  if (error != std::errc() || stop != end) return field.Fail("not an integer of 64 bits");
  return seed;
}

template <typename Integer>
base::Result<std::vector<Integer>> ReadIntegers(const Field& field) {
  FATHOM_ASSIGN(const size_t count, CountItems(field));
  std::vector<Integer> values(count);
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(values[i], ReadInteger<Integer>(field.Item(i)));
  }
  return values;
}

base::Result<engine::SamplingOptions> ReadSampling(const Field& object) {
  engine::SamplingOptions sampling;
  FATHOM_ASSIGN(sampling.seed, ReadSeed(object.Member("seed")));
  for (const auto& [name, value] : SamplingFields()) {
    FATHOM_ASSIGN(const std::optional<double> number, ReadOptionalNumber(object.Member(name)));
    if (number) sampling.*value = static_cast<float>(*number);
  }
  FATHOM_ASSIGN(sampling.top_k, ReadInteger<int32_t>(object.Member("top_k"), 0));
  const Field biases = object.Member("logit_bias");
  FATHOM_ASSIGN(const size_t count, CountItems(biases));
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(const size_t parts, CountItems(biases.Item(i)));
    if (parts != 2) return biases.Item(i).Fail("not an id and a number");
    FATHOM_ASSIGN(const int32_t id, ReadInteger<int32_t>(biases.Item(i).Item(0)));
    FATHOM_ASSIGN(const std::optional<double> bias, ReadOptionalNumber(biases.Item(i).Item(1)));
    if (!bias) return biases.Item(i).Fail("not an id and a number");
    sampling.logit_bias.emplace_back(id, static_cast<float>(*bias));
  }
  return sampling;
}

base::Result<engine::Request> ReadRequest(const Field& line) {
  engine::Request request;
  FATHOM_ASSIGN(request.prompt, ReadIntegers<int32_t>(line.Member("prompt")));
  FATHOM_ASSIGN(request.boundaries, ReadIntegers<int64_t>(line.Member("boundaries")));
  FATHOM_ASSIGN(request.max_tokens, ReadInteger<int64_t>(line.Member("max_tokens"), -1));
  FATHOM_ASSIGN(request.sampling, ReadSampling(line.Member("sampling")));
  const Field stops = line.Member("stop");
  FATHOM_ASSIGN(const size_t stop_count, CountItems(stops));
  for (size_t i = 0; i < stop_count; ++i) {
    FATHOM_ASSIGN(request.stop.emplace_back(), ReadText(stops.Item(i)));
  }
  FATHOM_ASSIGN(request.stop_tokens, ReadIntegers<int32_t>(line.Member("stop_tokens")));
  FATHOM_ASSIGN(request.ignore_end, ReadFlag(line.Member("ignore_end")));
  FATHOM_ASSIGN(request.logprobs, ReadFlag(line.Member("logprobs")));
  FATHOM_ASSIGN(request.top_logprobs, ReadInteger<int32_t>(line.Member("top_logprobs"), 0));
  FATHOM_ASSIGN(request.priority, ReadInteger<int32_t>(line.Member("priority"), 0));
  return request;
}

base::Result<TraceHeader> ReadHeader(const Field& line) {
  FATHOM_ASSIGN(const int64_t version, ReadCount(line.Member("trace")));
  if (version != kTraceVersion)
    return line.Member("trace").Fail(
        fmt::format("version {}; this program reads version {}", version, kTraceVersion));
  TraceHeader header;
  FATHOM_ASSIGN(header.began, ReadText(line.Member("began")));
  FATHOM_ASSIGN(header.program, ReadText(line.Member("program")));
  FATHOM_ASSIGN(header.model, ReadText(line.Member("model")));
  FATHOM_ASSIGN(header.fingerprint, ReadText(line.Member("fingerprint")));
  FATHOM_ASSIGN(header.isa, ReadText(line.Member("isa")));
  FATHOM_ASSIGN(header.context, ReadCount(line.Member("context")));
  FATHOM_ASSIGN(header.batch_tokens, ReadCount(line.Member("batch_tokens")));
  FATHOM_ASSIGN(header.chunk_tokens, ReadCount(line.Member("chunk_tokens")));
  FATHOM_ASSIGN(header.max_batch, ReadCount(line.Member("max_batch")));
  FATHOM_ASSIGN(header.max_queue, ReadCount(line.Member("max_queue")));
  FATHOM_ASSIGN(header.kv_memory, ReadCount(line.Member("kv_memory")));
  if (line.Member("files").IsMissing()) return header;
  FATHOM_ASSIGN(header.files, ReadCount(line.Member("files")));
  FATHOM_ASSIGN(header.kv_disk, ReadCount(line.Member("kv_disk")));
  return header;
}

// Takes one line after the other.
class RecordingBuilder {
 public:
  base::Status Take(const Field& line);
  Recording TakeRecording() { return std::move(recording_); }

 private:
  base::Status TakeRequest(const Field& line);
  base::Result<Repetition> ReadRepetition(const Field& field) const;
  base::Status TakeCancel(const Field& line);
  base::Status TakeToken(const Field& line);
  base::Status TakeDone(const Field& line);
  base::Status TakeDecision(const Field& line);
  // The number of a request that is under way.
  base::Result<int64_t> ReadNumber(const Field& line) const;
  RecordedRequest& request(int64_t number) {
    return recording_.requests[static_cast<size_t>(number - 1)];
  }

  Recording recording_;
  std::vector<int64_t> prompt_tokens_;  // of each request
  bool has_header_ = false;
};

base::Status RecordingBuilder::Take(const Field& line) {
  FATHOM_TRY(RequireObject(line));
  if (!has_header_) {
    has_header_ = true;
    FATHOM_ASSIGN(recording_.header, ReadHeader(line));
    return {};
  }
  const Field step = line.Member("step");
  FATHOM_ASSIGN(const int64_t steps, ReadCount(step));
  if (steps < recording_.steps) return step.Fail("less than that of the line before");
  recording_.steps = steps;
  FATHOM_ASSIGN(const std::string event, ReadText(line.Member("event")));
  if (event == kRequestEvent) return TakeRequest(line);
  if (event == kCancelEvent) return TakeCancel(line);
  if (event == kTokenEvent) return TakeToken(line);
  if (event == kDoneEvent) return TakeDone(line);
  if (event != kParkEvent) return TakeDecision(line);
  recording_.is_parked = true;
  return {};
}

base::Result<Repetition> RecordingBuilder::ReadRepetition(const Field& field) const {
  FATHOM_ASSIGN(const std::vector<int64_t> values, ReadIntegers<int64_t>(field));
  if (values.empty()) return Repetition();
  if (values.size() != 2) return field.Fail("not a request and a number of tokens");
  const Repetition repeated{.request = values[0], .tokens = values[1]};
  if (repeated.request < 1 || repeated.request > std::ssize(recording_.requests))
    return field.Fail("there is no such request before");
  const int64_t most = prompt_tokens_[static_cast<size_t>(repeated.request - 1)] +
                       std::ssize(recording_.request(repeated.request).tokens);
  if (repeated.tokens < 0 || repeated.tokens > most)
    return field.Fail("the request has not had so many tokens");
  return repeated;
}

base::Status RecordingBuilder::TakeRequest(const Field& line) {
  FATHOM_ASSIGN(const int64_t number, ReadCount(line.Member("request")));
  if (number != std::ssize(recording_.requests) + 1)
    return line.Member("request").Fail("requests are numbered from 1, without a gap");
  RecordedRequest recorded;
  FATHOM_ASSIGN(recorded.request, ReadRequest(line));
  FATHOM_ASSIGN(recorded.repeated, ReadRepetition(line.Member("repeats")));
  const Field constraint = line.Member("constraint");
  if (!constraint.IsMissing()) {
    FATHOM_TRY(RequireObject(constraint));
    recorded.constraint = PrintJson(*constraint.json);
  }
  prompt_tokens_.push_back(recorded.repeated.tokens + std::ssize(recorded.request.prompt));
  recording_.requests.push_back(std::move(recorded));
  recording_.calls.push_back({RecordedCall::Kind::kSubmit, number, recording_.steps});
  return {};
}

base::Result<int64_t> RecordingBuilder::ReadNumber(const Field& line) const {
  const Field field = line.Member("request");
  FATHOM_ASSIGN(const int64_t number, ReadCount(field));
  if (number < 1 || number > std::ssize(recording_.requests))
    return field.Fail("there is no such request before");
  if (recording_.request(number).finish) return field.Fail("the request is over");
  return number;
}

base::Status RecordingBuilder::TakeCancel(const Field& line) {
  FATHOM_ASSIGN(const int64_t number, ReadNumber(line));
  recording_.calls.push_back({RecordedCall::Kind::kCancel, number, recording_.steps});
  return {};
}

base::Status RecordingBuilder::TakeToken(const Field& line) {
  FATHOM_ASSIGN(const int64_t number, ReadNumber(line));
  RecordedToken token;
  FATHOM_ASSIGN(token.id, ReadInteger<int32_t>(line.Member("id")));
  const Field origin = line.Member("origin");
  if (!origin.IsMissing()) {
    FATHOM_ASSIGN(token.origin, text::ReadName(origin, OriginNames()));
  }
  request(number).tokens.push_back(token);
  return {};
}

base::Status RecordingBuilder::TakeDone(const Field& line) {
  FATHOM_ASSIGN(const int64_t number, ReadNumber(line));
  FATHOM_ASSIGN(request(number).finish, text::ReadName(line.Member("finish"), FinishNames()));
  return {};
}

base::Status RecordingBuilder::TakeDecision(const Field& line) {
  CacheDecision decision;
  FATHOM_ASSIGN(decision.kind, text::ReadName(line.Member("event"), DecisionNames()));
  FATHOM_ASSIGN(decision.request, ReadCount(line.Member("request"), 0));
  FATHOM_ASSIGN(decision.position, ReadCount(line.Member("position"), 0));
  FATHOM_ASSIGN(decision.tokens, ReadCount(line.Member("tokens")));
  FATHOM_ASSIGN(decision.bytes, ReadCount(line.Member("bytes"), 0));
  FATHOM_ASSIGN(decision.look, ReadCount(line.Member("look"), 0));
  if (!recording_.is_parked) recording_.decisions.push_back(decision);
  return {};
}

base::Status TakeLine(std::string_view text, RecordingBuilder* builder) {
  FATHOM_ASSIGN(const Json json, text::ReadJson(text, "JSON", {.max_depth = kMaxDepth}));
  return builder->Take({.json = &json, .path = {}});
}

}  // namespace

base::Result<Recording> ParseTrace(std::string_view text, const std::string& path) {
  RecordingBuilder builder;
  int64_t number = 0;
  while (true) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    ++number;
    const base::Status taken = TakeLine(text.substr(0, end), &builder);
    if (!taken.ok()) return base::MakeError("{}:{}: {}", path, number, taken.error().message);
    text.remove_prefix(end + 1);
  }
  if (number == 0) return base::MakeError("{}: not a trace: it has no whole line", path);
  Recording recording = builder.TakeRecording();
  recording.is_torn = !text.empty();
  return recording;
}

base::Result<Recording> ReadTrace(const std::string& path) {
  FATHOM_ASSIGN(const base::MappedFile file, base::MappedFile::Open(path));
  const auto* const bytes = reinterpret_cast<const char*>(file.bytes().data());
  return ParseTrace({bytes, file.bytes().size()}, path);
}

}  // namespace fathom::trace
