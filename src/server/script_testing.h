// Answers that tests prescribe: the engine computes as usual, but says what a script has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/request.h"
#include "text/message.h"
#include "text/tokenizer.h"

namespace fathom::server {

struct ScriptedAnswer {
  std::string when{};  ///< Applies to prompts whose last user's turn has this text.
  std::string reasoning{};
  std::string content{};
  std::vector<text::ToolCall> calls{};
  /// Instead of these, if not empty: what it says, tokens of the format where it spells them. It
  /// has no end of its own, and a token in the place of one that the server refused is left out.
  std::string raw{};
  double first_delay = 0;  ///< seconds that the engine stands still before the first token
  double delay = 0;        ///< before each other one
};

class Script {
 public:
  /// Of several answers that apply, the first one counts. Throws if the model has no tokenizer.
  Script(std::vector<ScriptedAnswer> answers, const std::string& model_directory);

  /// Reads a JSON list of {"when", "reasoning", "content", "calls": [{"name", "arguments"}], "raw",
  /// "first_delay", "delay"}, all but "when" optional.
  static base::Result<std::vector<ScriptedAnswer>> Load(const std::string& path);

  /// What ServerOptions::script asks for. An empty function if no answer applies.
  engine::Request::Force Find(const std::vector<int32_t>& prompt) const;

 private:
  std::string ReadLastTurn(const std::vector<int32_t>& prompt) const;
  std::vector<int32_t> Encode(const ScriptedAnswer& answer, bool thinks) const;

  std::vector<ScriptedAnswer> answers_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

}  // namespace fathom::server
