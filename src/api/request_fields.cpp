#include "api/request_fields.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace fathom::api {
namespace {

using base::Result;
using base::Status;
using text::Field;

// As far as OpenAI lets clients go, and as far as the engine does where OpenAI has no such field.
constexpr text::Range<double> kTemperature = {.least = 0, .most = 2};
constexpr text::Range<double> kProbability = {.least = 0, .most = 1};
constexpr text::Range<double> kPenalty = {.least = -2, .most = 2};
constexpr text::Range<double> kRepetitionPenalty = {.least = 1e-3, .most = 1e3};
constexpr text::Range<double> kBias = {.least = -100, .most = 100};
constexpr text::Range<int64_t> kTokenId = {.least = 0, .most = INT32_MAX};
constexpr text::Range<int64_t> kInt32 = {.least = INT32_MIN, .most = INT32_MAX};
constexpr size_t kMaxStops = 64;

Status ReadFloat(const Field& field, const text::Range<double>& range, float* value) {
  FATHOM_ASSIGN(const auto number, text::ReadOptionalNumber(field, range));
  if (number.has_value()) *value = static_cast<float>(*number);
  return {};
}

Status ReadLogitBias(const Field& field, engine::SamplingOptions* sampling) {
  if (field.IsMissingOrNull()) return {};
  FATHOM_TRY(RequireObject(field));
  for (const auto& [key, value] : *field.json->AsObject()) {
    int32_t id = -1;
    const char* end = key.data() + key.size();
    const auto result = std::from_chars(key.data(), end, id);
    if (result.ec != std::errc() || result.ptr != end || id < 0) {
      return field.Fail("a key is not a token id: " + text::QuoteJson(key.substr(0, 32)));
    }
    float bias = 0;
    FATHOM_TRY(ReadFloat({&value, field.path + "." + key}, kBias, &bias));
    sampling->logit_bias.emplace_back(id, bias);
  }
  return {};
}

// -1 and 0 both keep all tokens.
Status ReadTopK(const Field& field, engine::SamplingOptions* sampling) {
  FATHOM_ASSIGN(const auto top_k,
                text::ReadOptionalInteger(field, {.least = -1, .most = INT32_MAX}));
  if (top_k.value_or(0) > 0) sampling->top_k = static_cast<int32_t>(*top_k);
  return {};
}

}  // namespace

Status ReadSampling(const Field& root, const ParseOptions& options, Request* request) {
  engine::SamplingOptions sampling;
  FATHOM_TRY(ReadFloat(root.Member("temperature"), kTemperature, &sampling.temperature));
  FATHOM_TRY(ReadFloat(root.Member("top_p"), kProbability, &sampling.top_p));
  FATHOM_TRY(ReadFloat(root.Member("presence_penalty"), kPenalty, &sampling.presence_penalty));
  FATHOM_TRY(ReadFloat(root.Member("frequency_penalty"), kPenalty, &sampling.frequency_penalty));
  const bool thinks = request->effort != text::ThinkingEffort::kNone;
  if (thinks && !options.sampling_while_thinking) sampling = {};
  FATHOM_TRY(ReadFloat(root.Member("min_p"), kProbability, &sampling.min_p));
  FATHOM_TRY(ReadFloat(root.Member("repetition_penalty"), kRepetitionPenalty,
                       &sampling.repetition_penalty));
  FATHOM_TRY(ReadTopK(root.Member("top_k"), &sampling));
  FATHOM_TRY(ReadLogitBias(root.Member("logit_bias"), &sampling));
  request->sampling = std::move(sampling);

  FATHOM_ASSIGN(const auto seed, text::ReadOptionalInteger(root.Member("seed")));
  if (seed.has_value()) request->seed = static_cast<uint64_t>(*seed);
  if (const Field stops = root.Member("stop_token_ids"); !stops.IsMissingOrNull()) {
    if (!stops.IsArray()) return stops.FailKind("a list");
    FATHOM_ASSIGN(request->stop_tokens, ReadTokenIds(stops));
  }
  FATHOM_ASSIGN(request->ignore_end, ReadFlag(root.Member("ignore_eos"), false));
  FATHOM_ASSIGN(const auto priority, text::ReadOptionalInteger(root.Member("priority"), kInt32));
  request->priority = static_cast<int32_t>(priority.value_or(0));
  return {};
}

Status ReadStops(const Field& field, Request* request) {
  if (field.IsMissingOrNull()) return {};
  const size_t count = field.IsArray() ? field.json->AsArray()->size() : 1;
  if (count > kMaxStops) return field.Fail("too many stop strings");
  for (size_t i = 0; i < count; ++i) {
    const Field item = field.IsArray() ? field.Item(i) : field;
    FATHOM_ASSIGN(std::string stop, ReadText(item));
    if (stop.empty()) return item.Fail("an empty text would end every answer");
    request->stop.push_back(std::move(stop));
  }
  return {};
}

Status ReadLimit(const Field& field, Request* request) {
  FATHOM_ASSIGN(const auto limit,
                text::ReadOptionalInteger(field, {.least = 1, .most = INT64_MAX}));
  if (!limit.has_value()) return {};
  if (request->max_tokens < 0 || *limit < request->max_tokens) request->max_tokens = *limit;
  return {};
}

Status ReadCommon(const Field& root, Request* request) {
  FATHOM_ASSIGN(request->model, ReadOptionalText(root.Member("model")));
  FATHOM_ASSIGN(request->stream, ReadFlag(root.Member("stream"), false));
  for (const char* key : {"prompt_cache_key", "session_id", "user"}) {
    const Field field = root.Member(key);
    if (request->conversation_key.empty() && field.IsString()) {
      request->conversation_key = *field.json->AsString();
    }
  }
  return {};
}

Result<bool> ReadFlag(const Field& field, bool fallback) {
  FATHOM_ASSIGN(const auto flag, text::ReadOptionalBool(field));
  return flag.value_or(fallback);
}

Result<std::string> ReadPart(const Field& part) {
  FATHOM_TRY(RequireObject(part));
  FATHOM_ASSIGN(const std::string name, ReadText(part.Member("type")));
  const std::string_view type = name;
  if (type == "refusal") return ReadText(part.Member("refusal"));
  if (type == "text" || type.ends_with("_text")) return ReadText(part.Member("text"));
  return fmt::format("[Unsupported {}]", type);
}

Result<std::string> ReadParts(const Field& field, std::string_view left_out) {
  if (field.IsMissingOrNull()) return std::string();
  if (field.IsString()) return *field.json->AsString();
  if (!field.IsArray()) return field.FailKind("a string, null or a list of parts");
  std::string joined;
  for (size_t i = 0; i < field.json->AsArray()->size(); ++i) {
    FATHOM_ASSIGN(const std::string part, ReadPart(field.Item(i)));
    if (!left_out.empty() && part.starts_with(left_out)) continue;
    if (!joined.empty()) joined += "\n\n";
    joined += part;
  }
  return joined;
}

Result<std::vector<int32_t>> ReadTokenIds(const Field& field) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < field.json->AsArray()->size(); ++i) {
    FATHOM_ASSIGN(const auto id, text::ReadOptionalInteger(field.Item(i), kTokenId));
    if (!id.has_value()) return field.Item(i).FailKind("an integer");
    ids.push_back(static_cast<int32_t>(*id));
  }
  return ids;
}

Status Refuse(const Field& field, std::string_view reason) {
  if (field.IsMissingOrNull()) return {};
  const text::Json& json = *field.json;
  const bool asks_for_nothing = (json.AsBoolean() != nullptr && !*json.AsBoolean()) ||
                                (json.AsArray() != nullptr && json.AsArray()->empty()) ||
                                (json.AsObject() != nullptr && json.AsObject()->empty()) ||
                                (json.AsString() != nullptr && json.AsString()->empty());
  if (asks_for_nothing) return {};
  return field.Fail(reason);
}

Status ReadToolChoice(const Field& field, Result<std::string> (*read_name)(const Field& choice),
                      ToolChoice* choice) {
  using Choice = ToolChoice::Kind;
  static constexpr text::Named<Choice> kWords[] = {
      {"auto", Choice::kAuto}, {"none", Choice::kNone}, {"required", Choice::kRequired}};
  if (field.IsMissingOrNull()) return {};
  if (field.IsString()) {
    FATHOM_ASSIGN(choice->kind, text::ReadName<Choice>(field, kWords));
    return {};
  }
  if (!field.IsObject()) return field.FailKind("a string or an object");
  FATHOM_ASSIGN(const std::string type, ReadText(field.Member("type")));
  if (type != "function") return field.Member("type").Fail("only \"function\" can be chosen");
  choice->kind = Choice::kNamed;
  FATHOM_ASSIGN(choice->name, read_name(field));
  return {};
}

Status ReadResponseFormat(const Field& format, const Field& holder, Request* request) {
  using Format = ResponseFormat::Kind;
  static constexpr text::Named<Format> kKinds[] = {{"text", Format::kText},
                                                   {"json_object", Format::kJsonObject},
                                                   {"json_schema", Format::kJsonSchema}};
  if (format.IsMissingOrNull()) return {};
  FATHOM_TRY(RequireObject(format));
  ResponseFormat& result = request->response_format;
  FATHOM_ASSIGN(result.kind, text::ReadName<Format>(format.Member("type"), kKinds));
  if (result.kind != Format::kJsonSchema) return {};
  FATHOM_TRY(RequireObject(holder));
  FATHOM_TRY(RequireObject(holder.Member("schema")));
  result.schema = *holder.Member("schema").json;
  result.path = holder.Member("schema").path;
  FATHOM_ASSIGN(result.name, ReadOptionalText(holder.Member("name")));
  FATHOM_ASSIGN(result.strict, ReadFlag(holder.Member("strict"), false));
  return {};
}

}  // namespace fathom::api
