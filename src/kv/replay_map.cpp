#include "kv/replay_map.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/digest.h"

namespace fathom::kv {
namespace {

int64_t CountBytes(const ReplayMap::Answer& answer) {
  auto bytes = static_cast<int64_t>(answer.tokens.size() * sizeof(int32_t));
  for (const std::string& key : answer.keys) bytes += std::ssize(key);
  return bytes;
}

void PutCount(size_t count, std::string* out) {
  const auto value = static_cast<uint32_t>(count);
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::optional<uint32_t> TakeCount(std::string_view* bytes) {
  uint32_t value;
  if (bytes->size() < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes->data(), sizeof value);
  bytes->remove_prefix(sizeof value);
  return value;
}

std::optional<std::string_view> TakeBytes(uint64_t count, std::string_view* bytes) {
  if (bytes->size() < count) return std::nullopt;
  const std::string_view taken = bytes->substr(0, count);
  bytes->remove_prefix(count);
  return taken;
}

std::optional<ReplayMap::Answer> DecodePayload(std::string_view payload) {
  ReplayMap::Answer answer;
  const auto keys = TakeCount(&payload);
  if (!keys) return std::nullopt;
  for (uint32_t i = 0; i < *keys; ++i) {
    const auto length = TakeCount(&payload);
    const auto key = length ? TakeBytes(*length, &payload) : std::nullopt;
    if (!key) return std::nullopt;
    answer.keys.emplace_back(*key);
  }
  const auto tokens = TakeCount(&payload);
  if (!tokens || payload.size() != uint64_t{*tokens} * sizeof(int32_t)) return std::nullopt;
  answer.tokens.resize(*tokens);
  if (*tokens > 0) std::memcpy(answer.tokens.data(), payload.data(), payload.size());
  return answer;
}

}  // namespace

void ReplayMap::Remember(Answer answer) {
  auto& keys = answer.keys;
  std::erase(keys, std::string());
  std::ranges::sort(keys);
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (const std::string& key : keys) ForgetKey(key);
  const int64_t bytes = CountBytes(answer);
  if (keys.empty() || bytes > limit_bytes_) return;
  while (bytes_ + bytes > limit_bytes_) Forget(answers_.begin());
  bytes_ += bytes;
  const Place place = answers_.insert(answers_.end(), std::move(answer));
  for (const std::string& key : place->keys) by_key_[key] = place;
}

std::optional<std::vector<int32_t>> ReplayMap::Find(std::span<const std::string> keys) {
  std::optional<Place> found;
  for (const std::string& key : keys) {
    const auto known = by_key_.find(key);
    if (known == by_key_.end() || (found && *found != known->second)) return std::nullopt;
    found = known->second;
  }
  if (!found) return std::nullopt;
  answers_.splice(answers_.end(), answers_, *found);
  return (*found)->tokens;
}

// An answer is there for as long as one of its keys stands for it.
void ReplayMap::ForgetKey(const std::string& key) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return;
  Answer& answer = *known->second;
  if (answer.keys.size() == 1) return Forget(known->second);
  std::erase(answer.keys, key);
  bytes_ -= std::ssize(key);
  by_key_.erase(known);
}

void ReplayMap::Forget(Place answer) {
  bytes_ -= CountBytes(*answer);
  for (const std::string& key : answer->keys) by_key_.erase(key);
  answers_.erase(answer);
}

std::string EncodeAnswer(const ReplayMap::Answer& answer) {
  std::string payload;
  PutCount(answer.keys.size(), &payload);
  for (const std::string& key : answer.keys) {
    PutCount(key.size(), &payload);
    payload += key;
  }
  PutCount(answer.tokens.size(), &payload);
  payload.append(reinterpret_cast<const char*>(answer.tokens.data()),
                 answer.tokens.size() * sizeof(int32_t));
  std::string bytes;
  PutCount(payload.size(), &bytes);
  const base::Digest digest = base::ComputeDigest(std::as_bytes(std::span(payload)));
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return bytes + payload;
}

std::optional<ReplayMap::Answer> DecodeAnswer(std::string_view* bytes) {
  std::string_view rest = *bytes;
  const auto length = TakeCount(&rest);
  const auto digest = TakeBytes(sizeof(base::Digest), &rest);
  const auto payload = length && digest ? TakeBytes(*length, &rest) : std::nullopt;
  if (!payload) return std::nullopt;
  const base::Digest actual = base::ComputeDigest(std::as_bytes(std::span(*payload)));
  if (std::memcmp(actual.data(), digest->data(), actual.size()) != 0) return std::nullopt;
  auto answer = DecodePayload(*payload);
  if (answer) *bytes = rest;
  return answer;
}

}  // namespace fathom::kv
