#include "tensor/dtype.h"

#include <array>

#include "base/check.h"

namespace fathom::tensor {
namespace {

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  int64_t size;
};

constexpr std::array kDTypes = {
    DTypeInfo{DType::kF32, "F32", 4},        DTypeInfo{DType::kBF16, "BF16", 2},
    DTypeInfo{DType::kF16, "F16", 2},        DTypeInfo{DType::kF8E4M3, "F8_E4M3", 1},
    DTypeInfo{DType::kF8E8M0, "F8_E8M0", 1}, DTypeInfo{DType::kI8, "I8", 1},
    DTypeInfo{DType::kU8, "U8", 1},          DTypeInfo{DType::kI32, "I32", 4},
    DTypeInfo{DType::kI64, "I64", 8},
};

const DTypeInfo& InfoOf(DType dtype) {
  const auto& info = kDTypes[static_cast<size_t>(dtype)];
  FATHOM_DCHECK(info.dtype == dtype);
  return info;
}

}  // namespace

int64_t SizeOf(DType dtype) { return InfoOf(dtype).size; }

std::string_view NameOf(DType dtype) { return InfoOf(dtype).name; }

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const DTypeInfo& info : kDTypes)
    if (info.name == name) return info.dtype;
  return std::nullopt;
}

}  // namespace fathom::tensor
