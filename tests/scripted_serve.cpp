// `fathom serve` with answers from a file, for tests with clients that are programs of their own:
// what they need to see, a small model cannot be brought to say.
#include <memory>
#include <string>
#include <utility>

#include "cli/option.h"
#include "cli/serve_command.h"
#include "server/script_testing.h"

namespace {

using fathom::server::Script;

fathom::base::Status UseScript(const std::string& path, fathom::server::ServerOptions* options) {
  FATHOM_ASSIGN(auto answers, Script::Load(path));
  const auto script = std::make_shared<Script>(std::move(answers), options->model_directory);
  options->script = [script](const std::vector<int32_t>& prompt) { return script->Find(prompt); };
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  fathom::cli::CommandLine command_line("test");
  const auto path = std::make_shared<std::string>();
  fathom::cli::AddServeCommand(
      command_line,
      {.add_options =
           [path](CLI::App& app) {
             fathom::cli::AddText(app, "--script", "FILE", "Answers", path.get()).Require();
           },
       .prepare =
           [path](fathom::server::ServerOptions* options) { return UseScript(*path, options); }});
  return command_line.Run(argc, argv);
}
