// The cuts a tokenizer.json makes in a text before any merging.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "text/regex.h"

namespace fathom::text {

/// What becomes of a Split's matches: a piece each, nothing, part of a neighbour, or one piece with
/// the matches next to them.
enum class SplitBehavior { kIsolated, kRemoved, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// The "pre_tokenizer" of a tokenizer.json: Split, Digits and ByteLevel, or a Sequence of them that
/// ends with ByteLevel. Const use is safe from many threads.
class PreTokenizer {
 public:
  /// Reads the JSON value. Errors begin with `where`, the value's place in its file.
  static base::Result<PreTokenizer> FromJson(const nlohmann::json& value, const std::string& where);

  /// Cuts `text` and calls emit(piece) for every piece, in order; a piece is never empty and lives
  /// until emit returns. Bytes that are not UTF-8 are pieces of their own, which no expression
  /// sees. The pieces make up the text again, except for what a Split removes and the spaces that
  /// add_prefix_space adds. Fails where an expression gives up.
  base::Status Split(std::string_view text, base::FunctionRef<void(std::string_view)> emit) const;

 private:
  struct Step {
    Regex regex;
    SplitBehavior behavior;
    bool invert;
    std::string where;
  };
  struct Run;

  base::Status AddSteps(const nlohmann::json& value, const std::string& where);
  base::Status AddSequence(const nlohmann::json& value, const std::string& where);
  base::Status AddSplit(const nlohmann::json& value, const std::string& where);
  base::Status AddDigits(const nlohmann::json& value, const std::string& where);
  base::Status AddByteLevel(const nlohmann::json& value, const std::string& where);
  base::Status AddStep(std::string_view pattern, SplitBehavior behavior, bool invert,
                       const std::string& where);

  std::vector<Step> steps_;
  bool has_byte_level_ = false;
  // From this step on, every piece begins with a space: ByteLevel's add_prefix_space. Beyond the
  // last step, if there is no such wish.
  size_t prefix_space_before_ = SIZE_MAX;
};

}  // namespace fathom::text
