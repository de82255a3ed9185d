#include "cli/line_reader.h"

#include <histedit.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "base/check.h"
#include "base/file.h"

namespace fathom::cli {
namespace {

constexpr int kHistoryLines = 1000;

class PlainReader final : public LineReader {
 public:
  Outcome Read(const std::string&, std::string* line) override {
    return std::getline(std::cin, *line) ? Outcome::kLine : Outcome::kEnd;
  }
  bool interactive() const override { return false; }
};

// Where the history is kept; empty if there is no place for it.
std::string PrepareHistoryFile() {
  std::string state;
  if (const char* xdg = std::getenv("XDG_STATE_HOME"); xdg != nullptr && *xdg == '/')
    state = xdg;
  else if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    state = std::string(home) + "/.local/state";
  if (state.empty() || !base::MakeDirectories(state + "/fathom").ok()) return {};
  return state + "/fathom/history";
}

class EditingReader final : public LineReader {
 public:
  EditingReader();
  ~EditingReader() override;

  Outcome Read(const std::string& prompt, std::string* line) override;
  bool interactive() const override { return true; }

 private:
  static unsigned char CancelLine(EditLine* editor, int key);
  static char* ShowPrompt(EditLine* editor);
  static EditingReader& Of(EditLine* editor);

  void Remember(const char* line);

  EditLine* editor_;
  History* history_;
  std::string history_file_ = PrepareHistoryFile();
  std::string prompt_;
  bool cancelled_ = false;
  struct sigaction previous_ {};
};

EditingReader::EditingReader() {
  // libedit reads characters by the locale; without one that has UTF-8 it would read bytes.
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");

  editor_ = el_init("fathom", stdin, stderr, stderr);
  history_ = history_init();
  FATHOM_CHECK(editor_ != nullptr && history_ != nullptr);
  el_set(editor_, EL_CLIENTDATA, this);
  el_set(editor_, EL_PROMPT, &ShowPrompt);
  el_set(editor_, EL_EDITOR, "emacs");
  el_set(editor_, EL_HIST, history, history_);

  // While a line is edited Ctrl-C is a key like others: libedit goes on with its read after the
  // first signal that interrupts it, so a signal would only count the second time. One that comes
  // between two lines must not end the session.
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  FATHOM_CHECK(::sigaction(SIGINT, &ignore, &previous_) == 0);
  el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor_, EL_ADDFN, "fathom-cancel-line", "Forget the line", &CancelLine);
  el_set(editor_, EL_BIND, "^C", "fathom-cancel-line", nullptr);

  HistEvent event;
  history(history_, &event, H_SETSIZE, kHistoryLines);
  history(history_, &event, H_SETUNIQUE, 1);
  if (!history_file_.empty()) history(history_, &event, H_LOAD, history_file_.c_str());
}

EditingReader::~EditingReader() {
  history_end(history_);
  el_end(editor_);
  FATHOM_CHECK(::sigaction(SIGINT, &previous_, nullptr) == 0);
}

EditingReader& EditingReader::Of(EditLine* editor) {
  void* reader = nullptr;
  el_get(editor, EL_CLIENTDATA, &reader);
  return *static_cast<EditingReader*>(reader);
}

unsigned char EditingReader::CancelLine(EditLine* editor, int) {
  Of(editor).cancelled_ = true;
  return CC_NEWLINE;
}

char* EditingReader::ShowPrompt(EditLine* editor) { return Of(editor).prompt_.data(); }

LineReader::Outcome EditingReader::Read(const std::string& prompt, std::string* line) {
  prompt_ = prompt;
  cancelled_ = false;
  int length = 0;
  // el_gets would show the prompt first; a Ctrl-C right after it would not be a key yet.
  el_set(editor_, EL_PREP_TERM, 1);
  const char* text = el_gets(editor_, &length);
  if (cancelled_) {
    std::fputs("^C\n", stderr);
    return Outcome::kCancelled;
  }
  if (text == nullptr || length <= 0) {
    std::fputs("\n", stderr);
    return Outcome::kEnd;
  }
  Remember(text);
  *line = text;
  if (line->ends_with('\n')) line->pop_back();
  return Outcome::kLine;
}

// Saved at once: a session may end by a signal.
void EditingReader::Remember(const char* line) {
  if (std::string_view(line).find_first_not_of(" \n") == std::string_view::npos) return;
  HistEvent event;
  history(history_, &event, H_ENTER, line);
  if (!history_file_.empty()) history(history_, &event, H_SAVE, history_file_.c_str());
}

}  // namespace

std::unique_ptr<LineReader> LineReader::Open() {
  if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1)
    return std::make_unique<EditingReader>();
  return std::make_unique<PlainReader>();
}

}  // namespace fathom::cli
