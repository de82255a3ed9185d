#include "engine/kv_memory.h"

#include <utility>

namespace fathom::engine {

void KvMemory::SetPromised(int64_t bytes) {
  promised_bytes_ = bytes;
  MakeRoom(0);
}

bool KvMemory::MakeRoom(int64_t bytes) {
  if (limit_bytes_ == 0) return true;
  while (meter_->bytes() + promised_bytes_ + bytes > limit_bytes_) {
    if (!prefixes_.EvictLeast()) return false;
    ++statistics_.evictions;
  }
  return true;
}

kv::PrefixCache::Item KvMemory::FindPrefix(std::span<const int32_t> prompt) {
  return prefixes_.Find(prompt.first(prompt.size() - 1));
}

std::shared_ptr<Sequence> KvMemory::BeginSequence(std::span<const int32_t> prompt) {
  auto sequence = std::make_shared<Sequence>(NewCache());
  if (!keeps_prefixes()) return sequence;
  statistics_.query_tokens += std::ssize(prompt);
  const kv::PrefixCache::Item prefix = prefixes_.Use(prompt.first(prompt.size() - 1));
  if (prefix == nullptr) return sequence;
  statistics_.hit_tokens += prefix->length();
  sequence->cache.GoTo(*prefix);
  sequence->tokens.assign(prompt.begin(), prompt.begin() + prefix->length());
  return sequence;
}

void KvMemory::KeepPrefix(const Sequence& sequence, int64_t back) {
  if (!keeps_prefixes() || sequence.length() <= back) return;
  const auto tokens =
      std::span(sequence.tokens).first(static_cast<size_t>(sequence.length() - back));
  if (prefixes_.FindExact(tokens) != nullptr) return;
  // The copy of a page that the sequence will make because this position shares it is promised.
  const auto length = std::ssize(tokens);
  if (!MakeRoom(sequence.cache.SnapshotBytes(length, sequence.cache.mtp_length()))) return;
  prefixes_.Add(tokens, sequence.cache.TakePosition(back));
}

}  // namespace fathom::engine
