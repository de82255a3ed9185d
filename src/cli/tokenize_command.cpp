#include <fmt/ranges.h>

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "text/tokenizer.h"

namespace fathom::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  std::string file = "-";
  bool raw = false;
  bool decode = false;
};

base::Result<std::string> Tokenize(const TokenizeOptions& options) {
  FATHOM_ASSIGN(const std::string directory, FindModel(options.model));
  FATHOM_ASSIGN(const auto tokenizer, text::Tokenizer::Load(directory + "/tokenizer.json"));
  FATHOM_ASSIGN(const std::string input, ReadInput(options.file));
  const std::string source = InputName(options.file);
  if (options.decode) {
    FATHOM_ASSIGN(const auto ids, ParseTokenIds(input, source, tokenizer.vocab_size()));
    auto text = tokenizer.Decode(ids);
    if (!text.ok()) return base::MakeError("{}: {}", source, text.error().message);
    return text;
  }
  const auto ids = options.raw ? tokenizer.EncodeRaw(input) : tokenizer.EncodePlain(input);
  if (!ids.ok()) return base::MakeError("{}: {}", source, ids.error().message);
  return fmt::format("{}\n", fmt::join(*ids, " "));
}

}  // namespace

void AddTokenizeCommand(CommandLine& command_line) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App& app = command_line.Add(
      {.name = "tokenize",
       .group = kTextGroup,
       .summary = "Turn text into token ids, or ids into text",
       .details =
           "The ids are printed on one line, separated by spaces. Of the model only\n"
           "tokenizer.json is read. Text is bytes: it need not be UTF-8, and --decode gives\n"
           "back every byte and adds none.",
       .examples = "echo 'Hello' | fathom tokenize\n"
                   "fathom tokenize -f book.txt | fathom tokenize --decode | cmp - book.txt"},
      [options]() -> base::Result<ExitCode> {
        FATHOM_ASSIGN(const std::string result, Tokenize(*options));
        FATHOM_TRY(WriteOutput(result));
        return ExitCode::kSuccess;
      });
  AddModelOption(app, &options->model);
  AddText(app, "-f,--file", "FILE", "The input (default: standard input)", &options->file);
  AddFlag(app, "--raw",
          "Read the spelling of a special token as that token;\n"
          "otherwise nothing in the text is special",
          &options->raw);
  AddFlag(app, "--decode", "The input is ids; print their text", &options->decode);
}

}  // namespace fathom::cli
