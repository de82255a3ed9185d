// From the text that the model produces to reasoning, content and tool calls, while it arrives.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/byte_ranges.h"
#include "text/completion_writer.h"
#include "text/dsml_tag.h"

namespace fathom::text {

struct CompletionOptions {
  /// The prompt ended with <think>, so the text begins inside the reasoning.
  bool starts_in_reasoning = false;
  /// Only tags whose marker is the special token are tags. For an answer that could not have other
  /// ones: it may speak about them, in strings too. Pieces must have an origin, and a special token
  /// be a piece of its own.
  bool only_special_markers = false;
};

/// What a piece of text was made of, if the caller knows.
enum class Origin {
  kUnknown,
  kPlainTokens,   ///< ordinary tokens of the vocabulary
  kSpecialToken,  ///< one special token
};

/// Why there is no more text.
enum class TextEnd {
  kWhole,  ///< Who wrote it ended it. A call that is open is closed.
  kCut,    ///< Something else did, such as a limit. A call that is open stays so.
};

/// How to make a turn of a text that was cut.
struct CutEnd {
  /// At its end, of an opening tag that is not whole. Nothing was told of it; it is to go.
  size_t tag_bytes = 0;
  /// To be put behind what is left. Where that ends in a line end, one at the beginning is too
  /// many.
  std::string closing_tags;
};

/// Parses one assistant turn piece by piece. The pieces may split anything, characters too: the
/// completion, and the events once neighbours of one kind are joined, do not depend on them. Text
/// is held back only while it could still be part of a marker or of a character, or is a JSON
/// parameter whose end decides what it is.
///
/// No text is lost: what is not part of a call is content (or reasoning), bytes unchanged. In
/// particular:
/// - A block of calls begins with its opening tag and that of a call. Without the call it is text.
///   Up to two line ends before it belong to it. Tags are taken in the forms that MatchTag takes;
///   those without a marker begin a block only at the start of a line and outside the reasoning.
/// - A block inside unclosed reasoning holds calls too; the reasoning goes on after it.
/// - A string parameter ends at its closing tag, whatever it holds before. If that is missing, it
///   ends before a line that starts with a tag that can only follow it. A parameter whose string
///   attribute is missing is an object if it starts with another parameter, else a string.
/// - A JSON parameter keeps its spelling. One that is not JSON becomes a string. (NaN and Infinity
///   are not JSON.)
/// - A parameter whose name came before in its object, and text between the tags, become content
///   when the call ends.
/// - A call ends also where the next begins, its block does, or the text does. Where the text is
///   cut, it does not end, and what may be the beginning of a tag there is dropped.
/// - The end-of-sentence token is dropped at the very end and is text elsewhere.
/// - What ordinary tokens spell neither ends the reasoning nor the sentence: the model has tokens
///   for both, and spells them only to speak about them. Tags are taken in any spelling.
class CompletionParser {
 public:
  explicit CompletionParser(const CompletionOptions& options = {});

  /// Takes the next piece of text. REQUIRES: Finish was not called.
  std::vector<CompletionEvent> Feed(std::string_view piece, Origin origin = Origin::kUnknown);
  /// Takes the end of the text. REQUIRES: Finish was not called.
  std::vector<CompletionEvent> Finish(TextEnd end = TextEnd::kWhole);

  /// What was parsed so far; all of it after Finish.
  const Completion& completion() const { return writer_.completion(); }

  /// REQUIRES: the text was cut.
  const CutEnd& cut_end() const { return cut_end_; }

  /// Whether what comes next belongs to the reasoning.
  bool in_reasoning() const { return in_reasoning_; }

 private:
  enum class State { kText, kMarkup, kValueStart, kValue, kAfterBlock };
  enum class Sink { kString, kJson, kStray };

  // What the text at a place turned out to be, and how much of it to take.
  struct TextMarker {
    Match match = Match::kNo;
    bool is_think_end = false;
    size_t length = 0;
    DsmlTag invoke;
    bool has_bare_opener = false;
  };
  struct ValueEnd {
    Match match = Match::kNo;
    size_t length = 0;
    bool is_implied = false;
  };

  void Run();
  bool Step();
  bool StepText();
  bool StepMarkup();
  bool StepValueStart();
  bool StepValue();
  bool StepAfterBlock();

  TextMarker MatchTextMarker(std::string_view text, bool at_section_start) const;
  TextMarker MatchBlockStart(std::string_view text, bool at_section_start) const;
  ValueEnd MatchValueEnd(std::string_view text) const;
  ValueEnd MatchImpliedEnd(std::string_view text) const;
  Match MatchTagAt(std::string_view text, DsmlTag* tag) const;
  bool MayBeTag(std::string_view text) const;
  bool IsPlain(std::string_view text) const;
  Match Settle(Match match) const;
  Match MatchThinkEnd(std::string_view text) const;
  size_t CountUnsettledBytes() const;

  void TakeTextMarker(const TextMarker& marker);
  void TakeTag(const DsmlTag& tag);
  void BeginCall(const DsmlTag& invoke);
  void EndCall(bool is_complete);
  void BeginParameter(const DsmlTag& tag, std::string_view raw_tag);
  void BeginObject();
  void EndObject();
  void AddToValue(std::string_view text);
  void EndValue(std::string_view closing_tag);
  void EndOpenCall(TextEnd end);
  void Cut();
  std::string MakeClosingTags() const;

  void AddText(std::string_view text);
  void AddProblem(std::string problem) { writer_.AddProblem(std::move(problem)); }
  std::string DescribeCall() const { return writer_.DescribeCall(); }

  std::string_view Rest() const { return std::string_view(ready_).substr(at_); }

  CompletionOptions options_;
  CompletionWriter writer_;

  std::string input_;  // fed, but perhaps part of a character or of the end-of-sentence token
  std::string ready_;  // complete characters; those before at_ are done with
  size_t at_ = 0;
  bool has_ended_ = false;
  CutEnd cut_end_;

  size_t dropped_ = 0;  // bytes that came before those of ready_
  ByteRanges plain_;  // what ordinary tokens spell; positions count from the beginning of the text

  State state_ = State::kText;
  bool in_reasoning_ = false;
  bool is_section_empty_ = true;  // nothing was emitted since the reasoning or the content began

  // The open call: the keys of its object and of the objects inside one another in it.
  std::vector<std::set<std::string>> keys_;
  bool in_stray_text_ = false;

  // The open parameter.
  Sink sink_ = Sink::kString;
  bool is_plain_value_ = false;
  std::string key_;
  std::string json_value_;
};

/// Parses a whole turn at once.
Completion ParseCompletion(std::string_view text, const CompletionOptions& options = {});

}  // namespace fathom::text
