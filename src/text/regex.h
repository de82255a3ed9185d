// Regular expressions, run by PCRE2: those of a tokenizer.json, written for Oniguruma, and those of
// JSON Schema, written for ECMA 262.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

struct pcre2_real_code_8;
struct pcre2_real_compile_context_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace fathom::text {

/// The memory of one thread's searches. Serves any number of expressions, one search at a time.
class RegexScratch {
 public:
  /// `text_bytes`: the length of the whole text to be searched, which bounds the work of a search
  /// together with the `allowance`, in places that are looked at.
  explicit RegexScratch(size_t text_bytes, uint64_t allowance = 10'000'000);

 private:
  friend class Regex;
  struct Free {
    void operator()(pcre2_real_match_data_8* data) const;
    void operator()(pcre2_real_match_context_8* context) const;
  };
  std::unique_ptr<pcre2_real_match_data_8, Free> data_;
  std::unique_ptr<pcre2_real_match_context_8, Free> context_;
};

/// A compiled expression. Const use is safe from many threads.
class Regex {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
  };

  /// Compiles a pattern in Oniguruma's own syntax. What PCRE2 reads differently (\s, \w, \b, \h,
  /// \v, script names, ^ and $, (?m:) ...) is rewritten to mean what Oniguruma means; what has no
  /// equal in PCRE2 (set operations, `{2,3}+`, ...) is an error, which says what and at which byte.
  static base::Result<Regex> Compile(std::string_view pattern);

  /// Compiles an expression of ECMA 262 with its flag u, as far as PCRE2 knows what it means.
  static base::Result<Regex> CompileEcma(std::string_view pattern);

  /// Finds the first match that begins at or after byte `from` of `subject`, which must be valid
  /// UTF-8; bytes before `from` are seen by look-behinds. An expression that backtracks without
  /// reasonable bound is an error.
  base::Result<std::optional<Match>> Search(std::string_view subject, size_t from,
                                            RegexScratch& scratch) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  Regex() = default;
  static base::Result<Regex> Compile(std::string_view translated, uint32_t options,
                                     pcre2_real_compile_context_8* context);

  std::unique_ptr<pcre2_real_code_8, Free> code_;
  bool jit_ = false;
};

}  // namespace fathom::text
