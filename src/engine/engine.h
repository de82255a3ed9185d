// The engine: an official checkpoint in, tokens out.
//
//   auto opened = fathom::engine::Engine::Open("DeepSeek-V4-Flash", {});
//   if (!opened.engine) { report opened.error }
//   fathom::engine::Request request;
//   request.prompt = ...;
//   request.on_token = [](const auto& token) { std::cout << token.text; };
//   auto submitted = opened.engine->Submit(std::move(request));
//   if (!submitted.number) { report submitted.error }
//   while (opened.engine->Step()) {}
//
// One thread at a time uses an engine. Many requests may be under way: every step computes the next
// token of each, and pieces of new prompts between them; what a request answers does not depend on
// the others, nor on what was kept of earlier ones.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "request.h"

namespace fathom::engine {

class EngineObserver;

struct EngineOptions {
  /// Threads that compute; 0: one for each core this process may use.
  int threads = 0;
  /// Longest sequence, prompt and answer; 0: what the model was made for.
  int64_t context = 0;
  /// Most tokens of one step: longer prompts are computed in pieces of this size.
  int64_t batch_tokens = 512;
  /// Most tokens of prompts in a step that also goes on with answers: these wait for no more than
  /// so many tokens between two of their own.
  int64_t chunk_tokens = 256;
  /// Most requests that are under way at once, and no more than batch_tokens. Others wait.
  int64_t max_batch = 32;
  /// Most requests that may wait.
  int64_t max_queue = 256;
  /// Bytes that all sequences may take together, those that callers hold included. A request begins
  /// once the most that it may come to need is free. What is left holds the prompts and answers of
  /// earlier requests: a prompt that begins like one of these goes on from there. 0: no limit, and
  /// nothing is kept.
  uint64_t kv_memory = 0;
  /// Bytes of memory for routed experts, which are then read when they are needed, so that the
  /// checkpoint may be larger than memory. All else stays in memory. 0: everything is used where
  /// the files are mapped.
  uint64_t expert_memory = 0;
  /// A directory for what kv_memory has no room for and what is to outlive the process; empty:
  /// none. It is made if it is not there, and has a folder for each checkpoint. A file in it that
  /// cannot be read is a prefix that was never there, and deleted. One process at a time. Asks for
  /// kv_memory.
  std::string kv_directory{};
  /// Most bytes of files there.
  uint64_t kv_disk = uint64_t{64} << 30;
  /// Called with one line if such a file cannot be written or read, from within Open, Step and
  /// Park.
  std::function<void(std::string_view line)> on_log{};
  /// Hears of every request, token and decision of the cache (observer.h); null: nobody. Outlives
  /// the engine.
  EngineObserver* observer = nullptr;
  /// To repeat what an observer heard: for how many files to wait, and to take note of, when the
  /// engine looks for the n-th time, counted from 1, for files that were written
  /// (CacheDecision::look). Empty: those that are there then.
  std::function<int64_t(int64_t look)> await_written{};
  /// Keeps each further thread on a core of its own; the first core is left to the caller's.
  bool pin_threads = false;
  /// Spreads weights and caches over all memory nodes.
  bool interleave_memory = false;
  /// Reads the checkpoint into large pages, even if it is in memory in small ones.
  bool large_pages = false;
  /// Called while the checkpoint is read, with bytes done and bytes in all.
  std::function<void(uint64_t done, uint64_t total)> on_progress{};
};

/// How hard the model thinks before it answers.
enum class Thinking : uint8_t { kNone, kHigh, kMax };

/// What became of a request that was handed in.
struct Submission {
  std::optional<int64_t> number{};  ///< for Cancel, if it was taken
  std::string error{};              ///< one line, if not
  /// If not, and it is not the request's fault: too many wait. Trying again is worth it after about
  /// so many seconds.
  std::optional<double> retry_seconds{};
};

/// What the engine holds now, and what it has done since it was opened.
struct EngineStatistics {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t kv_bytes = 0;             ///< taken by all sequences, what they share counted once
  int64_t kv_promised_bytes = 0;    ///< that running requests may still take
  int64_t kv_limit_bytes = 0;       ///< EngineOptions::kv_memory
  int64_t prefixes = 0;             ///< positions that are kept
  int64_t prefix_query_tokens = 0;  ///< of prompts that were looked up
  int64_t prefix_hit_tokens = 0;    ///< of these, found
  int64_t prefix_evictions = 0;
  int64_t disk_prefixes = 0;     ///< positions in files
  int64_t disk_bytes = 0;        ///< of the files
  int64_t disk_limit_bytes = 0;  ///< EngineOptions::kv_disk
  int64_t disk_hits = 0;         ///< prompts that went on from a file
  int64_t disk_hit_tokens = 0;   ///< of prefix_hit_tokens, what only files had
  int64_t disk_bytes_read = 0;
  int64_t disk_bytes_written = 0;
  int64_t disk_failures = 0;  ///< files that could not be written or read
  int64_t steps = 0;
  int64_t step_requests = 0;  ///< requests in all steps: divided by `steps`, the occupancy
  int64_t prompt_tokens = 0;  ///< computed
  int64_t generated_tokens = 0;
  int64_t constrained_requests = 0;  ///< with a Request::constraint
  int64_t forced_tokens = 0;         ///< that constraints had no choice in
  int64_t masks = 0;                 ///< tokens that were drawn from what a constraint allows
  double constraint_seconds = 0;     ///< in which constraints were asked
};

/// Facts about the open model.
struct EngineInfo {
  std::string directory;
  std::string isa;  ///< the kernels in use
  int threads = 0;
  int64_t context = 0;
  int64_t vocab_size = 0;
  int32_t end_token = 0;
  bool has_tokenizer = false;
  /// Where this checkpoint's files are, within EngineOptions::kv_directory, for this process alone.
  /// Others that belong to the checkpoint may be put there, with names of their own.
  std::string kv_directory;
};

/// A sequence that comes from a file.
struct Session {
  std::shared_ptr<Sequence> sequence;
  std::string note;  ///< as it was given to SaveSession
};

class Engine {
 public:
  struct OpenResult;
  /// Opens the checkpoint in `directory` (config.json, safetensors, and tokenizer.json if text is
  /// wanted). Every tensor is checked first; the error names the file and what is wrong.
  static OpenResult Open(const std::string& directory, const EngineOptions& options);

  virtual ~Engine() = default;
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  virtual const EngineInfo& info() const = 0;

  /// Tokens of `text`, or nothing and `error`. With `raw`, the text of special tokens becomes those
  /// tokens; without, nothing in it is special.
  virtual std::optional<std::vector<int32_t>> Tokenize(std::string_view text, bool raw,
                                                       std::string* error) const = 0;
  /// Tokens of the prompt for a conversation in OpenAI's JSON form ({"messages": [...], "tools":
  /// [...]}), ready for the model's answer; or nothing and `error`.
  virtual std::optional<std::vector<int32_t>> EncodeConversation(std::string_view json,
                                                                 Thinking thinking,
                                                                 std::string* error) const = 0;
  /// The bytes of `tokens`, or nothing and `error`.
  virtual std::optional<std::string> Detokenize(const std::vector<int32_t>& tokens,
                                                std::string* error) const = 0;

  /// An empty sequence, to continue over several requests.
  virtual std::shared_ptr<Sequence> NewSequence() = 0;

  /// A second sequence with the same past, as far as it is computed. The two share the memory of
  /// what is final and go their own ways from here.
  virtual std::shared_ptr<Sequence> ForkSequence(const Sequence& sequence) = 0;

  /// Cuts a sequence back to at most `tokens` tokens: to the longest position at or before that
  /// it can return to. Such positions are kept at its end, one token before the end of each of its
  /// prompts, at the end of each answer, and at every 2,048 tokens; those far back are thinned out.
  /// Returns the tokens that are left, or nothing and `error` if the sequence serves a request or
  /// `tokens` is negative. Submit does this by itself where a prompt leaves the sequence's path.
  virtual std::optional<int64_t> CutSequence(Sequence& sequence, int64_t tokens,
                                             std::string* error) = 0;

  /// Writes a sequence to a file, as far as it is computed, with the positions that it can return
  /// to and `note`, bytes of the caller's. The file is replaced at once: if that fails, it holds
  /// what it held before, and the answer is false and `error`. The first call reads a little of
  /// every tensor, to know the checkpoint again.
  virtual bool SaveSession(const Sequence& sequence, std::string_view note, const std::string& path,
                           std::string* error) = 0;

  /// Reads what SaveSession wrote, in this process or another: the sequence goes on as if it had
  /// never been away. Nothing and `error` if the file is not whole, of another version of the
  /// format or of another checkpoint.
  virtual std::optional<Session> LoadSession(const std::string& path, std::string* error) = 0;

  /// Takes a request, or says why not: it can never run (an empty prompt, an id out of range, a
  /// prompt beyond the context, an option out of range), or too many wait.
  virtual Submission Submit(Request request) = 0;

  /// Ends a request, whether it waits or is under way; the next Step tells its on_done what there
  /// is. What is computed of its prompt stays for others. Unknown numbers are ignored.
  virtual void Cancel(int64_t request) = 0;

  /// Computes one step of all requests. Returns false when none is left.
  virtual bool Step() = 0;

  /// Writes what is kept in memory to EngineOptions::kv_directory, as far as it fits there, and
  /// waits until it is on the disk. Without that, what was computed last may be missing after a
  /// restart: of each conversation at most a hundredth, and what a slow disk had not taken yet.
  virtual void Park() = 0;

  virtual EngineStatistics statistics() const = 0;

  /// The requests under way, then the first 64 of those that wait, in the order of admission.
  virtual std::vector<RequestStatus> requests() const = 0;
};

/// The engine, or why there is none.
struct Engine::OpenResult {
  std::unique_ptr<Engine> engine;
  std::string error;
};

}  // namespace fathom::engine
