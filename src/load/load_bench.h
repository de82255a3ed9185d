// Clients that hold conversations with a server, and what they measure.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "load/conversation.h"
#include "load/http_client.h"
#include "load/row.h"
#include "load/target.h"

namespace fathom::load {

struct LoadOptions {
  int64_t conversations = 4;      ///< of a client, which goes from one to the next
  int64_t turns = 4;              ///< of a conversation, its first request included
  double most_seconds = 0;        ///< A phase asks nothing new after so many; 0: no limit.
  int64_t prompt_tokens = 1000;   ///< of a conversation's first request, about
  int64_t answer_tokens = 64;     ///< most
  bool fixes_length = false;      ///< answers of exactly so many, where the server knows ignore_eos
  std::string model = "default";  ///< what requests name
  uint64_t seed = 1;
  Goals goals{};
  HttpClientOptions http{};
};

/// Requests that were answered or have failed, and how many there will be at most.
using LoadProgress = std::function<void(int64_t done, int64_t total)>;

class LoadBench {
 public:
  /// Waits until the server has its model, and asks how many tokens it makes of a document. Fails
  /// with one line that begins with the URL if a request does, or if it is told to stop.
  static base::Result<LoadBench> Open(const Target& target, const LoadOptions& options);

  /// So many clients with conversations that the server has not seen take the place of those there
  /// are.
  void Begin(int64_t clients);
  /// The requests of a phase, of all clients side by side. Whatever comes of them is in the row. A
  /// conversation whose first request was not answered has no others.
  base::Result<LoadRow> Measure(Phase phase, const LoadProgress& progress = {});
  /// Waits until the server, which was started over, has its model. Errors are those of Open.
  base::Status AwaitServer();

 private:
  LoadBench(Target target, LoadOptions options)
      : target_(std::move(target)), options_(std::move(options)) {}

  base::Result<Usage> Probe(int64_t document_bytes);
  base::Status FitDocument();
  ConversationOptions MakeConversationOptions(int64_t document_bytes) const;

  Target target_;
  LoadOptions options_;
  int64_t document_bytes_ = 0;
  uint64_t conversations_begun_ = 0;
  std::vector<std::vector<Conversation>> clients_;  // by client
};

}  // namespace fathom::load
