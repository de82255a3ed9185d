#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>

#include "text/ecma_syntax.h"
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
using CompileContext = std::unique_ptr<pcre2_compile_context, FreeCompileContext>;

CompileContext MakeCompileContext() {
  CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context) throw std::bad_alloc();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  return context;
}

}  // namespace

RegexScratch::RegexScratch(size_t text_bytes, uint64_t allowance)
    : data_(pcre2_match_data_create(1, nullptr)), context_(pcre2_match_context_create(nullptr)) {
  if (!data_ || !context_) throw std::bad_alloc();
  // An honest pattern looks at each byte a few times: `\s*[\r\n]+` walks back over a run of spaces
  // once. PCRE2's own default would refuse a run of more than ten million.
  const uint64_t limit = allowance + 16 * static_cast<uint64_t>(text_bytes);
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
  const CompileContext context = MakeCompileContext();
  // In Oniguruma ^ and $ always match at inner line ends. \C would cut characters in two.
  return Compile(translated, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                 context.get());
}

base::Result<Regex> Regex::CompileEcma(std::string_view pattern) {
  FATHOM_ASSIGN(const std::string translated, TranslateEcmaPattern(pattern));
  const CompileContext context = MakeCompileContext();
  pcre2_set_compile_extra_options(context.get(), PCRE2_EXTRA_ALT_BSUX);
  // Its start optimizations have the JIT of PCRE2 10.42 miss ((\S1|1){2}c*|b){2} in 1111.
  return Compile(translated,
                 PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_ALT_BSUX |
                     PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_START_OPTIMIZE,
                 context.get());
}

base::Result<Regex> Regex::Compile(std::string_view translated, uint32_t options,
                                   pcre2_compile_context* context) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  Regex regex;
  regex.code_.reset(
      pcre2_compile(AsPcre(translated), translated.size(), options, &code, &offset, context));
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
