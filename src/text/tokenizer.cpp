#include "text/tokenizer.h"

#include <utility>

#include "base/file.h"
#include "text/tokenizer_file.h"

namespace fathom::text {

base::Result<Tokenizer> Tokenizer::Load(const std::string& path) {
  FATHOM_ASSIGN(const std::string json, base::ReadFile(path));
  return FromJson(json, path);
}

base::Result<Tokenizer> Tokenizer::FromJson(std::string_view json, const std::string& source) {
  FATHOM_ASSIGN(TokenizerFile file, ParseTokenizerFile(json, source));
  return Tokenizer(std::move(file));
}

Tokenizer::Tokenizer(TokenizerFile file)
    : vocabulary_(std::move(file.vocabulary)),
      added_tokens_(file.added_tokens),
      pre_tokenizer_(std::move(file.pre_tokenizer)),
      bpe_(file.byte_tokens, file.merges),
      special_(static_cast<size_t>(vocabulary_.size())),
      added_(static_cast<size_t>(vocabulary_.size())),
      is_whole_piece_(static_cast<size_t>(vocabulary_.size())) {
  for (const AddedToken& token : file.added_tokens) {
    special_[static_cast<size_t>(token.id)] = token.special;
    added_[static_cast<size_t>(token.id)] = true;
  }
  FindWholePieces(file);
}

// Not every token is what its own bytes merge to, so each is tried once.
void Tokenizer::FindWholePieces(const TokenizerFile& file) {
  BpeScratch scratch;
  std::vector<int32_t> ids;
  for (const int32_t id : file.mergeable) {
    ids.clear();
    bpe_.Encode(vocabulary_.BytesOf(id), scratch, ids);
    is_whole_piece_[static_cast<size_t>(id)] =
        file.ignore_merges || (ids.size() == 1 && ids[0] == id);
  }
}

base::Result<std::vector<int32_t>> Tokenizer::Encode(const Prompt& prompt) const {
  return EncodeText(prompt.text(), prompt.plain());
}

base::Result<std::vector<int32_t>> Tokenizer::EncodePlain(std::string_view text) const {
  const Prompt::Span all = {0, text.size()};
  return EncodeText(text, {&all, 1});
}

base::Result<std::vector<int32_t>> Tokenizer::EncodeRaw(std::string_view text) const {
  return EncodeText(text, {});
}

base::Result<std::vector<int32_t>> Tokenizer::EncodeText(
    std::string_view text, std::span<const Prompt::Span> plain) const {
  if (text.size() > Bpe::kMaxPieceBytes) {
    return base::MakeError("the text has {} bytes, more than {}", text.size(), Bpe::kMaxPieceBytes);
  }
  std::vector<int32_t> ids;
  BpeScratch scratch;
  const auto encode_piece = [&](std::string_view piece) { EncodePiece(piece, scratch, ids); };
  for (const AddedTokens::Segment& segment : added_tokens_.Split(text, plain)) {
    if (segment.id.has_value()) {
      ids.push_back(*segment.id);
    } else {
      FATHOM_TRY(pre_tokenizer_.Split(text.substr(segment.begin, segment.end - segment.begin),
                                      encode_piece));
    }
  }
  return ids;
}

void Tokenizer::EncodePiece(std::string_view piece, BpeScratch& scratch,
                            std::vector<int32_t>& ids) const {
  const std::optional<int32_t> id = vocabulary_.Find(piece);
  if (id.has_value() && is_whole_piece_[static_cast<size_t>(*id)]) {
    ids.push_back(*id);
  } else {
    bpe_.Encode(piece, scratch, ids);
  }
}

base::Result<std::string> Tokenizer::Decode(std::span<const int32_t> ids,
                                            DecodeOptions options) const {
  std::string text;
  for (const int32_t id : ids) {
    if (!Has(id)) return base::MakeError("token id {} is not in the vocabulary", id);
    if (options.special_tokens || !IsSpecial(id)) text.append(BytesOf(id));
  }
  return text;
}

std::optional<int32_t> Tokenizer::IdOf(std::string_view text) const {
  const std::optional<int32_t> added = added_tokens_.Find(text);
  return added.has_value() ? added : vocabulary_.Find(text);
}

}  // namespace fathom::text
