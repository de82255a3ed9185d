// The regular expressions of a tokenizer.json: written for Oniguruma, run by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;

namespace fathom::text {

/// The memory of one thread's searches. Serves any number of expressions, one search at a time.
class RegexScratch {
 public:
  /// `text_bytes`: the length of the whole text to be searched, which bounds the work of a search.
  explicit RegexScratch(size_t text_bytes);

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

  std::unique_ptr<pcre2_real_code_8, Free> code_;
  bool jit_ = false;
};

}  // namespace fathom::text
