#include "kv/session_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "kv/sample_testing.h"
#include "kv/session_testing.h"

namespace fathom::kv {
namespace {

using testing::HasSubstr;
using File = std::vector<std::byte>;

File Write(const SessionView& view) {
  File file;
  const base::Status status = WriteSession(view, [&](std::span<const std::byte> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return base::Status();
  });
  EXPECT_TRUE(status.ok());
  return file;
}

base::Result<Session> Read(const File& file) {
  return ReadSession(file, "FILE", kModel, {.cache = EmptyCache()});
}

// The reason why a file is refused, or "accepted".
std::string Refusal(const File& file) {
  const auto session = Read(file);
  if (session.ok()) return "accepted";
  // Not by matchers, which take longer than the reading.
  EXPECT_TRUE(session.error().message.starts_with("FILE: ")) << session.error().message;
  EXPECT_FALSE(session.error().message.find('\n') != std::string::npos) << session.error().message;
  return session.error().message;
}

TEST(SessionFile, GivesBackWhatWasWritten) {
  for (const int64_t length : {0, 1, 3, 4, 15, 16, 17, 64, 77, 128, 5000}) {
    const Sample sample(length);
    const File file = Write(sample.view());
    const auto session = Read(file);
    ASSERT_TRUE(session.ok()) << session.error().message;
    EXPECT_EQ(session->tokens, sample.tokens);
    EXPECT_EQ(session->note, sample.note);
    EXPECT_EQ(session->cache.length(), sample.cache.length());
    EXPECT_EQ(session->cache.mtp_length(), sample.cache.mtp_length());
    EXPECT_EQ(session->cache.bytes().total(), sample.cache.bytes().total());
    EXPECT_EQ(session->cache.TakeSnapshot().state, sample.cache.TakeSnapshot().state);
    ASSERT_EQ(session->snapshots.size(), sample.snapshots.size());
    for (size_t i = 0; i < sample.snapshots.size(); ++i) {
      EXPECT_EQ(session->snapshots[i]->length, sample.snapshots[i]->length);
      EXPECT_EQ(session->snapshots[i]->state, sample.snapshots[i]->state);
    }
    // Rows and keys: the same bytes when written again.
    EXPECT_TRUE(Write({.cache = session->cache,
                       .tokens = session->tokens,
                       .note = session->note,
                       .snapshots = session->snapshots,
                       .fingerprint = kFingerprint}) == file)
        << length;
  }
}

// A sequence, in a file that ends at its first snapshot and one that goes on from there.
struct Chain {
  explicit Chain(int64_t length) : whole(length), half(whole.cache.Fork()) {
    half.Restore(*whole.snapshots[0]);
    const auto tokens = std::span(whole.tokens).first(static_cast<size_t>(half.length()));
    first = Write({.cache = half,
                   .tokens = tokens,
                   .note = {},
                   .snapshots = std::span(whole.snapshots).first(1),
                   .fingerprint = kFingerprint});
    second = Write(SecondView());
  }
  SessionView SecondView() const {
    return {.cache = whole.cache,
            .tokens = whole.tokens,
            .note = whole.note,
            .snapshots = std::span(whole.snapshots).subspan(1),
            .fingerprint = kFingerprint,
            .parent = SessionParent{
                .id = {std::byte{9}}, .length = half.length(), .mtp_length = half.mtp_length()}};
  }

  Sample whole;
  SequenceCache half;
  File first;
  File second;
};

TEST(SessionFile, AFileGoesOnFromAnother) {
  for (const int64_t length : {2, 9, 17, 64, 77, 128, 129, 5000}) {
    const Chain chain(length);
    EXPECT_LT(chain.second.size(), Write(chain.whole.view()).size());
    const auto head = ReadSessionHead(chain.second, "FILE", kModel, EmptyCache());
    ASSERT_TRUE(head.ok()) << head.error().message;
    EXPECT_EQ(head->parent, chain.SecondView().parent);
    EXPECT_EQ(std::ssize(head->tokens), length - chain.half.length());

    for (const SessionPart part : {SessionPart::kAll, SessionPart::kRows}) {
      auto first = ReadSession(chain.first, "FILE", kModel, {.cache = EmptyCache()}, part);
      ASSERT_TRUE(first.ok()) << first.error().message;
      const auto second = ReadSession(chain.second, "FILE", kModel, std::move(*first));
      ASSERT_TRUE(second.ok()) << second.error().message;
      EXPECT_TRUE(Write({.cache = second->cache,
                         .tokens = second->tokens,
                         .note = second->note,
                         .snapshots = second->snapshots,
                         .fingerprint = kFingerprint}) ==
                  Write({.cache = chain.whole.cache,
                         .tokens = chain.whole.tokens,
                         .note = chain.whole.note,
                         .snapshots = std::span(chain.whole.snapshots).subspan(1),
                         .fingerprint = kFingerprint}))
          << length;
    }
  }
}

TEST(SessionFile, AFileThatGoesOnNeedsItsParent) {
  const Chain chain(77);
  EXPECT_EQ(Refusal(chain.second), "FILE: goes on from 38 tokens of another file");
  const auto other = Read(Chain(79).first);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(std::ssize(other->tokens), 39);
  // A parent of the right length whose rows are not there.
  const auto hollow = ReadSession(chain.second, "FILE", kModel,
                                  {.cache = EmptyCache(), .tokens = std::vector<int32_t>(38)});
  EXPECT_THAT(hollow.error().message, HasSubstr("its parent lacks records of layer 1"));
  File lie = chain.second;
  StoreAt<uint64_t>(&lie, FindSections(lie)[1] + 16, 77);
  RepairChecksums(&lie);
  EXPECT_THAT(Refusal(lie), HasSubstr("does not go on from its parent"));
  StoreAt<uint64_t>(&lie, FindSections(lie)[1] + 16, 0);
  RepairChecksums(&lie);
  EXPECT_THAT(Refusal(lie), HasSubstr("does not go on from its parent"));
}

TEST(SessionFile, EveryFlippedByteIsRefused) {
  File file = Write(Sample(21).view());
  ASSERT_LT(file.size(), 1U << 16);
  for (size_t i = 0; i < file.size(); ++i) {
    const std::byte mask{static_cast<uint8_t>(1u << i % 8)};
    file[i] ^= mask;
    ASSERT_NE(Refusal(file), "accepted") << "byte " << i;
    file[i] ^= mask;
  }
  EXPECT_EQ(Refusal(file), "accepted");
}

TEST(SessionFile, EveryCutAndEveryExcessIsRefused) {
  const File file = Write(Sample(21).view());
  for (size_t size = 0; size < file.size(); ++size)
    ASSERT_NE(Refusal({file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)}), "accepted")
        << size;
  File longer = file;
  longer.push_back(std::byte{0});
  EXPECT_THAT(Refusal(longer), HasSubstr("when it was written"));
  EXPECT_EQ(Refusal({}), "FILE: not a session file");
}

TEST(SessionFile, SaysWhatDoesNotFit) {
  const Sample sample(21);
  const File file = Write(sample.view());
  SessionModel other = kModel;
  other.fingerprint[7] = std::byte{9};
  EXPECT_EQ(ReadSession(file, "FILE", other, {.cache = EmptyCache()}).error().message,
            "FILE: belongs to another checkpoint");
  EXPECT_THAT(ReadSession(file, "FILE", kModel, {.cache = EmptyCache(4)}).error().message,
              HasSubstr("its layers are not those of the model"));
  EXPECT_THAT(ReadSession(file, "FILE", {kFingerprint, 3}, {.cache = EmptyCache()}).error().message,
              HasSubstr("is not in the vocabulary"));
  File newer = file;
  StoreAt<uint32_t>(&newer, 8, 2);
  EXPECT_EQ(Refusal(newer), "FILE: a session file of version 2; this program reads version 1");
}

// Changes to a file whose checksums are right afterwards.
struct Lie {
  const char* reason;
  std::function<void(File*, const std::vector<size_t>& sections)> tell;
};

// Sections of Sample(21): layout, tokens, note, rows and tiles of layer 1, rows of layer 2, two
// snapshots. The layout: 16 bytes of fingerprint, lengths, the number of snapshots, the layers.
TEST(SessionFile, LiesUnderRightChecksumsAreRefused) {
  constexpr uint64_t kHuge = uint64_t{1} << 62;
  const auto entry = [](size_t section) {
    return kTestHeaderBytes + section * kTestEntryBytes + 8;
  };
  const std::vector<Lie> lies = {
      {"its table does not fit", [](File* f, const auto&) { StoreAt<uint32_t>(f, 12, ~0u); }},
      {"sections do not fit", [&](File* f, const auto&) { StoreAt(f, entry(1), kHuge); }},
      {"sections do not fit", [&](File* f, const auto&) { StoreAt(f, entry(7), ~uint64_t{0}); }},
      {"belong to no section", [](File* f, const auto&) { f->push_back(std::byte{0}); }},
      {"section 3 is not 4.1",
       [&](File* f, const auto&) { StoreAt<uint32_t>(f, entry(3) - 4, 2); }},
      {"no layout",
       [&](File* f, const auto& s) {
         f->erase(f->begin() + static_cast<std::ptrdiff_t>(s[0]),
                  f->begin() + static_cast<std::ptrdiff_t>(s[1]));
         StoreAt<uint64_t>(f, entry(0), 0);
       }},
      {"token ids for a length", [](File* f, const auto& s) { StoreAt(f, s[0] + 16, kHuge); }},
      {"token ids for a length",
       [](File* f, const auto& s) { StoreAt<uint64_t>(f, s[0] + 16, 20); }},
      {"MTP layers are ahead", [](File* f, const auto& s) { StoreAt(f, s[0] + 24, kHuge); }},
      {"4294967295 positions", [](File* f, const auto& s) { StoreAt(f, s[0] + 32, ~0u); }},
      {"0 positions", [](File* f, const auto& s) { StoreAt<uint32_t>(f, s[0] + 32, 0); }},
      {"belong to nothing",
       [](File* f, const auto& s) {
         StoreAt<uint32_t>(f, 12, static_cast<uint32_t>(s.size()));
         f->insert(f->begin() + static_cast<std::ptrdiff_t>(s[0] - sizeof(base::Digest)),
                   kTestEntryBytes, std::byte{0});
       }},
      {"not those of the model",
       [](File* f, const auto& s) { StoreAt<uint32_t>(f, s[0] + 44 + 12, 64); }},
      {"token 2 is -1", [](File* f, const auto& s) { StoreAt<int32_t>(f, s[1] + 8, -1); }},
      {"token 0 is 100", [](File* f, const auto& s) { StoreAt<int32_t>(f, s[1], kVocab); }},
      {"out of order", [](File* f, const auto& s) { StoreAt(f, s[6], kHuge); }},
      {"out of order", [](File* f, const auto& s) { StoreAt<uint64_t>(f, s[6] + 8, 11); }},
      {"out of order", [](File* f, const auto& s) { StoreAt<uint64_t>(f, s[7], 20); }},
      {"bytes of state", [](File* f, const auto& s) { StoreAt<uint64_t>(f, s[6], 9); }},
      {"NaN or infinite",
       [](File* f, const auto& s) {
         // The MTP layer's window comes last, two rows of it; before it, a score of the HCA layer.
         StoreAt(f, s[8] - 2 * 200 - 4, std::numeric_limits<float>::quiet_NaN());
       }},
      {"NaN or infinite",
       [](File* f, const auto& s) {
         StoreAt(f, s[7] - 2 * 200 - 4, -std::numeric_limits<float>::infinity());
       }},
      {"not there yet", [](File* f, const auto& s) { (*f)[s[5] - 1] = std::byte{1}; }},
  };
  const File file = Write(Sample(21).view());
  const std::vector<size_t> sections = FindSections(file);
  ASSERT_EQ(sections.size(), 9U);
  for (const Lie& lie : lies) {
    File changed = file;
    lie.tell(&changed, sections);
    RepairChecksums(&changed);
    EXPECT_THAT(Refusal(changed), HasSubstr(lie.reason));
  }
}

TEST(SessionFile, AFailingSinkEndsTheWriting) {
  const Sample sample(21);
  int pieces = 0;
  for (int good = 0;; ++good) {
    int calls = 0;
    const base::Status status =
        WriteSession(sample.view(), [&](std::span<const std::byte>) -> base::Status {
          if (calls++ < good) return {};
          return base::MakeError("enough");
        });
    pieces = calls;
    if (status.ok()) break;
    EXPECT_EQ(status.error().message, "enough");
    EXPECT_EQ(calls, good + 1);
  }
  EXPECT_GT(pieces, 8);
}

}  // namespace
}  // namespace fathom::kv
