// Made-up conversations of agents, one request at a time.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "data/tool_session.h"
#include "load/chat_stream.h"

namespace fathom::load {

struct ConversationOptions {
  std::string model{};            ///< what requests name
  int64_t document_bytes = 2000;  ///< about so many, of what is said once at the beginning
  int64_t answer_tokens = 64;     ///< most of an answer
  bool fixes_length = false;      ///< answers of exactly so many, where the server knows ignore_eos
};

/// A system message with a document and several tools, then questions: what data/tool_session.h has
/// people ask. An answer that calls tools gets their results instead of the next question. Nothing
/// but the tools' schemas is the same in conversations of other seeds.
class Conversation {
 public:
  Conversation(const ConversationOptions& options, uint64_t seed);

  /// The body of a streamed chat completion that asks for the next answer.
  std::string MakeRequest() const;
  /// Goes on from the answer that came.
  void Continue(const ChatAnswer& answer);
  /// Whether an answer has come.
  bool has_begun() const { return has_begun_; }

 private:
  void AskNext();
  void AppendAnswer(const ChatAnswer& answer);
  void AppendResults(const ChatAnswer& answer);

  nlohmann::ordered_json body_;
  data::ToolSession session_;
  size_t asked_ = 0;  // questions
  bool has_begun_ = false;
};

}  // namespace fathom::load
