// A tokenizer.json from anywhere, and then text through whatever it made.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace {

using fathom::text::StreamDecoder;
using fathom::text::Tokenizer;

constexpr std::string_view kText =
    "<｜User｜> It's 12345 é中文\u00A0\r\n \xFF\xE4\xBD<t>!? aB_\t</think>";

// The stream and the whole must agree, whatever the tokens are.
void CheckDecoding(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  StreamDecoder decoder(tokenizer);
  std::string streamed;
  for (const int32_t id : ids) {
    const auto part = decoder.Push(id);
    FATHOM_CHECK(part.ok());
    streamed += *part;
  }
  streamed += decoder.Flush();
  const auto whole = tokenizer.Decode(ids);
  FATHOM_CHECK(whole.ok() && *whole == streamed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = Tokenizer::FromJson(json, "fuzz");
  if (!tokenizer.ok()) {
    FATHOM_CHECK(tokenizer.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const auto raw = tokenizer->EncodeRaw(kText);
  const auto plain = tokenizer->EncodePlain(kText);
  if (raw.ok()) CheckDecoding(*tokenizer, *raw);
  if (plain.ok()) CheckDecoding(*tokenizer, *plain);
  return 0;
}
