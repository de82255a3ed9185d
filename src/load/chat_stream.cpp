#include "load/chat_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fathom::load {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostCalls = 128;
constexpr size_t kMostErrorBytes = 200;

/// Null where `json` is no object or has no such member, or its value is null.
const Json* Find(const Json* json, const char* key) {
  if (json == nullptr || !json->is_object()) return nullptr;
  const auto member = json->find(key);
  return member == json->end() || member->is_null() ? nullptr : &*member;
}

/// The element of a list; null if there is none.
const Json* First(const Json* json) {
  return json != nullptr && json->is_array() && !json->empty() ? &json->front() : nullptr;
}

std::string_view ReadText(const Json* json) {
  return json != nullptr && json->is_string() ? json->get_ref<const std::string&>()
                                              : std::string_view();
}

/// 0 for what is no count of tokens.
int64_t ReadCount(const Json* json) {
  constexpr uint64_t kMost = 1'000'000'000;
  if (json == nullptr || !json->is_number_unsigned()) return 0;
  const auto count = json->get<uint64_t>();
  return count <= kMost ? static_cast<int64_t>(count) : 0;
}

std::optional<Usage> ReadUsage(const Json* usage) {
  const Json* prompt = Find(usage, "prompt_tokens");
  if (prompt == nullptr) return std::nullopt;
  Usage read = {
      .prompt_tokens = ReadCount(prompt),
      .cached_tokens = ReadCount(Find(Find(usage, "prompt_tokens_details"), "cached_tokens")),
      .completion_tokens = ReadCount(Find(usage, "completion_tokens"))};
  read.cached_tokens = std::min(read.cached_tokens, read.prompt_tokens);
  return read;
}

/// Returns whether there was anything in it.
bool ReadCall(const Json& delta, std::vector<text::ToolCall>& calls) {
  const Json* index = Find(&delta, "index");
  const auto at = static_cast<size_t>(ReadCount(index));
  if (at >= kMostCalls) return false;
  if (calls.size() <= at) calls.resize(at + 1);
  const Json* function = Find(&delta, "function");
  const std::string_view name = ReadText(Find(function, "name"));
  const std::string_view arguments = ReadText(Find(function, "arguments"));
  calls[at].id += ReadText(Find(&delta, "id"));
  calls[at].name += name;
  calls[at].arguments += arguments;
  return !name.empty() || !arguments.empty();
}

/// Returns whether there was text in it.
bool ReadDelta(const Json* delta, ChatAnswer& answer) {
  const Json* reasoning = Find(delta, "reasoning_content");
  if (reasoning == nullptr) reasoning = Find(delta, "reasoning");
  const std::string_view thought = ReadText(reasoning);
  const std::string_view content = ReadText(Find(delta, "content"));
  answer.reasoning += thought;
  answer.content += content;
  bool has_text = !thought.empty() || !content.empty();
  if (const Json* calls = Find(delta, "tool_calls"); calls != nullptr && calls->is_array())
    for (const Json& call : *calls) has_text |= ReadCall(call, answer.calls);
  return has_text;
}

std::string DescribeError(const Json& body) {
  const Json* error = Find(&body, "error");
  std::string_view message = ReadText(Find(error, "message"));
  if (message.empty()) message = ReadText(error);
  if (message.empty()) message = ReadText(Find(&body, "message"));
  return std::string(message);
}

std::string Shorten(std::string_view text) {
  std::string line(text.substr(0, std::min(text.find_first_of("\r\n"), kMostErrorBytes)));
  return line.empty() ? "no message" : line;
}

}  // namespace

ChatStream::News ChatStream::Read(std::string_view data) {
  if (data == "[DONE]") return News::kEnd;
  const Json chunk = Json::parse(data, nullptr, false);
  if (!chunk.is_object()) return News::kNoise;
  if (Find(&chunk, "error") != nullptr) {
    error_ = Shorten(DescribeError(chunk));
    return News::kError;
  }
  if (const auto usage = ReadUsage(Find(&chunk, "usage"))) answer_.usage = usage;
  const Json* delta = Find(First(Find(&chunk, "choices")), "delta");
  return ReadDelta(delta, answer_) ? News::kText : News::kNone;
}

std::string ReadErrorMessage(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  const std::string message = json.is_discarded() ? std::string() : DescribeError(json);
  return Shorten(message.empty() ? body : message);
}

}  // namespace fathom::load
