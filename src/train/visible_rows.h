// Which compressed rows a token sees.
#pragma once

#include <cstdint>

namespace fathom::train {

/// Those of the whole blocks up to the token. A crowd, rows of other texts, may stand among them:
/// before the rows of some token, which is the first to see it.
struct VisibleRows {
  int64_t ratio = 0;     ///< tokens that a row stands for; 0: there are no rows
  int64_t crowd = 0;     ///< rows
  int64_t crowd_at = 0;  ///< the token; divisible by `ratio`

  /// After so many tokens of the sequence, the last of which sees these: the first ones.
  int64_t Count(int64_t tokens) const {
    return ratio == 0 ? 0 : tokens / ratio + (tokens > crowd_at ? crowd : 0);
  }
};

}  // namespace fathom::train
