#include "text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "text/json_field.h"
#include "text/utf8.h"

namespace fathom::text {
namespace {

using nlohmann::json;

// ByteLevel's use_regex names no pattern: it means the one that GPT-2 came with.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

base::Result<SplitBehavior> ParseBehavior(const std::string& name, const std::string& where) {
  static constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kBehaviors = {{
      {"Isolated", SplitBehavior::kIsolated},
      {"Removed", SplitBehavior::kRemoved},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous},
  }};
  for (const auto& [known, behavior] : kBehaviors) {
    if (name == known) return behavior;
  }
  return base::MakeError("{}.behavior: unknown behavior {}", where, Quote(name));
}

std::string EscapePattern(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view(R"(\.+*?()|[]{}^$#&-~)").find(c) != std::string_view::npos) {
      escaped.push_back('\\');
    }
    escaped.push_back(c);
  }
  return escaped;
}

// Whether the next part of a text (a match or the gap between two) joins the piece before it.
bool Joins(SplitBehavior behavior, bool previous_matched, bool matched) {
  switch (behavior) {
    case SplitBehavior::kIsolated:
    case SplitBehavior::kRemoved:
      return false;
    case SplitBehavior::kMergedWithPrevious:
      return matched && !previous_matched;
    case SplitBehavior::kMergedWithNext:
      return previous_matched && !matched;
    case SplitBehavior::kContiguous:
      return matched == previous_matched;
  }
  return false;
}

// Turns the parts of a text into the pieces of one behavior.
class PieceBuilder {
 public:
  PieceBuilder(std::string_view text, SplitBehavior behavior,
               base::FunctionRef<base::Status(std::string_view)> emit)
      : text_(text), behavior_(behavior), emit_(emit) {}

  base::Status Add(size_t begin, size_t end, bool matched) {
    if (behavior_ == SplitBehavior::kRemoved && matched) return {};
    if (open_ && Joins(behavior_, matched_, matched)) {
      end_ = end;
      matched_ = matched;
      return {};
    }
    FATHOM_TRY(Close());
    begin_ = begin;
    end_ = end;
    matched_ = matched;
    open_ = true;
    return {};
  }

  base::Status Close() {
    const std::string_view piece = text_.substr(begin_, end_ - begin_);
    open_ = false;
    begin_ = end_;
    return piece.empty() ? base::Status() : emit_(piece);
  }

 private:
  std::string_view text_;
  SplitBehavior behavior_;
  base::FunctionRef<base::Status(std::string_view)> emit_;
  bool open_ = false;
  bool matched_ = false;  // the last part of the open piece
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace

// One text on its way through the steps. Every step hands its pieces to the next one, so nothing
// is stored but the pieces on the way.
struct PreTokenizer::Run {
  const PreTokenizer& rules;
  base::FunctionRef<void(std::string_view)> emit;
  RegexScratch scratch;

  base::Status Enter(size_t step, std::string_view text) {
    if (step != rules.prefix_space_before_ || text.starts_with(' ')) return Apply(step, text);
    return Apply(step, std::string(" ").append(text));
  }

  base::Status Apply(size_t step, std::string_view text) {
    if (step == rules.steps_.size()) {
      emit(text);
      return {};
    }
    const auto enter_next = [&](std::string_view piece) { return Enter(step + 1, piece); };
    PieceBuilder pieces(text, rules.steps_[step].behavior, enter_next);
    FATHOM_TRY(AddParts(rules.steps_[step], text, pieces));
    return pieces.Close();
  }

  base::Status AddParts(const Step& step, std::string_view text, PieceBuilder& pieces) {
    size_t done = 0;
    size_t from = 0;
    std::optional<size_t> previous_end;
    while (from <= text.size()) {
      auto found = step.regex.Search(text, from, scratch);
      if (!found.ok()) return base::MakeError("{}: {}", step.where, found.error().message);
      if (!found->has_value()) break;
      const Regex::Match match = **found;
      if (match.begin == match.end && match.end == previous_end) {
        // An empty match right behind a match cuts nothing: look on from the next character.
        from += std::max<size_t>(CharacterLength(text, from), 1);
        continue;
      }
      if (done < match.begin) FATHOM_TRY(pieces.Add(done, match.begin, step.invert));
      FATHOM_TRY(pieces.Add(match.begin, match.end, !step.invert));
      done = from = match.end;
      previous_end = match.end;
    }
    return done < text.size() ? pieces.Add(done, text.size(), step.invert) : base::Status();
  }
};

base::Status PreTokenizer::Split(std::string_view text,
                                 base::FunctionRef<void(std::string_view)> emit) const {
  Run run{*this, emit, RegexScratch(text.size())};
  while (!text.empty()) {
    const size_t valid = ValidPrefixLength(text);
    if (valid > 0) FATHOM_TRY(run.Enter(0, text.substr(0, valid)));
    size_t end = valid;
    while (end < text.size() && CharacterLength(text, end) == 0) ++end;
    if (end > valid) emit(text.substr(valid, end - valid));
    text.remove_prefix(end);
  }
  return {};
}

base::Result<PreTokenizer> PreTokenizer::FromJson(const json& value, const std::string& where) {
  PreTokenizer pre_tokenizer;
  FATHOM_TRY(pre_tokenizer.AddSteps(value, where));
  if (!pre_tokenizer.has_byte_level_) {
    return base::MakeError("{}: no ByteLevel component: not a byte-level tokenizer", where);
  }
  return pre_tokenizer;
}

base::Status PreTokenizer::AddSteps(const json& value, const std::string& where) {
  FATHOM_ASSIGN(const std::string type, ReadType(value, where));
  if (has_byte_level_) {
    return base::MakeError("{}: {} after ByteLevel is not supported", where, Quote(type));
  }
  if (type == "Sequence") return AddSequence(value, where);
  if (type == "Split") return AddSplit(value, where);
  if (type == "Digits") return AddDigits(value, where);
  if (type == "ByteLevel") return AddByteLevel(value, where);
  return base::MakeError("{}: unknown component {}", where, Quote(type));
}

base::Status PreTokenizer::AddSequence(const json& value, const std::string& where) {
  FATHOM_ASSIGN(const json* const parts, RequireField(value, "pretokenizers", where));
  if (!parts->is_array()) {
    return base::MakeError("{}.pretokenizers: expected an array, found {}", where,
                           parts->type_name());
  }
  for (size_t i = 0; i < parts->size(); ++i) {
    const json& part = (*parts)[i];
    const std::string place = fmt::format("{}.pretokenizers[{}]", where, i);
    FATHOM_ASSIGN(const std::string type, ReadType(part, place));
    if (type == "Sequence") return base::MakeError("{}: a Sequence inside a Sequence", place);
    FATHOM_TRY(AddSteps(part, place));
  }
  return {};
}

base::Status PreTokenizer::AddSplit(const json& value, const std::string& where) {
  FATHOM_ASSIGN(const std::string behavior_name, ReadString(value, "behavior", where));
  FATHOM_ASSIGN(const SplitBehavior behavior, ParseBehavior(behavior_name, where));
  FATHOM_ASSIGN(const bool invert, ReadBool(value, "invert", false, where));
  FATHOM_ASSIGN(const json* const pattern, RequireField(value, "pattern", where));
  const std::string place = where + ".pattern";
  if (pattern->is_object() && pattern->contains("String")) {
    FATHOM_ASSIGN(const std::string text, ReadString(*pattern, "String", place));
    return AddStep(EscapePattern(text), behavior, invert, place + ".String");
  }
  FATHOM_ASSIGN(const std::string regex, ReadString(*pattern, "Regex", place));
  return AddStep(regex, behavior, invert, place + ".Regex");
}

base::Status PreTokenizer::AddDigits(const json& value, const std::string& where) {
  FATHOM_ASSIGN(const bool individual, ReadBool(value, "individual_digits", false, where));
  return AddStep(individual ? R"(\p{N})" : R"(\p{N}+)", SplitBehavior::kIsolated, false, where);
}

base::Status PreTokenizer::AddByteLevel(const json& value, const std::string& where) {
  FATHOM_ASSIGN(const bool add_prefix_space, ReadBool(value, "add_prefix_space", true, where));
  FATHOM_ASSIGN(const bool use_regex, ReadBool(value, "use_regex", true, where));
  has_byte_level_ = true;
  if (add_prefix_space) prefix_space_before_ = steps_.size();
  if (!use_regex) return {};
  return AddStep(kGpt2Pattern, SplitBehavior::kIsolated, false, where);
}

base::Status PreTokenizer::AddStep(std::string_view pattern, SplitBehavior behavior, bool invert,
                                   const std::string& where) {
  auto regex = Regex::Compile(pattern);
  if (!regex.ok()) return base::MakeError("{}: {}", where, regex.error().message);
  steps_.push_back({std::move(regex).value(), behavior, invert, where});
  return {};
}

}  // namespace fathom::text
