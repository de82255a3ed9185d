#include "text/detokenizer.h"

#include <utility>

#include "text/utf8.h"

namespace fathom::text {

base::Result<std::string> StreamDecoder::Push(int32_t id) {
  FATHOM_ASSIGN(const std::string bytes, tokenizer_->Decode({&id, 1}, options_));
  std::string certain = std::exchange(held_, {}) + bytes;
  held_ = certain.substr(certain.size() - UnfinishedTailLength(certain));
  certain.resize(certain.size() - held_.size());
  return certain;
}

std::string StreamDecoder::Flush() { return std::exchange(held_, {}); }

}  // namespace fathom::text
