// What the events of a streamed chat completion say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/message.h"

namespace fathom::load {

/// Tokens, as the server counts them.
struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  ///< of the prompt, those that were not computed; 0 if it is not said
  int64_t completion_tokens = 0;

  bool operator==(const Usage&) const = default;
};

struct ChatAnswer {
  std::string reasoning{};
  std::string content{};
  std::vector<text::ToolCall> calls{};
  std::optional<Usage> usage{};
};

/// Reads the first choice of a completion, event by event.
class ChatStream {
 public:
  enum class News : uint8_t {
    kNone,   ///< neither of the others: a role, the usage
    kText,   ///< a piece of reasoning, of content or of a call
    kEnd,    ///< the answer is complete
    kError,  ///< the server cannot go on; see error()
    kNoise,  ///< no JSON object
  };

  News Read(std::string_view data);

  const ChatAnswer& answer() const { return answer_; }
  /// What the server said, one line.
  const std::string& error() const { return error_; }

 private:
  ChatAnswer answer_;
  std::string error_;
};

/// What a server says in the body of an error: the message in it, or its beginning if it is no
/// JSON; one line of at most 200 bytes.
std::string ReadErrorMessage(std::string_view body);

}  // namespace fathom::load
