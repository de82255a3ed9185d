// Integers in files: little-endian, at any address.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"

namespace fathom::kv {

static_assert(std::endian::native == std::endian::little, "files hold memory as it is");

template <std::integral T>
void PutInteger(T value, std::vector<std::byte>* out) {
  out->resize(out->size() + sizeof value);
  std::memcpy(out->data() + out->size() - sizeof value, &value, sizeof value);
}

/// Takes an integer from the front of `bytes`. REQUIRES: there are enough of them.
template <std::integral T>
T TakeInteger(std::span<const std::byte>* bytes) {
  FATHOM_CHECK(bytes->size() >= sizeof(T));
  T value;
  std::memcpy(&value, bytes->data(), sizeof value);
  *bytes = bytes->subspan(sizeof value);
  return value;
}

}  // namespace fathom::kv
