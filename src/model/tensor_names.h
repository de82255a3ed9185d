// The tensors of a checkpoint: their names, types and shapes, in one list. Loading, checking,
// writing and counting all walk it, and nothing else knows a name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/function_ref.h"
#include "model/config.h"
#include "model/weights.h"
#include "tensor/tensor_view.h"

namespace fathom::model {

using tensor::WeightFormat;

enum class TensorKind : uint8_t {
  kMatrix,     ///< elements of a WeightMatrix
  kScales,     ///< its UE8M0 block scales. Some checkpoints store them as F32 powers of two
  kFloats,     ///< an F32 vector
  kNorm,       ///< a BF16 vector
  kExpertIds,  ///< I64: the experts of each token id
};

/// What the values of an untrained network look like: nearly normal, with this mean and standard
/// deviation. Of scales: what the matrix they belong to looks like.
struct InitialValues {
  float mean = 0;
  float deviation = 0;
};

/// A tensor of the checkpoint and the member of ModelWeights that views it.
struct TensorSlot {
  std::string name;
  TensorKind kind = TensorKind::kMatrix;
  tensor::DType dtype = tensor::DType::kF32;
  tensor::Shape shape;  ///< as stored: a kE2m1 matrix has half as many columns, of type I8
  WeightFormat format = WeightFormat::kF32;  ///< of the matrix; kMatrix and kScales only
  InitialValues initial;

  using Target = std::variant<const std::byte**, const uint8_t**, const float**>;
  Target target;
  int64_t experts = 0;     ///< kExpertIds only: ids are in [0, experts)
  bool is_routed = false;  ///< of a routed expert

  /// Points the member at `data`. REQUIRES: aligned for floats if kFloats.
  void Bind(const std::byte* data) const;
};

using TensorVisitor = base::FunctionRef<void(const TensorSlot&)>;

/// Visits every tensor that a model of this configuration has, each once; a quantised matrix is
/// followed by its scales, and an expert is w1, w2 and w3, one expert after the other in the order
/// of the layers, the MTP blocks last. Before the visits `weights` has its layers, experts and MTP
/// blocks, and at a matrix's visit the matrix has its format and extents. Targets stay valid while
/// the vectors in `weights` keep their sizes.
void ForEachTensor(const ModelConfig& config, ModelWeights& weights, TensorVisitor visit);

/// The same for those who need names and shapes alone; targets are valid during the visit.
void ForEachTensor(const ModelConfig& config, TensorVisitor visit);

/// True for an MTP block's own copy of the embedding or the output matrix, which the block shares
/// with the model and nobody reads.
bool IsSharedCopy(std::string_view name);

}  // namespace fathom::model
