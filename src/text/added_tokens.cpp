#include "text/added_tokens.h"

#include <algorithm>

#include "text/regex.h"
#include "text/utf8.h"

namespace fathom::text {
namespace {

bool IsWordCharacter(std::string_view character) {
  static const Regex word = [] {
    auto regex = Regex::Compile(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])");
    FATHOM_CHECK(regex.ok());
    return std::move(regex).value();
  }();
  RegexScratch scratch(character.size());
  const auto found = word.Search(character, 0, scratch);
  return found.ok() && found->has_value();
}

bool TouchesWord(std::string_view text, size_t begin, size_t end) {
  const size_t before = CharacterLengthBefore(text, begin);
  if (before > 0 && IsWordCharacter(text.substr(begin - before, before))) return true;
  const size_t after = CharacterLength(text, end);
  return after > 0 && IsWordCharacter(text.substr(end, after));
}

size_t StripLeft(std::string_view text, size_t from, size_t begin) {
  while (begin > from) {
    const size_t length = CharacterLengthBefore(text, begin);
    if (length == 0 || begin - from < length) break;
    if (!IsWhiteSpace(CodePointAt(text, begin - length, length))) break;
    begin -= length;
  }
  return begin;
}

size_t StripRight(std::string_view text, size_t end, size_t to) {
  while (end < to) {
    const size_t length = CharacterLength(text, end);
    if (length == 0 || to - end < length) break;
    if (!IsWhiteSpace(CodePointAt(text, end, length))) break;
    end += length;
  }
  return end;
}

}  // namespace

void AddedTokens::Matcher::Add(const AddedToken& token) {
  tokens_.push_back(token);
  first_bytes_.set(static_cast<uint8_t>(token.content.front()));
}

void AddedTokens::Matcher::Sort() {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
}

// Narrows the sorted tokens byte by byte to those that agree with the text; of them, the one that
// ends right there comes first.
const AddedToken* AddedTokens::Matcher::FindLongest(std::string_view text) const {
  const AddedToken* longest = nullptr;
  auto low = tokens_.begin();
  auto high = tokens_.end();
  for (size_t depth = 0; low != high; ++depth) {
    if (low->content.size() == depth) {
      if (depth > 0) longest = &*low;
      ++low;
    }
    if (depth == text.size()) break;
    const auto next = static_cast<uint8_t>(text[depth]);
    const auto byte = [depth](const AddedToken& token) {
      return static_cast<uint8_t>(token.content[depth]);
    };
    low = std::partition_point(low, high, [&](const auto& token) { return byte(token) < next; });
    high = std::partition_point(low, high, [&](const auto& token) { return byte(token) == next; });
  }
  return longest;
}

std::optional<AddedTokens::Segment> AddedTokens::Matcher::Next(std::string_view text, size_t from,
                                                               size_t to) const {
  for (size_t at = from; at < to; ++at) {
    if (!first_bytes_[static_cast<uint8_t>(text[at])]) continue;
    const AddedToken* const token = FindLongest(text.substr(at, to - at));
    if (token == nullptr) continue;
    size_t begin = at;
    size_t end = at + token->content.size();
    if (token->single_word && TouchesWord(text, begin, end)) {
      at = end - 1;
      continue;
    }
    if (token->lstrip) begin = StripLeft(text, from, begin);
    if (token->rstrip) end = StripRight(text, end, to);
    return Segment{begin, end, token->id};
  }
  return std::nullopt;
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) (token.normalized ? normalized_ : verbatim_).Add(token);
  verbatim_.Sort();
  normalized_.Sort();
}

std::optional<int32_t> AddedTokens::Find(std::string_view content) const {
  for (const Matcher* matcher : {&verbatim_, &normalized_}) {
    const AddedToken* const token = matcher->FindLongest(content);
    if (token != nullptr && token->content.size() == content.size()) return token->id;
  }
  return std::nullopt;
}

void AddedTokens::SplitSegment(const Matcher& matcher, std::string_view text,
                               std::span<const Prompt::Span> plain, const Segment& segment,
                               std::vector<Segment>& out) {
  // What an earlier pass cut off is no neighbour: a token at the segment's edge stands alone.
  const size_t base = segment.begin;
  const std::string_view part = text.substr(base, segment.end - base);
  auto span = std::partition_point(plain.begin(), plain.end(),
                                   [&](const Prompt::Span& range) { return range.end <= base; });
  size_t done = 0;
  size_t at = 0;
  while (at < part.size()) {
    const bool last = span == plain.end() || span->begin >= segment.end;
    const size_t limit = last ? part.size() : std::max(span->begin, base + at) - base;
    while (const auto hit = matcher.Next(part, at, limit)) {
      if (done < hit->begin) out.push_back({base + done, base + hit->begin, std::nullopt});
      out.push_back({base + hit->begin, base + hit->end, hit->id});
      done = at = hit->end;
    }
    if (last) break;
    at = std::min(span->end, segment.end) - base;
    ++span;
  }
  if (done < part.size()) out.push_back({base + done, segment.end, std::nullopt});
}

std::vector<AddedTokens::Segment> AddedTokens::Split(std::string_view text,
                                                     std::span<const Prompt::Span> plain) const {
  std::vector<Segment> segments;
  if (!text.empty()) segments.push_back({0, text.size(), std::nullopt});
  for (const Matcher* matcher : {&verbatim_, &normalized_}) {
    if (matcher->empty()) continue;
    std::vector<Segment> finer;
    for (const Segment& segment : segments) {
      if (segment.id.has_value()) {
        finer.push_back(segment);
      } else {
        SplitSegment(*matcher, text, plain, segment, finer);
      }
    }
    segments = std::move(finer);
  }
  return segments;
}

}  // namespace fathom::text
