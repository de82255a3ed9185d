#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>

#include "text/regex_syntax.h"

namespace fathom::text {
namespace {

std::string DescribePcreError(int code) {
  PCRE2_UCHAR message[256];
  if (pcre2_get_error_message(code, message, sizeof(message)) < 0) return fmt::format("{}", code);
  return reinterpret_cast<const char*>(message);
}

PCRE2_SPTR AsPcre(std::string_view text) {
  // PCRE2 takes no null pointer, which an empty view may hold.
  return reinterpret_cast<PCRE2_SPTR>(text.data() == nullptr ? "" : text.data());
}

struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

}  // namespace

RegexScratch::RegexScratch(size_t text_bytes)
    : data_(pcre2_match_data_create(1, nullptr)), context_(pcre2_match_context_create(nullptr)) {
  if (!data_ || !context_) throw std::bad_alloc();
  // An honest pattern looks at each byte a few times: `\s*[\r\n]+` walks back over a run of spaces
  // once. PCRE2's own default would refuse a run of more than ten million.
  const uint64_t limit = 10'000'000 + 16 * static_cast<uint64_t>(text_bytes);
  pcre2_set_match_limit(context_.get(),
                        static_cast<uint32_t>(std::min<uint64_t>(limit, UINT32_MAX)));
}

void RegexScratch::Free::operator()(pcre2_real_match_data_8* data) const {
  pcre2_match_data_free(data);
}
void RegexScratch::Free::operator()(pcre2_real_match_context_8* context) const {
  pcre2_match_context_free(context);
}
void Regex::Free::operator()(pcre2_real_code_8* code) const { pcre2_code_free(code); }

base::Result<Regex> Regex::Compile(std::string_view pattern) {
  FATHOM_ASSIGN(const std::string translated, TranslateOnigurumaPattern(pattern));
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  // In Oniguruma ^ and $ always match at inner line ends. \C would cut characters in two.
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  int code = 0;
  PCRE2_SIZE offset = 0;
  Regex regex;
  regex.code_.reset(
      pcre2_compile(AsPcre(translated), translated.size(), options, &code, &offset, context.get()));
  if (!regex.code_) return base::MakeError("{}", DescribePcreError(code));
  // Machine code is a matter of speed alone: a system that forbids it gets the interpreter.
  regex.jit_ = pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE) == 0;
  return regex;
}

base::Result<std::optional<Regex::Match>> Regex::Search(std::string_view subject, size_t from,
                                                        RegexScratch& scratch) const {
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit_) {
    found = pcre2_jit_match(code_.get(), AsPcre(subject), subject.size(), from, 0,
                            scratch.data_.get(), scratch.context_.get());
  }
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter keeps its stack on the heap
    found =
        pcre2_match(code_.get(), AsPcre(subject), subject.size(), from,
                    PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch.data_.get(), scratch.context_.get());
  }
  if (found == PCRE2_ERROR_NOMATCH) return std::optional<Match>();
  if (found < 0) return base::MakeError("{}", DescribePcreError(found));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(scratch.data_.get());
  return std::optional<Match>(Match{bounds[0], bounds[1]});
}

}  // namespace fathom::text
