#include "text/prompt.h"

namespace fathom::text {

void Prompt::Append(const Prompt& other) {
  size_t at = 0;
  for (const Span& span : other.plain_) {
    AppendFormat(std::string_view(other.text_).substr(at, span.begin - at));
    AppendPlain(std::string_view(other.text_).substr(span.begin, span.end - span.begin));
    at = span.end;
  }
  AppendFormat(std::string_view(other.text_).substr(at));
}

}  // namespace fathom::text
