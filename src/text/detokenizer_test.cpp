#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include "text/tokenizer_fixture.h"

namespace fathom::text {
namespace {

std::vector<int32_t> BytesAsTokens(const Tokenizer& tokenizer, std::string_view text) {
  auto ids = tokenizer.EncodePlain(text);
  EXPECT_TRUE(ids.ok());
  EXPECT_EQ(ids->size(), text.size());
  return std::move(ids).value();
}

std::vector<std::string> PushAll(StreamDecoder& decoder, const std::vector<int32_t>& ids) {
  std::vector<std::string> parts;
  for (const int32_t id : ids) {
    auto part = decoder.Push(id);
    EXPECT_TRUE(part.ok());
    parts.push_back(std::move(part).value());
  }
  parts.push_back(decoder.Flush());
  return parts;
}

TEST(StreamDecoder, WaitsForWholeCharacters) {
  const Tokenizer tokenizer = MustLoad(ByteTokenizerJson());
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(PushAll(decoder, BytesAsTokens(tokenizer, "a｜b")),
            (std::vector<std::string>{"a", "", "", "｜", "b", ""}));
}

TEST(StreamDecoder, LetsGoOfWhatCannotBecomeACharacter) {
  const Tokenizer tokenizer = MustLoad(ByteTokenizerJson());
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(PushAll(decoder, BytesAsTokens(tokenizer, "\xED\xA0\xE4\xBD\x41\xF0\x9F")),
            (std::vector<std::string>{"", "\xED\xA0", "", "", "\xE4\xBD\x41", "", "", "\xF0\x9F"}));
}

TEST(StreamDecoder, HidesSpecialTokensOnRequest) {
  const Tokenizer tokenizer = MustLoad(ByteTokenizerJson());
  const auto ids = tokenizer.EncodeRaw("a<｜User｜>b");
  ASSERT_TRUE(ids.ok());
  StreamDecoder showing(tokenizer);
  EXPECT_EQ(PushAll(showing, *ids), (std::vector<std::string>{"a", "<｜User｜>", "b", ""}));
  StreamDecoder hiding(tokenizer, {.special_tokens = false});
  EXPECT_EQ(PushAll(hiding, *ids), (std::vector<std::string>{"a", "", "b", ""}));
}

TEST(StreamDecoder, SurvivesAnIdWithoutAToken) {
  const Tokenizer tokenizer = MustLoad(ByteTokenizerJson());
  StreamDecoder decoder(tokenizer);
  const auto ids = BytesAsTokens(tokenizer, "é");
  EXPECT_EQ(*decoder.Push(ids[0]), "");
  EXPECT_EQ(decoder.Push(-1).error().message, "token id -1 is not in the vocabulary");
  EXPECT_EQ(*decoder.Push(ids[1]), "é");
}

TEST(StreamDecoder, AgreesWithDecodeOnAnyTokens) {
  auto loaded = Tokenizer::Load(std::string(FATHOM_SOURCE_DIR) +
                                "/src/text/testdata/tokenizer/tokenizer.json");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const Tokenizer& tokenizer = *loaded;
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<int32_t> ids;
    while (ids.size() < 40) {
      const auto id =
          static_cast<int32_t>(random() % static_cast<uint32_t>(tokenizer.vocab_size()));
      if (tokenizer.Has(id)) ids.push_back(id);
    }
    const DecodeOptions options = {.special_tokens = random() % 2 == 0};
    StreamDecoder decoder(tokenizer, options);
    std::string joined;
    for (const std::string& part : PushAll(decoder, ids)) joined += part;
    ASSERT_EQ(joined, *tokenizer.Decode(ids, options));
  }
}

TEST(StreamDecoder, NeverCutsACharacterOfValidText) {
  const Tokenizer tokenizer = MustLoad(ByteTokenizerJson());
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (int i = 0; i < 30; ++i) AppendUtf8(random() % 0xD800, text);
    for (int i = 0; i < 10; ++i) AppendUtf8(0x10000 + random() % 0x100000, text);
    StreamDecoder decoder(tokenizer);
    const auto parts = PushAll(decoder, BytesAsTokens(tokenizer, text));
    for (const std::string& part : parts) ASSERT_EQ(ValidPrefixLength(part), part.size());
    ASSERT_EQ(parts.back(), "");
  }
}

}  // namespace
}  // namespace fathom::text
