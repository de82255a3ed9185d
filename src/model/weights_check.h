// What the contents of a tensor must be like before the forward pass may read them unchecked.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "tensor/tensor_view.h"

namespace fathom::model {

/// Errors name the first offending position and value, not the tensor.

/// No UE8M0 code is 255, which is NaN.
base::Status CheckScales(const tensor::TensorView& scales);

/// F32 scales are powers of two that UE8M0 has: 2^-127 to 2^127.
base::Status CheckFloatScales(const tensor::TensorView& scales);

/// The UE8M0 codes of scales that passed CheckFloatScales. `out` has one byte an element.
void ConvertScales(const tensor::TensorView& scales, uint8_t* out);

/// F32 or BF16 values are neither infinite nor NaN.
base::Status CheckFinite(const tensor::TensorView& values);

/// Each row of an I64 matrix names different experts, all of them in [0, experts).
base::Status CheckExpertIds(const tensor::TensorView& ids, int64_t experts);

}  // namespace fathom::model
