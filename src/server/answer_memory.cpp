#include "server/answer_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "text/json.h"
#include "text/json_meaning.h"
#include "text/prompt.h"
#include "text/protocol_strings.h"
#include "text/trim.h"

namespace fathom::server {
namespace {

using text::Message;
using text::Role;

// For an answer without calls, which nothing but its place and its words can name.
std::string MakeKey(const std::string& place, std::string_view content) {
  const std::string_view words = text::Trim(content);
  return place +
         base::ToHex(base::ComputeDigest(std::as_bytes(std::span(words.data(), words.size()))));
}

void AddTokens(std::span<const int32_t> tokens, base::DigestBuilder* digest) {
  digest->Add(std::as_bytes(tokens));
}

// The arguments of a call that was cut, where an API has room for an object alone.
std::string WrapArguments(const text::CompletedCall& call) {
  return text::PrintJson(text::Json(text::Json::Object{{"arguments", text::Json(call.arguments)}}));
}

// The assistant's messages, in the order of the tokens that open them in the prompt; nothing where
// that is not certain.
std::vector<const Message*> ListAnswers(const text::Conversation& conversation) {
  std::vector<const Message*> answers;
  const std::vector<Message>& messages = conversation.messages;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::kLatestReminder || messages[i].task) return {};
    if (messages[i].role != Role::kAssistant) continue;
    const bool follows_question =
        i > 0 && (messages[i - 1].role == Role::kUser || messages[i - 1].role == Role::kTool);
    if (!follows_question) return {};
    answers.push_back(&messages[i]);
  }
  return answers;
}

}  // namespace

base::Result<std::unique_ptr<AnswerMemory>> AnswerMemory::Open(const std::string& directory,
                                                               const text::Tokenizer& tokenizer,
                                                               const FormatTokens& format) {
  std::unique_ptr<AnswerMemory> memory(new AnswerMemory(tokenizer, format));
  if (directory.empty()) return memory;
  base::DigestBuilder vocabulary;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view bytes = tokenizer.Has(id) ? tokenizer.BytesOf(id) : std::string_view();
    const auto size = static_cast<uint32_t>(bytes.size());
    vocabulary.Add(std::as_bytes(std::span(&size, 1)));
    vocabulary.Add(std::as_bytes(std::span(bytes.data(), bytes.size())));
  }
  const std::string identity = base::ToHex(vocabulary.Finish());
  FATHOM_ASSIGN(memory->file_,
                kv::ReplayFile::Open({.path = fmt::format("{}/answers-{}", directory, identity),
                                      .identity = identity,
                                      .limit_bytes = kMemoryBytes}));
  return memory;
}

std::string AnswerMemory::NamePlace(std::span<const int32_t> prompt) {
  base::DigestBuilder digest;
  AddTokens(prompt.first(prompt.size() - 1), &digest);
  return base::ToHex(digest.Finish());
}

base::Status AnswerMemory::Remember(Answer answer) {
  kv::ReplayMap::Answer entry;
  entry.keys = std::move(answer.call_ids);
  if (entry.keys.empty()) entry.keys.push_back(MakeKey(answer.place, answer.content));
  entry.tokens.push_back(answer.opening);
  entry.tokens.insert(entry.tokens.end(), answer.tokens.begin(), answer.tokens.end());
  const std::scoped_lock lock(mutex_);
  if (file_) return file_->Remember(std::move(entry));
  map_.Remember(std::move(entry));
  return {};
}

std::optional<std::vector<int32_t>> AnswerMemory::Find(std::span<const std::string> keys) {
  const std::scoped_lock lock(mutex_);
  return file_ ? file_->Find(keys) : map_.Find(keys);
}

std::vector<int32_t> AnswerMemory::Restore(const text::Conversation& conversation,
                                           std::vector<int32_t> rendered) {
  const std::vector<const Message*> answers = ListAnswers(conversation);
  const auto openings = std::count(rendered.begin(), rendered.end(), format_.assistant);
  // The last one opens the answer that is to come.
  if (answers.empty() || openings != std::ssize(answers) + 1) return rendered;
  std::vector<int32_t> restored;
  base::DigestBuilder place;
  size_t digested = 0;
  auto at = rendered.begin();
  for (const Message* const message : answers) {
    const auto opening = std::find(at, rendered.end(), format_.assistant) + 1;
    const auto end = std::find(opening, rendered.end(), format_.end);
    restored.insert(restored.end(), at, opening);
    AddTokens(std::span(restored).subspan(digested), &place);
    digested = restored.size();
    at = end == rendered.end() ? end : end + 1;
    std::optional<std::vector<int32_t>> answer = FindAnswer(*message, place);
    if (answer) answer = Fit(std::move(*answer), *opening);
    if (answer) {
      restored.insert(restored.end(), answer->begin(), answer->end());
    } else {
      restored.insert(restored.end(), opening, at);
    }
  }
  restored.insert(restored.end(), at, rendered.end());
  return restored;
}

std::optional<std::vector<int32_t>> AnswerMemory::FindAnswer(const Message& message,
                                                             const base::DigestBuilder& place) {
  std::set<std::string> keys;
  for (const text::ToolCall& call : message.tool_calls) keys.insert(call.id);
  if (keys.empty()) keys.insert(MakeKey(base::ToHex(place.Finish()), message.content));
  auto answer = Find(std::vector<std::string>(keys.begin(), keys.end()));
  if (!answer) return std::nullopt;
  const std::optional<text::CompletionParser> parser = Parse(*answer);
  const bool is_cut = answer->back() != format_.end;
  if (!parser || !Agrees(parser->completion(), is_cut, message)) return std::nullopt;
  return is_cut ? Close(std::move(*answer), parser->cut_end()) : std::move(answer);
}

std::optional<text::CompletionParser> AnswerMemory::Parse(std::span<const int32_t> answer) const {
  text::CompletionParser parser({.starts_in_reasoning = answer.front() == format_.think_begin});
  for (const int32_t id : answer.subspan(1)) {
    if (!tokenizer_.Has(id)) return std::nullopt;
    parser.Feed(tokenizer_.BytesOf(id),
                tokenizer_.IsAdded(id) ? text::Origin::kSpecialToken : text::Origin::kPlainTokens);
  }
  const bool is_whole = answer.back() == format_.end;
  parser.Finish(is_whole ? text::TextEnd::kWhole : text::TextEnd::kCut);
  return parser;
}

// Whether the answer says what the message does. What the message lacks beside its calls, the
// client has dropped.
bool AnswerMemory::Agrees(const text::Completion& said, bool is_cut, const Message& message) {
  const auto agrees = [](const std::string& text, const std::string& with, bool may_lack) {
    return (may_lack && text::Trim(text).empty()) || text::Trim(text) == text::Trim(with);
  };
  const auto calls_same = [is_cut](const text::ToolCall& call, const text::CompletedCall& with) {
    if (call.name != with.name || !(with.is_complete || is_cut)) return false;
    return text::MeansTheSame(call.arguments, with.arguments) ||
           (!with.is_complete && text::MeansTheSame(call.arguments, WrapArguments(with)));
  };
  return agrees(message.reasoning_content, said.reasoning, true) &&
         agrees(message.content, said.content, !said.tool_calls.empty()) &&
         std::equal(message.tool_calls.begin(), message.tool_calls.end(), said.tool_calls.begin(),
                    said.tool_calls.end(), calls_same);
}

// A turn of what was cut: without a tag that is not whole, and with the ends of what is open.
// Nothing if a token holds part of that tag and of what is before it.
std::optional<std::vector<int32_t>> AnswerMemory::Close(std::vector<int32_t> answer,
                                                        const text::CutEnd& end) const {
  for (size_t bytes = end.tag_bytes; bytes > 0;) {
    const size_t length = tokenizer_.BytesOf(answer.back()).size();
    if (length > bytes) return std::nullopt;
    bytes -= length;
    answer.pop_back();
  }
  std::string_view tags = end.closing_tags;
  if (tokenizer_.BytesOf(answer.back()).ends_with('\n') && tags.starts_with('\n'))
    tags.remove_prefix(1);
  text::Prompt closing;
  closing.AppendFormat(tags);
  const auto tokens = tokenizer_.Encode(closing);
  if (!tokens.ok()) return std::nullopt;
  answer.insert(answer.end(), tokens->begin(), tokens->end());
  answer.push_back(format_.end);
  return answer;
}

// The answer as it stands in a prompt that opens it so: without its reasoning, where the format
// leaves that out, and with an empty one, where the model did not think although it does now.
std::vector<int32_t> AnswerMemory::Fit(std::vector<int32_t> answer, int32_t opening) const {
  if (answer.front() == opening) return answer;
  if (opening == format_.think_begin) {
    answer.insert(answer.begin(), opening);
    return answer;
  }
  const auto think_end = std::find(answer.begin(), answer.end(), format_.think_end);
  answer.erase(answer.begin(), think_end);
  return answer;
}

}  // namespace fathom::server
