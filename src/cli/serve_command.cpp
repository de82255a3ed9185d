#include "cli/serve_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/available_memory.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/generation_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/settings_file.h"
#include "server/log.h"
#include "server/server.h"
#include "text/json.h"
#include "trace/trace_writer.h"

namespace fathom::cli {
namespace {

constexpr const char* kAccessGroup = "Who may ask";
constexpr const char* kLimitsGroup = "Limits";

constexpr const char* kServeDetails =
    "The server speaks OpenAI's chat completions, completions and responses, and\n"
    "Anthropic's messages; docs/api.md lists the endpoints. It listens at once and\n"
    "answers 503 until the model is there. SIGTERM and Ctrl-C let requests that are\n"
    "under way end, for as long as --drain says, and save what the cache holds; a\n"
    "second one ends the program at once.\n"
    "\n"
    "Each option can also be an environment variable (--max-batch is\n"
    "FATHOM_MAX_BATCH) or a key of a TOML file (max-batch = 8). The command line\n"
    "wins, then the environment.\n"
    "\n"
    "One line of JSON for each request goes to standard error. It holds no text of\n"
    "requests and answers, and no keys. What --trace writes holds requests and\n"
    "answers, as tokens, and no keys.";

struct ServeFlags {
  EngineFlags engine;
  server::ServerOptions server;
  std::vector<std::string> keys;
  std::string key_file;
  std::string settings;
  std::string trace;
};

void AddListenOptions(CLI::App& app, ServeFlags* flags) {
  server::HttpOptions* const http = &flags->server.http;
  AddText(app, "--host", "ADDRESS", "The address to listen on (default: 127.0.0.1)", &http->host);
  AddInteger(app, "--port", {0, 65535}, "The port; 0 takes a free one (default: 8000)",
             [http](int64_t port) { http->port = static_cast<uint16_t>(port); });
  AddText(app, "--model-name", "NAME", "What clients see (default: the directory's name)",
          &flags->server.model_name);
  AddText(app, "--tls-cert", "FILE", "Speak TLS with this certificate chain (PEM)",
          &http->tls_certificate);
  AddText(app, "--tls-key", "FILE", "The certificate's private key (PEM)", &http->tls_key);
  AddText(app, "--config", "FILE", "Read options from this TOML file", &flags->settings)
      .KeepFromFiles();
}

void AddAccessOptions(CLI::App& app, ServeFlags* flags) {
  server::AccessOptions* const access = &flags->server.access;
  AddTexts(app, "--api-key", "KEY", "A key that clients have to send; may be repeated",
           &flags->keys)
      .Group(kAccessGroup);
  AddText(app, "--api-key-file", "FILE", "A file with such keys, one a line", &flags->key_file)
      .Group(kAccessGroup);
  AddTexts(app, "--cors-origin", "ORIGIN",
           "Let pages of this origin ask from a browser; may be\nrepeated; * lets all",
           &access->allowed_origins)
      .Group(kAccessGroup);
  AddFlag(app, "--allow-everybody",
          "Listen without a key on an address that other\nmachines can reach",
          &access->allow_everybody)
      .Group(kAccessGroup);
}

void AddLimitOptions(CLI::App& app, ServeFlags* flags) {
  server::ServerOptions* const server = &flags->server;
  AddInteger(app, "--max-batch", {1, 1 << 16}, "Most requests under way at once (default: 32)",
             [server](int64_t count) { server->engine.max_batch = count; })
      .Group(kLimitsGroup);
  AddInteger(app, "--max-queue", {0, 1 << 20}, "Most that wait; others get 429 (default: 256)",
             [server](int64_t count) { server->engine.max_queue = count; })
      .Group(kLimitsGroup);
  AddInteger(app, "--chunk-tokens", {1, 1 << 16},
             "Tokens of prompts in a step that goes on with\nanswers, too (default: 256)",
             [server](int64_t tokens) { server->engine.chunk_tokens = tokens; })
      .Group(kLimitsGroup);
  AddBytes(app, "--kv-memory",
           "Memory for what sequences remember, those of past\nrequests included (default: a "
           "quarter of what is free)",
           &server->engine.kv_memory)
      .Group(kLimitsGroup);
  AddText(app, "--kv-dir", "DIR",
          "Keep there what memory has no room for, and what is\nto outlive this process",
          &server->engine.kv_directory)
      .Group(kLimitsGroup);
  AddBytes(app, "--kv-disk", "Most bytes there (default: 64G)", &server->engine.kv_disk)
      .Group(kLimitsGroup);
  AddInteger(app, "--max-connections", {1, 1 << 16}, "Most connections (default: 256)",
             [server](int64_t count) { server->http.max_connections = count; })
      .Group(kLimitsGroup);
  AddBytes(app, "--max-body", "Largest request (default: 32M)", &server->http.max_body_bytes)
      .Group(kLimitsGroup);
  AddNumber(app, "--drain", {0, 86400},
            "Seconds for requests that are under way when the\nserver is stopped (default: 20)",
            [server](double seconds) { server->drain_seconds = seconds; })
      .Group(kLimitsGroup);
  // Shorter only where a test has no time to wait: clients need no more than this.
  AddNumber(app, "--heartbeat", {0.01, 10}, "Seconds of silence in a stream",
            [server](double seconds) { server->http.heartbeat_seconds = seconds; })
      .Group("");
}

void AddAnswerOptions(CLI::App& app, ServeFlags* flags) {
  api::ParseOptions* const parse = &flags->server.parse;
  AddThinkOption(
      app, "Thinking where a request does not say (default:\nhigh; Anthropic's API: always none)",
      &parse->default_effort);
  AddFlag(app, "--sampling-while-thinking",
          "Let temperature, top_p and penalties count also\nwhile the model thinks",
          &parse->sampling_while_thinking);
  server::TurnLimits* const turn = &flags->server.turn;
  AddInteger(app, "--max-thinking-tokens", {1, 1 << 30},
             "Most tokens of reasoning, whatever a request\nallows (default: no limit)",
             [turn](int64_t tokens) { turn->thinking_tokens = tokens; });
  AddInteger(app, "--max-repetition", {0, 1 << 30},
             "End an answer after so many tokens that repeat one\nanother, a reasoning after a "
             "quarter of them; 0 lets\nthem go on (default: 4096)",
             [turn](int64_t tokens) { turn->repetition_tokens = tokens; });
  AddFlag(app, "--no-constrain",
          "Do not hold answers to tools and schemas: take\ncalls as the model spells them",
          [flags] { flags->server.constrain = false; });
  AddText(app, "--trace", "FILE",
          "Write down there what is asked and answered, for\nfathom replay; the file must be new",
          &flags->trace);
}

base::Result<std::vector<std::string>> ReadKeys(const ServeFlags& flags) {
  std::vector<std::string> keys = flags.keys;
  if (!flags.key_file.empty()) {
    FATHOM_ASSIGN(const std::string text, base::ReadFile(flags.key_file));
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      if (end > begin) keys.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (keys.empty()) return base::MakeError("{}: no key in it", flags.key_file);
  }
  for (const std::string& key : keys)
    if (key.empty()) return base::MakeError("--api-key: an empty key");
  return keys;
}

base::Result<server::ServerOptions> MakeServerOptions(const ServeFlags& flags) {
  server::ServerOptions options = flags.server;
  FATHOM_ASSIGN(options.access.keys, ReadKeys(flags));
  FATHOM_ASSIGN(options.model_directory, FindModel(flags.engine.model));
  ApplyEngineFlags(flags.engine, &options.engine);
  if (options.engine.kv_memory == 0) options.engine.kv_memory = base::AvailableMemory() / 4;
  options.log = PrintLogLine;
  return options;
}

// Null: none is wanted.
base::Result<std::unique_ptr<trace::TraceWriter>> OpenTrace(const ServeFlags& flags) {
  if (flags.trace.empty()) return std::unique_ptr<trace::TraceWriter>();
  return trace::TraceWriter::Create(
      {.path = flags.trace, .program = flags.server.version, .log = [](std::string_view line) {
         PrintLogLine(server::FormatEvent("trace", "\"message\":" + text::QuoteJson(line)));
       }});
}

base::Result<ExitCode> Serve(CLI::App& app, const ServeFlags& flags,
                             const ServeExtension& extension) {
  if (!flags.settings.empty()) FATHOM_TRY(ApplySettingsFile(flags.settings, app));
  FATHOM_ASSIGN(server::ServerOptions options, MakeServerOptions(flags));
  if (extension.prepare) FATHOM_TRY(extension.prepare(&options));
  FATHOM_ASSIGN(const auto trace, OpenTrace(flags));
  options.engine.observer = trace.get();
  const bool has_tls = !options.http.tls_certificate.empty();
  const std::string host = options.http.host;
  FATHOM_ASSIGN(const auto server, server::Server::Listen(std::move(options)));
  FATHOM_TRY(WriteOutput(fmt::format("Listening on {}://{}:{}\n", has_tls ? "https" : "http",
                                     host.find(':') == std::string::npos ? host : "[" + host + "]",
                                     server->port())));
  FATHOM_TRY(server->Run());
  return ExitCode::kSuccess;
}

}  // namespace

void AddServeCommand(CommandLine& command_line) { AddServeCommand(command_line, {}); }

void AddServeCommand(CommandLine& command_line, const ServeExtension& extension) {
  const auto flags = std::make_shared<ServeFlags>();
  flags->server.version = command_line.version();
  // The body runs after the command was added.
  const auto app_slot = std::make_shared<CLI::App*>(nullptr);
  CLI::App& app = command_line.Add(
      {.name = "serve",
       .group = kTalkGroup,
       .summary = "Answer clients over HTTP",
       .details = kServeDetails,
       .files = {{"/etc/fathom/serve.toml", "the settings of fathom.service"},
                 {"/var/cache/fathom", "what fathom.service keeps for later"}},
       .examples = "fathom serve\n"
                   "fathom serve -m /models/DeepSeek-V4-Flash --kv-memory 40G\n"
                   "fathom serve --host 0.0.0.0 --api-key-file keys.txt\n"
                   "fathom serve --tls-cert chain.pem --tls-key key.pem\n"
                   "FATHOM_PORT=9000 fathom serve --config fathom.toml"},
      [flags, extension, app_slot] { return Serve(**app_slot, *flags, extension); });
  *app_slot = &app;
  AddListenOptions(app, flags.get());
  AddEngineOptions(app, &flags->engine);
  AddAnswerOptions(app, flags.get());
  AddAccessOptions(app, flags.get());
  AddLimitOptions(app, flags.get());
  if (extension.add_options) extension.add_options(app);
  AddEnvironment(app);
}

}  // namespace fathom::cli
