#include "text/completion_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/json.h"
#include "text/protocol_strings.h"
#include "text/utf8.h"

namespace fathom::text {
namespace {

using Element = DsmlTag::Element;

constexpr std::string_view kSpace = " \t\r\n";
// Where a marker can begin, in text and in values.
constexpr std::string_view kMarkerStarts = "<\n";
// White space between two tags that must be seen together. The format has one line end.
constexpr size_t kMaxSpace = 64;
// Objects inside one another in the loose form of parameters; what is deeper is text.
constexpr size_t kMaxObjects = 16;

Match MatchLiteral(std::string_view text, std::string_view literal) {
  if (text.starts_with(literal)) return Match::kYes;
  return literal.starts_with(text) ? Match::kPartial : Match::kNo;
}

// Moves `at` past white space; kPartial if the text ends in it, kNo if it is too long.
Match SkipSpace(std::string_view text, size_t* at) {
  const size_t end = std::min(text.find_first_not_of(kSpace, *at), text.size());
  if (end - *at > kMaxSpace) return Match::kNo;
  *at = end;
  return end == text.size() ? Match::kPartial : Match::kYes;
}

}  // namespace

CompletionParser::CompletionParser(const CompletionOptions& options)
    : options_(options), in_reasoning_(options.starts_in_reasoning) {}

std::vector<CompletionEvent> CompletionParser::Feed(std::string_view piece, Origin origin) {
  FATHOM_CHECK(!has_ended_);
  input_.append(piece);
  const size_t fed = dropped_ + ready_.size() + input_.size();
  if (origin == Origin::kPlainTokens) plain_.Add(fed - piece.size(), fed);
  const size_t settled = input_.size() - CountUnsettledBytes();
  ready_.append(input_, 0, settled);
  input_.erase(0, settled);
  Run();
  return writer_.TakeEvents();
}

std::vector<CompletionEvent> CompletionParser::Finish(TextEnd end) {
  FATHOM_CHECK(!has_ended_);
  if (end == TextEnd::kCut) Cut();
  has_ended_ = true;
  if (input_ != kEndOfSentence) ready_.append(input_);
  Run();
  if (!keys_.empty()) {
    EndOpenCall(end);
  } else if (state_ == State::kMarkup) {
    AddProblem("a block of tool calls has no end");
  }
  if (in_reasoning_ && completion().tool_calls.empty()) AddProblem("the reasoning has no end");
  return writer_.TakeEvents();
}

void CompletionParser::Run() {
  while (Step()) {
  }
  ready_.erase(0, at_);
  dropped_ += std::exchange(at_, 0);
  plain_.DropBefore(dropped_);
}

// Bytes at the end of the input that may turn out to be part of a character or of the token that
// ends the turn.
size_t CompletionParser::CountUnsettledBytes() const {
  const std::string_view text = input_;
  const size_t token = text.rfind('<');
  const bool may_end = token != text.npos && kEndOfSentence.starts_with(text.substr(token)) &&
                       !plain_.Holds(dropped_ + ready_.size() + token);
  return may_end ? text.size() - token : UnfinishedTailLength(text);
}

// Takes the next thing that is certain; false if there is none yet.
bool CompletionParser::Step() {
  switch (state_) {
    case State::kText:
      return StepText();
    case State::kMarkup:
      return StepMarkup();
    case State::kValueStart:
      return StepValueStart();
    case State::kValue:
      return StepValue();
    case State::kAfterBlock:
      return StepAfterBlock();
  }
  FATHOM_CHECK(false);
}

// At the end of the text, what is not complete is not there.
Match CompletionParser::Settle(Match match) const {
  return match == Match::kPartial && has_ended_ ? Match::kNo : match;
}

Match CompletionParser::MatchTagAt(std::string_view text, DsmlTag* tag) const {
  return MayBeTag(text) ? Settle(MatchTag(text, tag)) : Match::kNo;
}

// As far as the marker decides it.
bool CompletionParser::MayBeTag(std::string_view text) const {
  if (!options_.only_special_markers) return true;
  const size_t at = text.starts_with("</") ? 2 : 1;
  if (text.size() <= at) return true;
  const std::string_view marker = text.substr(at);
  return marker.starts_with(kDsmlMarker) && !IsPlain(marker);
}

// Whether an ordinary token spelled the beginning of `text`, a part of ready_.
bool CompletionParser::IsPlain(std::string_view text) const {
  return plain_.Holds(dropped_ + static_cast<size_t>(text.data() - ready_.data()));
}

// Reasoning and content.

bool CompletionParser::StepText() {
  const std::string_view text = Rest();
  for (size_t at = text.find_first_of(kMarkerStarts); at != text.npos;
       at = text.find_first_of(kMarkerStarts, at + 1)) {
    const TextMarker marker = MatchTextMarker(text.substr(at), is_section_empty_ && at == 0);
    if (marker.match == Match::kNo && !marker.has_bare_opener) continue;
    const size_t settled = at + (marker.has_bare_opener ? 1 : 0);
    AddText(text.substr(0, settled));
    at_ += settled;
    if (marker.has_bare_opener) AddProblem("a block of tool calls begins without a call");
    if (marker.match == Match::kYes) TakeTextMarker(marker);
    return marker.match != Match::kPartial;
  }
  AddText(text);
  at_ += text.size();
  return false;
}

CompletionParser::TextMarker CompletionParser::MatchTextMarker(std::string_view text,
                                                               bool at_section_start) const {
  if (in_reasoning_) {
    TextMarker marker;
    marker.match = MatchThinkEnd(text);
    marker.is_think_end = true;
    marker.length = kThinkEnd.size();
    if (marker.match == Match::kYes) return marker;
    const TextMarker block = MatchBlockStart(text, at_section_start);
    return block.match == Match::kNo && marker.match == Match::kPartial ? marker : block;
  }
  return MatchBlockStart(text, at_section_start);
}

Match CompletionParser::MatchThinkEnd(std::string_view text) const {
  return IsPlain(text) ? Match::kNo : Settle(MatchLiteral(text, kThinkEnd));
}

CompletionParser::TextMarker CompletionParser::MatchBlockStart(std::string_view text,
                                                               bool at_section_start) const {
  TextMarker marker;
  size_t at = 0;
  while (at < 2 && at < text.size() && text[at] == '\n') ++at;
  const bool at_line_start = at > 0 || at_section_start;
  // A closing tag starts no block and is not waited for.
  if (text.substr(at).starts_with("</")) return marker;
  DsmlTag tag;
  marker.match = MatchTagAt(text.substr(at), &tag);
  if (marker.match != Match::kYes) return marker;
  marker.match = Match::kNo;
  if (!tag.Opens(Element::kToolCalls)) return marker;
  if (tag.is_plain && (in_reasoning_ || !at_line_start)) return marker;
  const bool counts_as_opener = text[0] == '<' && !tag.is_plain;
  at += tag.length;
  marker.match = Settle(SkipSpace(text, &at));
  if (marker.match == Match::kYes) marker.match = MatchTagAt(text.substr(at), &marker.invoke);
  if (marker.match == Match::kYes && !marker.invoke.Opens(Element::kInvoke)) {
    marker.match = Match::kNo;
  }
  marker.length = at + marker.invoke.length;
  marker.has_bare_opener = marker.match == Match::kNo && counts_as_opener;
  return marker;
}

void CompletionParser::TakeTextMarker(const TextMarker& marker) {
  at_ += marker.length;
  if (marker.is_think_end) {
    in_reasoning_ = false;
    is_section_empty_ = true;
    return;
  }
  if (in_reasoning_) AddProblem("the tool calls are inside the reasoning");
  BeginCall(marker.invoke);
}

bool CompletionParser::StepAfterBlock() {
  const size_t text_at = Rest().find_first_not_of(kSpace);
  if (text_at == std::string_view::npos) {
    // White space before the end of the turn says nothing.
    if (has_ended_) at_ = ready_.size();
    return false;
  }
  state_ = State::kText;
  return true;
}

// The markup between parameters and calls.

bool CompletionParser::StepMarkup() {
  if (!in_stray_text_) at_ = std::min(ready_.find_first_not_of(kSpace, at_), ready_.size());
  const std::string_view text = Rest();
  if (text.empty()) return false;
  DsmlTag tag;
  const Match match = MatchTagAt(text, &tag);
  if (match == Match::kPartial) return false;
  if (match == Match::kYes) {
    in_stray_text_ = false;
    TakeTag(tag);
    return true;
  }
  in_stray_text_ = true;
  AddProblem("text between the tags of the tool calls");
  const std::string_view stray = text.substr(0, text.find('<', 1));
  at_ += stray.size();
  writer_.AddContent(stray);
  return true;
}

void CompletionParser::TakeTag(const DsmlTag& tag) {
  const std::string raw(Rest().substr(0, tag.length));
  at_ += tag.length;
  const bool in_call = !keys_.empty();
  if (tag.Opens(Element::kInvoke)) {
    if (in_call) AddProblem(DescribeCall() + " has no end");
    if (in_call) EndCall(true);
    BeginCall(tag);
  } else if (tag.Closes(Element::kToolCalls)) {
    if (in_call) AddProblem(DescribeCall() + " has no end");
    if (in_call) EndCall(true);
    state_ = State::kAfterBlock;
  } else if (tag.Closes(Element::kInvoke) && in_call) {
    EndCall(true);
  } else if (tag.Opens(Element::kToolCalls) && !in_call) {
    AddProblem("a block of tool calls has no end");
  } else if (tag.Opens(Element::kParameter) && in_call) {
    BeginParameter(tag, raw);
  } else if (tag.Closes(Element::kParameter) && keys_.size() > 1) {
    EndObject();
  } else {
    AddProblem("a tag out of place in the tool calls");
    writer_.AddContent(raw);
  }
}

void CompletionParser::BeginCall(const DsmlTag& invoke) {
  writer_.BeginCall(invoke.name);
  BeginObject();
  state_ = State::kMarkup;
}

void CompletionParser::EndCall(bool is_complete) {
  while (!keys_.empty()) EndObject();
  writer_.EndCall(is_complete);
}

void CompletionParser::BeginObject() {
  writer_.AddArguments("{");
  keys_.emplace_back();
}

void CompletionParser::EndObject() {
  writer_.AddArguments("}");
  keys_.pop_back();
}

// The text ended inside the call.
void CompletionParser::EndOpenCall(TextEnd end) {
  AddProblem("the text ends inside " + DescribeCall());
  if (end == TextEnd::kCut) {
    if (state_ == State::kValue && sink_ == Sink::kJson) writer_.AddArguments(json_value_);
    keys_.clear();
    return EndCall(false);
  }
  if (state_ == State::kValueStart) writer_.AddArguments("\"");
  if (state_ == State::kValueStart || state_ == State::kValue) EndValue("");
  EndCall(false);
}

// Drops what waits for the rest of a tag. Free text keeps it, unless the marker shows what it is.
void CompletionParser::Cut() {
  std::string tags = MakeClosingTags();
  const std::string held = std::string(Rest()) + input_;
  const bool is_text = state_ == State::kText && held.find(kDsmlMarker) == held.npos;
  const size_t tag_at = held.find('<');
  if (!is_text && tag_at != held.npos) {
    AddProblem("the text ends inside a tag");
    const std::string tag = held.substr(tag_at);
    const size_t at = tags.starts_with('\n') ? 1 : 0;
    if (tags.compare(at, tag.size(), tag) == 0) {
      tags.erase(0, at + tag.size());
    } else {
      cut_end_.tag_bytes = tag.size();
    }
  }
  cut_end_.closing_tags = std::move(tags);
  if (is_text) return;
  at_ = ready_.size();
  input_.clear();
}

std::string CompletionParser::MakeClosingTags() const {
  const bool in_value = state_ == State::kValue || state_ == State::kValueStart;
  std::string tags;
  if (in_value) tags.append(kParameterEnd);
  if (!keys_.empty()) tags.append("\n").append(kInvokeEnd);
  if (in_value || state_ == State::kMarkup) tags.append("\n").append(kCallsEnd);
  if (in_reasoning_) tags.append(kThinkEnd);
  return tags;
}

// Parameters.

void CompletionParser::BeginParameter(const DsmlTag& tag, std::string_view raw_tag) {
  key_ = tag.name;
  is_plain_value_ = tag.is_plain;
  state_ = State::kValue;
  if (!keys_.back().insert(key_).second) {
    AddProblem(fmt::format("{} has the parameter {} twice", DescribeCall(), QuoteJson(key_)));
    sink_ = Sink::kStray;
    writer_.AddContent(raw_tag);
    return;
  }
  if (keys_.back().size() > 1) writer_.AddArguments(", ");
  writer_.AddArguments(QuoteJson(key_));
  writer_.AddArguments(": ");
  json_value_.clear();
  sink_ = tag.is_string.value_or(true) ? Sink::kString : Sink::kJson;
  if (!tag.is_string.has_value()) {
    AddProblem(fmt::format("{} does not say whether the parameter {} is a string", DescribeCall(),
                           QuoteJson(key_)));
    state_ = State::kValueStart;
  } else if (*tag.is_string) {
    writer_.AddArguments("\"");
  }
}

bool CompletionParser::StepValueStart() {
  const std::string_view text = Rest();
  size_t at = 0;
  DsmlTag tag;
  Match match = keys_.size() < kMaxObjects ? Settle(SkipSpace(text, &at)) : Match::kNo;
  if (match == Match::kYes) match = MatchTagAt(text.substr(at), &tag);
  if (match == Match::kPartial) return false;
  if (match == Match::kYes && tag.Opens(Element::kParameter)) {
    BeginObject();
    state_ = State::kMarkup;
  } else {
    writer_.AddArguments("\"");
    state_ = State::kValue;
  }
  return true;
}

bool CompletionParser::StepValue() {
  const std::string_view text = Rest();
  for (size_t at = text.find_first_of(kMarkerStarts); at != text.npos;
       at = text.find_first_of(kMarkerStarts, at + 1)) {
    const ValueEnd end = MatchValueEnd(text.substr(at));
    if (end.match == Match::kNo) continue;
    AddToValue(text.substr(0, at));
    at_ += at;
    if (end.match == Match::kPartial) return false;
    at_ += end.length;
    if (end.is_implied) {
      AddProblem(fmt::format("{}: the parameter {} has no end", DescribeCall(), QuoteJson(key_)));
    }
    EndValue(text.substr(at, end.length));
    return true;
  }
  AddToValue(text);
  at_ += text.size();
  return false;
}

CompletionParser::ValueEnd CompletionParser::MatchValueEnd(std::string_view text) const {
  if (text[0] == '\n') return MatchImpliedEnd(text);
  DsmlTag tag;
  ValueEnd end;
  // Only a closing tag is waited for.
  if (text.size() > 1 && text[1] != '/') return end;
  end.match = MatchTagAt(text, &tag);
  if (end.match != Match::kYes) return end;
  end.match = Match::kNo;
  if (!tag.Closes(Element::kParameter)) return end;
  end.length = tag.length;
  if (!tag.is_plain || is_plain_value_) {
    end.match = Match::kYes;
    return end;
  }
  // A plain closing tag may be part of the value, unless the markup goes on after it.
  const std::string_view rest = text.substr(tag.length);
  ValueEnd implied;
  implied.match = Settle(rest.empty() ? Match::kPartial : Match::kNo);
  if (!rest.empty() && rest[0] == '\n') implied = MatchImpliedEnd(rest);
  implied.length += tag.length;
  return implied;
}

CompletionParser::ValueEnd CompletionParser::MatchImpliedEnd(std::string_view text) const {
  DsmlTag tag;
  ValueEnd end;
  end.length = 1;
  end.is_implied = true;
  end.match = MatchTagAt(text.substr(1), &tag);
  const bool can_follow = tag.Opens(Element::kParameter) || tag.element == Element::kInvoke ||
                          tag.Closes(Element::kToolCalls);
  if (end.match == Match::kYes && (!can_follow || (tag.is_plain && !is_plain_value_))) {
    end.match = Match::kNo;
  }
  return end;
}

void CompletionParser::AddToValue(std::string_view text) {
  switch (sink_) {
    case Sink::kString: {
      if (ValidPrefixLength(text) != text.size()) {
        AddProblem(
            fmt::format("{}: the parameter {} is not UTF-8", DescribeCall(), QuoteJson(key_)));
      }
      std::string escaped;
      AppendJsonEscaped(text, &escaped);
      writer_.AddArguments(escaped);
      break;
    }
    case Sink::kJson:
      json_value_.append(text);
      break;
    case Sink::kStray:
      writer_.AddContent(text);
      break;
  }
}

void CompletionParser::EndValue(std::string_view closing_tag) {
  state_ = State::kMarkup;
  switch (sink_) {
    case Sink::kString:
      writer_.AddArguments("\"");
      break;
    case Sink::kJson:
      if (ReadJson(json_value_, key_, {.allow_non_finite = false}).ok()) {
        writer_.AddArguments(json_value_);
      } else {
        AddProblem(fmt::format("{}: the parameter {} is not JSON and becomes a string",
                               DescribeCall(), QuoteJson(key_)));
        writer_.AddArguments(QuoteJson(json_value_));
      }
      break;
    case Sink::kStray:
      writer_.AddContent(closing_tag);
      break;
  }
}

void CompletionParser::AddText(std::string_view text) {
  if (text.empty()) return;
  is_section_empty_ = false;
  if (in_reasoning_) return writer_.AddReasoning(text);
  if (!completion().tool_calls.empty()) AddProblem("text after the tool calls");
  writer_.AddContent(text);
}

Completion ParseCompletion(std::string_view text, const CompletionOptions& options) {
  CompletionParser parser(options);
  parser.Feed(text);
  parser.Finish();
  return parser.completion();
}

}  // namespace fathom::text
