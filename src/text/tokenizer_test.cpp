#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "text/tokenizer_fixture.h"

namespace fathom::text {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Lt;

const std::string kTestData = std::string(FATHOM_SOURCE_DIR) + "/src/text/testdata/tokenizer/";

Tokenizer LoadReduced() {
  auto tokenizer = Tokenizer::Load(kTestData + "tokenizer.json");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

std::string LoadError(const json& file) {
  const auto tokenizer = Tokenizer::FromJson(file.dump(), "test.json");
  return tokenizer.ok() ? "loaded" : tokenizer.error().message;
}

// tools/tokenizer_vectors made these with Hugging Face's tokenizers.
TEST(Tokenizer, AgreesWithHuggingFace) {
  const Tokenizer tokenizer = LoadReduced();
  const auto vectors = base::ReadFile(kTestData + "vectors.jsonl");
  ASSERT_TRUE(vectors.ok()) << vectors.error().message;
  std::istringstream lines(*vectors);
  int compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    const json vector = json::parse(line);
    const auto text = vector["text"].get<std::string>();
    const auto ids = tokenizer.EncodeRaw(text);
    ASSERT_TRUE(ids.ok()) << ids.error().message;
    EXPECT_EQ(*ids, vector["ids"].get<std::vector<int32_t>>()) << line;
    EXPECT_EQ(*tokenizer.Decode(*ids), text);
  }
  EXPECT_GE(compared, 300);
}

TEST(Tokenizer, GivesBackAnyBytes) {
  const Tokenizer tokenizer = LoadReduced();
  std::mt19937 random(1);
  for (int round = 0; round < 1000; ++round) {
    const std::string text = MakeRandomBytes(random, random() % 100);
    const auto plain = tokenizer.EncodePlain(text);
    const auto raw = tokenizer.EncodeRaw(text);
    ASSERT_TRUE(plain.ok() && raw.ok());
    ASSERT_EQ(*tokenizer.Decode(*plain), text);
    ASSERT_EQ(*tokenizer.Decode(*raw), text);
  }
}

TEST(Tokenizer, NeverReadsSpecialTokensFromPlainText) {
  const Tokenizer tokenizer = LoadReduced();
  constexpr int32_t kFirstBeyondModel = 128000;
  const std::string specials[] = {"<｜begin▁of▁sentence｜>", "<｜User｜>", "<|EOT|>"};
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    Prompt prompt;
    std::vector<int32_t> written;
    for (int i = 0; i < 12; ++i) {
      const std::string& special = specials[random() % 3];
      switch (random() % 3) {
        case 0:
          prompt.AppendFormat(special);
          written.push_back(*tokenizer.IdOf(special));
          break;
        case 1:
          prompt.AppendPlain(special + MakeRandomBytes(random, random() % 5));
          break;
        default:  // half a token by the format, half by somebody: none
          prompt.AppendFormat(special.substr(0, 5));
          prompt.AppendPlain(special.substr(5));
      }
    }
    const auto ids = tokenizer.Encode(prompt);
    ASSERT_TRUE(ids.ok());
    std::vector<int32_t> found;
    for (const int32_t id : *ids) {
      if (id < 3 || id >= kFirstBeyondModel) found.push_back(id);
    }
    ASSERT_EQ(found, written);
    ASSERT_EQ(*tokenizer.Decode(*ids), prompt.text());
  }
}

TEST(Tokenizer, MergesAcrossPlainBorders) {
  json file = ByteTokenizerJson();
  AddMerge(file, "a", "b");
  const Tokenizer tokenizer = MustLoad(file);
  Prompt prompt;
  prompt.AppendFormat("a");
  prompt.AppendPlain("b<｜User｜>");
  prompt.AppendFormat("<｜User｜>");
  const auto ids = *tokenizer.Encode(prompt);
  EXPECT_EQ(ids.front(), *tokenizer.IdOf("ab"));
  EXPECT_EQ(ids.size(), 1 + std::string_view("<｜User｜>").size() + 1);
  EXPECT_EQ(ids.back(), *tokenizer.IdOf("<｜User｜>"));
}

TEST(Tokenizer, CutsByTheExpressionsOfTheFile) {
  json file = ByteTokenizerJson();
  AddMerge(file, "a", "1");
  EXPECT_THAT(*MustLoad(file).EncodePlain("a1"), testing::SizeIs(1));
  file["pre_tokenizer"] = MakeSequence({MakeSplit(R"(\p{N})", "Isolated")});
  EXPECT_THAT(*MustLoad(file).EncodePlain("a1"), testing::SizeIs(2));
  file["pre_tokenizer"] = MakeSequence({MakeSplit(R"(\p{Lu})", "Isolated")});
  EXPECT_THAT(*MustLoad(file).EncodePlain("a1"), testing::SizeIs(1));
}

TEST(Tokenizer, ReadsBothSpellingsOfMerges) {
  json pairs = ByteTokenizerJson();
  AddMerge(pairs, "a", "b");
  AddMerge(pairs, "ab", "c");
  json strings = pairs;
  strings["model"]["merges"] = {"a b", "ab c"};
  EXPECT_EQ(*MustLoad(pairs).EncodePlain("abcab"), *MustLoad(strings).EncodePlain("abcab"));
  EXPECT_THAT(*MustLoad(strings).EncodePlain("abcab"), testing::SizeIs(2));
}

TEST(Tokenizer, IgnoresMergesForWholePiecesOnRequest) {
  json file = ByteTokenizerJson();
  AddMerge(file, "a", "b");
  AddMerge(file, "b", "c");
  AddMerge(file, "a", "bc");  // never reached: "ab" merges first
  EXPECT_THAT(Spell(MustLoad(file), *MustLoad(file).EncodePlain("abc")), ElementsAre("ab", "c"));
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(Spell(MustLoad(file), *MustLoad(file).EncodePlain("abc")), ElementsAre("abc"));
}

// A special token whose spelling plain text could reach by merging, or as a whole piece.
TEST(Tokenizer, DoesNotMergeIntoSpecialTokens) {
  json file = ByteTokenizerJson();
  AddMerge(file, "[", "X");
  AddMerge(file, "[X", "]");
  const int32_t id = file["model"]["vocab"]["[X]"];
  file["added_tokens"].push_back(MakeAddedToken(id, "[X]", true));
  for (const bool ignore_merges : {false, true}) {
    file["model"]["ignore_merges"] = ignore_merges;
    const Tokenizer tokenizer = MustLoad(file);
    EXPECT_THAT(*tokenizer.EncodePlain("[X]"), Each(Lt(id)));
    EXPECT_THAT(*tokenizer.EncodeRaw("[X]"), ElementsAre(id));
  }
}

TEST(Tokenizer, FindsTheLongestAddedToken) {
  json file = ByteTokenizerJson();
  file["added_tokens"].push_back(MakeAddedToken(2000, "<t>", false));
  file["added_tokens"].push_back(MakeAddedToken(2001, "<t><u>", false));
  file["added_tokens"].push_back(MakeAddedToken(2002, "><", false));
  const Tokenizer tokenizer = MustLoad(file);
  EXPECT_THAT(*tokenizer.EncodeRaw("<t><u><t><t>"), ElementsAre(2001, 2000, 2000));
  Prompt prompt;  // the longer one reaches into plain text, the shorter one does not
  prompt.AppendFormat("<t>");
  prompt.AppendPlain("<u>");
  EXPECT_EQ((*tokenizer.Encode(prompt)).front(), 2000);
  EXPECT_EQ(tokenizer.vocab_size(), 2003);
  EXPECT_FALSE(tokenizer.Has(1999));
}

TEST(Tokenizer, HonoursTheMarksOfAddedTokens) {
  json file = ByteTokenizerJson();
  const auto add = [&](int32_t id, const std::string& content, const std::string& mark) {
    json token = MakeAddedToken(id, content, false);
    token[mark] = true;
    file["added_tokens"].push_back(token);
  };
  add(2000, "<l>", "lstrip");
  add(2001, "<r>", "rstrip");
  add(2002, "word", "single_word");
  add(2003, "<<", "normalized");
  add(2004, "<a", "none");
  const Tokenizer tokenizer = MustLoad(file);
  const auto encode = [&](std::string_view text) { return *tokenizer.EncodeRaw(text); };
  const int32_t x = *tokenizer.IdOf("x");
  const int32_t space = *tokenizer.IdOf(" ");
  EXPECT_THAT(encode("x \u3000<l> x"), ElementsAre(x, 2000, space, x));
  EXPECT_THAT(encode("x <r>\u00A0\n x"), ElementsAre(x, space, 2001, x));
  EXPECT_THAT(encode("<r> <l>"), ElementsAre(2001, 2000));
  EXPECT_THAT(encode("word"), ElementsAre(2002));
  EXPECT_THAT(encode(" word "), ElementsAre(space, 2002, space));
  EXPECT_THAT(encode("words é\u0301word"), testing::Not(Contains(2002)));
  EXPECT_THAT(encode("<<<a"), ElementsAre(2003, 2004)) << "verbatim tokens go first";
  Prompt prompt;  // white space of somebody's is not the token's to take
  prompt.AppendPlain("x ");
  prompt.AppendFormat(" <l>");
  EXPECT_THAT(*tokenizer.Encode(prompt), ElementsAre(x, space, 2000));
}

TEST(Tokenizer, KnowsItsTokens) {
  const Tokenizer tokenizer = LoadReduced();
  EXPECT_EQ(tokenizer.IdOf("<｜begin▁of▁sentence｜>"), 0);
  EXPECT_TRUE(tokenizer.IsSpecial(0));
  const int32_t user = *tokenizer.IdOf("<｜User｜>");
  EXPECT_EQ(user, 128803);
  EXPECT_FALSE(tokenizer.IsSpecial(user)) << "the file adds it, but as text";
  EXPECT_TRUE(tokenizer.IsAdded(user));
  EXPECT_FALSE(tokenizer.IsAdded(tokenizer.EncodePlain("a")->front()));
  EXPECT_EQ(tokenizer.BytesOf(user), "<｜User｜>");
  EXPECT_EQ(tokenizer.BytesOf(*tokenizer.IdOf("\xFF")), "\xFF");
  EXPECT_EQ(tokenizer.IdOf("no such token"), std::nullopt);
  EXPECT_FALSE(tokenizer.Has(-1));
  EXPECT_FALSE(tokenizer.IsSpecial(tokenizer.vocab_size()));
}

TEST(Tokenizer, RefusesToDecodeUnknownIds) {
  const Tokenizer tokenizer = LoadReduced();
  for (const int32_t id : {-1, tokenizer.vocab_size(), INT32_MAX}) {
    const auto text = tokenizer.Decode(std::vector<int32_t>{0, id});
    ASSERT_FALSE(text.ok());
    EXPECT_EQ(text.error().message, fmt::format("token id {} is not in the vocabulary", id));
  }
}

TEST(Tokenizer, SaysWhatIsWrongWithTheFile) {
  EXPECT_EQ(Tokenizer::Load("/nowhere/t.json").error().message.substr(0, 15), "/nowhere/t.json");
  EXPECT_EQ(Tokenizer::FromJson("{\"model\": ", "t.json").error().message,
            "t.json: not valid JSON (at byte 11)");
  EXPECT_EQ(Tokenizer::FromJson("[1e999]", "t.json").error().message, "t.json: not valid JSON");
  EXPECT_EQ(LoadError(json::array()), "test.json: expected an object, found array");
  EXPECT_EQ(LoadError(json::object()), "test.json: \"model\" is missing");

  const json good = ByteTokenizerJson();
  ASSERT_EQ(LoadError(good), "loaded");
  const auto error_after = [&](const char* pointer, const json& value) {
    json file = good;
    file[json::json_pointer(pointer)] = value;
    return LoadError(file);
  };
  EXPECT_EQ(error_after("/normalizer", {{"type", "NFC"}}),
            "test.json: normalizer: unknown component \"NFC\"");
  EXPECT_EQ(error_after("/normalizer", {{"type", "Sequence"}, {"normalizers", {1}}}),
            "test.json: normalizer.normalizers: expected none");
  EXPECT_EQ(error_after("/decoder", {{"type", "Metaspace"}}),
            "test.json: decoder: unknown component \"Metaspace\"");
  EXPECT_EQ(error_after("/pre_tokenizer", {{"type", "Whitespace"}}),
            "test.json: pre_tokenizer: unknown component \"Whitespace\"");
  EXPECT_EQ(error_after("/model", 1), "test.json: model: expected an object, found number");
  EXPECT_EQ(error_after("/model/type", "Unigram"), "test.json: model: \"Unigram\" is not BPE");
  EXPECT_EQ(error_after("/model/dropout", 0.5), "test.json: model.dropout is not supported");
  EXPECT_EQ(error_after("/model/end_of_word_suffix", "</w>"),
            "test.json: model.end_of_word_suffix is not supported");
}

TEST(Tokenizer, SaysWhatIsWrongWithTheVocabulary) {
  const json good = ByteTokenizerJson();
  const auto error_after = [&](const char* pointer, const json& value) {
    json file = good;
    file[json::json_pointer(pointer)] = value;
    return LoadError(file);
  };
  const std::string range = "expected an id from 0 to 16777215, found ";
  EXPECT_EQ(error_after("/model/vocab", json::array()),
            "test.json: model.vocab: expected an object, found array");
  EXPECT_EQ(error_after("/model/vocab/ab", -1), "test.json: model.vocab[\"ab\"]: " + range + "-1");
  EXPECT_EQ(error_after("/model/vocab/ab", 16777216),
            "test.json: model.vocab[\"ab\"]: " + range + "16777216");
  EXPECT_EQ(error_after("/model/vocab/ab", 1.5),
            "test.json: model.vocab[\"ab\"]: " + range + "1.5");
  EXPECT_EQ(error_after("/model/vocab/a\n", "x"),
            "test.json: model.vocab[\"a\\x0A\"]: " + range + "string");
  const int id_of_b = good["model"]["vocab"]["b"];
  EXPECT_EQ(error_after("/model/vocab/a", id_of_b),
            fmt::format("test.json: model.vocab[\"b\"]: id {} is taken by another token", id_of_b));
  json file = good;
  file["model"]["vocab"].erase("a");
  EXPECT_EQ(LoadError(file), "test.json: model.vocab: no token for byte 0x61");
  file["model"].erase("vocab");
  EXPECT_EQ(LoadError(file), "test.json: model: \"vocab\" is missing");

  const std::string expected = "expected \"LEFT RIGHT\" or [\"LEFT\", \"RIGHT\"]";
  EXPECT_EQ(error_after("/model/merges", 1),
            "test.json: model.merges: expected an array, found number");
  for (const json& merge : {json("ab"), json("a b c"), json({"a"}), json({"a", 1}), json(3)}) {
    EXPECT_EQ(error_after("/model/merges", json::array({merge})),
              "test.json: model.merges[0]: " + expected);
  }
  EXPECT_EQ(error_after("/model/merges", {"a b"}),
            "test.json: model.merges[0]: \"ab\" is not in model.vocab");
  EXPECT_EQ(error_after("/model/merges", {"a \u00AD"}),
            "test.json: model.merges[0]: \"\u00AD\" is not in model.vocab");
}

TEST(Tokenizer, SaysWhatIsWrongWithAddedTokens) {
  json file = ByteTokenizerJson();
  const auto error_with = [&](const json& token) {
    file["added_tokens"] = {MakeAddedToken(300, "<x>", true), token};
    return LoadError(file);
  };
  const std::string place = "test.json: added_tokens[1]";
  EXPECT_EQ(error_with(3), place + ": expected an object, found number");
  EXPECT_EQ(error_with({{"id", 301}}), place + ": \"content\" is missing");
  EXPECT_EQ(error_with({{"content", "<y>"}}), place + ": \"id\" is missing");
  EXPECT_EQ(error_with(MakeAddedToken(301, "", true)), place + ".content: empty");
  EXPECT_EQ(error_with(MakeAddedToken(-5, "<y>", true)),
            place + ".id: expected an id from 0 to 16777215, found -5");
  EXPECT_EQ(error_with(MakeAddedToken(300, "<y>", true)),
            place + ".id: 300 is taken by another token");
  EXPECT_EQ(error_with(MakeAddedToken(301, "<x>", true)),
            place + ".content: \"<x>\" is listed twice");
  EXPECT_EQ(error_with({{"id", 301}, {"content", "<y>"}, {"special", "yes"}}),
            place + ".special: expected a boolean, found string");
  const int id_of_a = file["model"]["vocab"]["a"];
  const std::string contradiction =
      "test.json: added_tokens: \"{}\" has id {}, which model.vocab "
      "contradicts";
  EXPECT_EQ(error_with(MakeAddedToken(id_of_a, "<y>", true)),
            fmt::format(fmt::runtime(contradiction), "<y>", id_of_a));
  EXPECT_EQ(error_with(MakeAddedToken(301, "a", false)),
            fmt::format(fmt::runtime(contradiction), "a", 301));
  EXPECT_EQ(error_with(MakeAddedToken(id_of_a, "a", true)),
            "test.json: model.vocab: no token for byte 0x61")
      << "a byte of text must not be a special token";
  file["added_tokens"] = 1;
  EXPECT_EQ(LoadError(file), "test.json: added_tokens: expected an array, found number");
}

}  // namespace
}  // namespace fathom::text
