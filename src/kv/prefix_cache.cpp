#include "kv/prefix_cache.h"

#include <utility>

#include "base/check.h"

namespace fathom::kv {
namespace {

// Bytes that go when a position goes, if the rows up to `shared` tokens stay with others.
double CountOwnBytes(const Position& position, int64_t shared) {
  int64_t rows = 0;
  for (const LayerRows& layer : position.layers)
    rows += layer.rows.size() * layer.rows.record_bytes() +
            layer.index_tiles.size() * layer.index_tiles.record_bytes();
  const auto length = static_cast<double>(position.length());
  return static_cast<double>(position.snapshot->bytes()) +
         static_cast<double>(rows) * (length - static_cast<double>(shared)) / length;
}

}  // namespace

PrefixCache::Item PrefixCache::Find(std::span<const int32_t> tokens) {
  const Node* node = tree_.FindLongest(tokens);
  return node == nullptr ? nullptr : node->value->position;
}

PrefixCache::Item PrefixCache::Use(std::span<const int32_t> tokens) {
  Node* node = tree_.FindLongest(tokens);
  if (node == nullptr) return nullptr;
  CountUse(*node->value);
  return node->value->position;
}

PrefixCache::Item PrefixCache::FindExact(std::span<const int32_t> tokens) {
  const Node* node = tree_.Find(tokens);
  return node == nullptr ? nullptr : node->value->position;
}

void PrefixCache::Add(std::span<const int32_t> tokens, Position position) {
  FATHOM_CHECK(!tokens.empty() && position.length() == std::ssize(tokens));
  Node& node = tree_.Insert(tokens);
  if (!node.value) {
    node.value = Entry{.position = std::make_shared<const Position>(std::move(position))};
    ++size_;
  }
  CountUse(*node.value);
}

void PrefixCache::CountUse(Entry& entry) const {
  ++entry.uses;
  entry.floor = floor_;
}

// A longer position on the same path holds the rows of this one anyway: then only the snapshot is
// this one's own.
double PrefixCache::WorthOf(const Node& node) {
  const Entry& entry = *node.value;
  const Node* ancestor = node.FindAncestor();
  const int64_t saved = node.length() - (ancestor == nullptr ? 0 : ancestor->length());
  const int64_t shared = node.is_leaf() ? node.parent()->length() : node.length();
  return entry.floor + static_cast<double>(entry.uses) * static_cast<double>(saved) /
                           CountOwnBytes(*entry.position, shared);
}

PrefixCache::Item PrefixCache::EvictLeast() {
  Node* least = nullptr;
  double least_worth = 0;
  tree_.ForEach([&](Node& node) {
    if (node.value->position.use_count() > 1) return;
    const double worth = WorthOf(node);
    if (least != nullptr && worth >= least_worth) return;
    least = &node;
    least_worth = worth;
  });
  if (least == nullptr) return nullptr;
  Item evicted = std::move(least->value->position);
  floor_ = least_worth;
  tree_.Erase(*least);
  --size_;
  return evicted;
}

}  // namespace fathom::kv
