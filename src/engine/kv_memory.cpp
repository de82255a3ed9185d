#include "engine/kv_memory.h"

#include <utility>
#include <vector>

namespace fathom::engine {
namespace {

using Kind = CacheDecision::Kind;

Kind KindOf(kv::FileEvent::Kind kind) {
  switch (kind) {
    case kv::FileEvent::Kind::kWritten:
      return Kind::kWritten;
    case kv::FileEvent::Kind::kRemoved:
      return Kind::kRemoved;
    case kv::FileEvent::Kind::kFailed:
      break;
  }
  return Kind::kFailed;
}

}  // namespace

void KvMemory::UseFiles(std::unique_ptr<kv::PrefixFiles> files) {
  files_ = std::move(files);
  files_->Observe([this](const kv::FileEvent& event) {
    observer_.OnEvent(CacheDecision{.kind = KindOf(event.kind),
                                    .tokens = event.tokens,
                                    .bytes = event.bytes,
                                    .look = event.look});
  });
}

void KvMemory::SetPromised(int64_t bytes) {
  if (files_) files_->TakeDone(false);
  promised_bytes_ = bytes;
  MakeRoom(0);
}

bool KvMemory::MakeRoom(int64_t bytes, Pending pending) {
  while (!Fits(bytes)) {
    if (const kv::PrefixCache::Item evicted = prefixes_.EvictLeast()) {
      ++statistics_.evictions;
      observer_.OnEvent(CacheDecision{
          .kind = Kind::kEvicted, .position = evicted->number, .tokens = evicted->length()});
    } else if (pending == Pending::kAwait && files_ && files_->pending() > 0) {
      files_->TakeDone(true);
    } else {
      return false;
    }
  }
  return true;
}

kv::PrefixCache::Item KvMemory::FindPrefix(std::span<const int32_t> prompt) {
  return prefixes_.Find(prompt.first(prompt.size() - 1));
}

std::shared_ptr<Sequence> KvMemory::BeginSequence(int64_t request,
                                                  std::span<const int32_t> prompt) {
  if (!keeps_prefixes()) return std::make_shared<Sequence>(NewCache());
  statistics_.query_tokens += std::ssize(prompt);
  const kv::PrefixCache::Item prefix = prefixes_.Use(prompt.first(prompt.size() - 1));
  const int64_t held = prefix == nullptr ? 0 : prefix->length();
  observer_.OnEvent(CacheDecision{.kind = Kind::kFound,
                                  .request = request,
                                  .position = prefix == nullptr ? 0 : prefix->number,
                                  .tokens = held});
  if (auto read = ReadPrefix(prompt, held)) {
    statistics_.hit_tokens += read->length();
    ++statistics_.file_hits;
    statistics_.file_hit_tokens += read->length() - held;
    observer_.OnEvent(
        CacheDecision{.kind = Kind::kRead, .request = request, .tokens = read->length()});
    KeepPrefix(request, *read, 0);
    return std::make_shared<Sequence>(std::move(*read));
  }
  auto sequence = std::make_shared<Sequence>(NewCache());
  if (prefix == nullptr) return sequence;
  statistics_.hit_tokens += held;
  sequence->cache.GoTo(*prefix);
  sequence->tokens.assign(prompt.begin(), prompt.begin() + held);
  return sequence;
}

// The rows take what the request was promised; the position that is read with them comes on top.
std::optional<Sequence> KvMemory::ReadPrefix(std::span<const int32_t> prompt, int64_t held) {
  if (!files_) return std::nullopt;
  const auto tokens = prompt.first(prompt.size() - 1);
  const int64_t length = files_->FindLength(tokens);
  if (length <= held || !MakeRoom(empty_.SnapshotBytes(length, length))) return std::nullopt;
  auto cache = files_->Read(tokens, [&](int64_t count) {
    return prefixes_.FindExact(tokens.first(static_cast<size_t>(count)));
  });
  if (!cache || cache->length() <= held) return std::nullopt;
  Sequence sequence(std::move(*cache));
  sequence.tokens.assign(tokens.begin(), tokens.begin() + sequence.cache.length());
  return sequence;
}

void KvMemory::KeepPrefix(int64_t request, const Sequence& sequence, int64_t back) {
  if (!keeps_prefixes() || sequence.length() <= back) return;
  const auto tokens =
      std::span(sequence.tokens).first(static_cast<size_t>(sequence.length() - back));
  if (prefixes_.FindExact(tokens) != nullptr) return;
  // The copy of a page that the sequence will make because this position shares it is promised.
  if (!MakeRoom(sequence.cache.SnapshotBytes(std::ssize(tokens), sequence.cache.mtp_length())))
    return;
  kv::Position position = sequence.cache.TakePosition(back);
  position.number = next_position_++;
  observer_.OnEvent(CacheDecision{.kind = Kind::kKept,
                                  .request = request,
                                  .position = position.number,
                                  .tokens = position.length()});
  WriteFile(tokens, position, false);
  prefixes_.Add(tokens, std::move(position));
}

void KvMemory::WriteFile(std::span<const int32_t> tokens, const kv::Position& position,
                         bool exactly) {
  if (!files_ || !files_->Wants(tokens, exactly)) return;
  if (!MakeRoom(empty_.FixedBytes() + empty_.SpareBytes())) return;
  kv::SequenceCache cache = NewCache();
  cache.GoTo(position);
  if (!files_->Write(tokens, std::move(cache), position.snapshot)) return;
  observer_.OnEvent(CacheDecision{
      .kind = Kind::kQueued, .position = position.number, .tokens = position.length()});
}

void KvMemory::Park() {
  if (!files_) return;
  std::vector<std::pair<std::vector<int32_t>, kv::PrefixCache::Item>> ends;
  prefixes_.ForEachLongest([&](std::vector<int32_t> tokens, const kv::PrefixCache::Item& item) {
    ends.emplace_back(std::move(tokens), item);
  });
  const auto await_all = [this] {
    while (files_->pending() > 0) files_->TakeDone(true);
  };
  await_all();  // what is being written takes memory, and has to leave before more can follow
  for (const auto& [tokens, item] : ends) {
    WriteFile(tokens, *item, true);
    await_all();
  }
}

}  // namespace fathom::engine
