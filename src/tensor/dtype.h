// The element types that a checkpoint holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fathom::tensor {

/// Element types, named as safetensors names them. I8 also carries packed pairs of E2M1.
enum class DType : uint8_t { kF32, kBF16, kF16, kF8E4M3, kF8E8M0, kI8, kU8, kI32, kI64 };

/// Bytes of one element.
int64_t SizeOf(DType dtype);

/// The safetensors spelling, e.g. "F8_E4M3".
std::string_view NameOf(DType dtype);

/// The type of a safetensors spelling; nothing for one that no DeepSeek-V4 checkpoint uses.
std::optional<DType> DTypeFromName(std::string_view name);

}  // namespace fathom::tensor
