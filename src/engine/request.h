// What is asked of the engine, and what it answers. With engine.h the library's whole interface.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fathom::engine {

class Sequence;

/// How the next token is drawn. The steps apply in the order of the fields.
struct SamplingOptions {
  /// Logits of tokens of the prompt and the answer are divided (if positive) or multiplied by this.
  float repetition_penalty = 1;
  /// Subtracted from the logits of tokens that the answer holds already.
  float presence_penalty = 0;
  /// Subtracted once for every time that the answer holds the token.
  float frequency_penalty = 0;
  /// Added to the logits of these token ids.
  std::vector<std::pair<int32_t, float>> logit_bias{};
  /// Divides the logits; 0 picks the most likely token (of equal ones the lowest id).
  float temperature = 1;
  /// Keeps the k most likely tokens; 0 keeps all.
  int32_t top_k = 0;
  /// Keeps tokens at least this likely, as a share of the most likely one's probability.
  float min_p = 0;
  /// Keeps the most likely tokens whose probabilities add up to this.
  float top_p = 1;
  /// Same seed, same tokens: on any number of threads and beside any other requests.
  uint64_t seed = 0;
};

/// A token and how likely the model found it, before any of the sampling options.
struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};

/// One generated token, as it arrives.
struct TokenEvent {
  int32_t id = 0;
  /// The text that has become certain: never half a character, never part of a stop string.
  std::string text;
  float logprob = 0;                       ///< if Request::logprobs
  std::vector<TokenLogprob> alternatives;  ///< the most likely tokens, if Request::top_logprobs
};

enum class FinishReason : uint8_t {
  kStop,       ///< end of sentence, a stop token or a stop string
  kLength,     ///< max_tokens
  kContext,    ///< the context is full
  kCancelled,  ///< Engine::Cancel
  kError,      ///< the checkpoint could not be read: Completion::error
};

/// What reading experts took while a request was under way, that of other requests included.
struct ExpertStats {
  int64_t uses = 0;  ///< experts that were computed with, once a layer and step
  int64_t reads = 0;
  int64_t bytes_read = 0;
  double wait_seconds = 0;  ///< in which nothing was computed because an expert was not there
};

/// What a request took.
struct RequestStats {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  ///< of the prompt, not computed: in the sequence, or kept of others
  int64_t generated_tokens = 0;
  double queue_seconds = 0;  ///< until it was admitted
  double prefill_seconds = 0;
  double decode_seconds = 0;
  /// Taken by the sequence at the end: memory that it shares with forks counts in each of them, and
  /// the positions that it can return to do not count.
  int64_t kv_bytes = 0;
  std::optional<ExpertStats> experts{};  ///< if EngineOptions::expert_memory
};

/// How far a request has come.
struct RequestStatus {
  enum class Phase : uint8_t {
    kWaiting,
    kPrompt,  ///< admitted; its prompt is being computed
    kAnswer,  ///< tokens are being generated
  };
  int64_t number = 0;  ///< as Submit gave it
  Phase phase = Phase::kWaiting;
  int64_t length = 0;    ///< tokens in its sequence
  RequestStats stats{};  ///< so far, experts left out
};

struct Completion {
  FinishReason finish = FinishReason::kStop;
  std::string text;             ///< all of the answer's text
  std::vector<int32_t> tokens;  ///< all generated tokens, an end token included
  std::string error;            ///< one line that names the file, if kError
  RequestStats stats;
};

/// Says token by token what an answer may consist of. It is asked from within Engine::Step.
class TokenConstraint {
 public:
  virtual ~TokenConstraint() = default;

  /// Whether any token may come next: then Fill is not asked.
  virtual bool IsFree() const { return false; }

  /// Sets the bits of the tokens that may come next, that of id i being bit i % 64 of word i / 64,
  /// and clears all others. `mask` has a bit for each id of the model's vocabulary.
  virtual void Fill(std::span<uint64_t> mask) = 0;

  /// Whether a token that was drawn, or that Request::force gives, is turned down. What comes in
  /// its place is then asked for: FindForced, if nothing is forced yet, and Fill. Asked at most
  /// once for each place of the answer.
  virtual bool Refuses(int32_t) { return false; }

  /// Takes the next token. False if it may not come here: then nothing is asked any more.
  virtual bool Accept(int32_t token) = 0;

  /// Tokens that come next in any case, perhaps none: they are not drawn.
  virtual std::vector<int32_t> FindForced() = 0;

  /// A JSON object from which it can be made again as it was at first; empty if there is none.
  virtual std::string Describe() const { return {}; }
};

struct Request {
  /// The whole conversation so far as token ids. At least one.
  std::vector<int32_t> prompt;
  /// Most tokens to generate; negative: until the context is full.
  int64_t max_tokens = -1;
  SamplingOptions sampling;
  /// Texts that end the answer; they are not part of it.
  std::vector<std::string> stop;
  /// Further tokens that end the answer, beside the model's end of sentence.
  std::vector<int32_t> stop_tokens;
  /// Go on after the model's end of sentence.
  bool ignore_end = false;
  bool logprobs = false;
  int32_t top_logprobs = 0;  ///< alternatives per token
  /// Continues this sequence: what it shares with the prompt is not computed again, up to the last
  /// position that it can be cut back to (see Engine::CutSequence). Null: a sequence of its own
  /// that ends with the request. A sequence serves one request at a time.
  std::shared_ptr<Sequence> sequence;
  /// Requests of a higher priority are admitted and computed first. Among equal ones it is fair.
  int32_t priority = 0;
  /// Lengths of beginnings of the prompt that other prompts may share, such as the ends of its
  /// messages. Ascending. Where these are computed they are kept for such prompts, as far as
  /// EngineOptions::kv_memory allows, if there is no `sequence`.
  std::vector<int64_t> boundaries;

  /// Asked before each token is drawn, from within Engine::Step, with the answer so far: an id that
  /// is taken instead, or nothing.
  using Force = std::function<std::optional<int32_t>(std::span<const int32_t> answer)>;
  Force force;

  /// Holds the answer to what it says, up to the end of sentence; null: anything may come. It
  /// serves this request alone. What `force` says although it may not come, and what is not
  /// refused, is the end of it. Tokens that it forces are computed together in one step, unless
  /// logprobs are wanted; the answer is the same.
  std::shared_ptr<TokenConstraint> constraint;

  /// Called for every token, and at the end, from within Engine::Step.
  std::function<void(const TokenEvent&)> on_token;
  std::function<void(const Completion&)> on_done;
};

}  // namespace fathom::engine
