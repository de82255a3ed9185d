// The tags of the tool call markup, as the format defines them and as the model mangles them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fathom::text {

/// Whether text matches, cannot match whatever follows, or may match once more of it is known.
enum class Match { kNo, kPartial, kYes };

struct DsmlTag {
  enum class Element { kToolCalls, kInvoke, kParameter };

  Element element = Element::kToolCalls;
  bool is_closing = false;
  /// Written without the DSML marker: <invoke ...>. Such a tag may as well be somebody's XML.
  bool is_plain = false;
  std::string name;               ///< opening invoke or parameter: its name attribute
  std::optional<bool> is_string;  ///< opening parameter: its string attribute, if there is one
  size_t length = 0;              ///< bytes of the tag

  bool Opens(Element e) const { return !is_closing && element == e; }
  bool Closes(Element e) const { return is_closing && element == e; }
};

/// No tag is longer. What does not end by then is text.
inline constexpr size_t kMaxTagLength = 1024;

/// Matches a tag at the start of `text`; fills `tag` on kYes. Beside <｜DSML｜invoke name="..."> it
/// takes what was seen in the wild: up to two bars on either side of DSML, or none; ASCII bars;
/// no marker at all; single or typographic quotes; white space before the end; attributes in any
/// order, and ones that nobody knows. A quote ends a value only before white space or the tag's
/// end, so that names may hold quotes. An opening invoke or parameter must have a name.
Match MatchTag(std::string_view text, DsmlTag* tag);

}  // namespace fathom::text
