// The tensors that are trained: one list, made from the checkpoint's own.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/config.h"
#include "model/tensor_names.h"
#include "model/weights.h"
#include "train/torch.h"

namespace fathom::train {

/// An adapter: the matrix counts as value + up x down. Undefined: none.
struct LowRank {
  at::Tensor down;  ///< [.., rank, cols]
  at::Tensor up;    ///< [.., rows, rank]
};

/// A leaf of the gradient's graph. A matrix of every routed expert of a layer is one parameter
/// [experts, rows, cols], so that experts of a shape are computed and optimised side by side.
struct Parameter {
  std::string name;  ///< of its tensor in the checkpoint; of a stack, of the first expert's
  at::Tensor value;  ///< float32
  model::TensorKind kind = model::TensorKind::kMatrix;
  model::WeightFormat format = model::WeightFormat::kF32;  ///< of a matrix
  LowRank adapter{};                                       ///< of a matrix
};

/// A tensor of the checkpoint (scales apart, which follow from their matrix) and where its values
/// are: a parameter, a slice of one, or an int64 table of experts.
struct StoredSlot {
  model::TensorSlot slot;
  at::Tensor value;
};

/// All parameters of a model. They are asked for by their place in model::ModelWeights, of which
/// this holds a skeleton without data: names stay in model/tensor_names.
class ParameterTable {
 public:
  /// Zeros everywhere.
  explicit ParameterTable(const model::ModelConfig& config);
  ParameterTable(const ParameterTable&) = delete;
  ParameterTable& operator=(const ParameterTable&) = delete;

  const model::ModelConfig& config() const { return config_; }
  const model::ModelWeights& skeleton() const { return skeleton_; }

  /// The parameter of a member of skeleton().
  const Parameter& Of(const model::WeightMatrix& matrix) const { return Find(&matrix.data); }
  const Parameter& Of(const float* const& vector) const { return Find(&vector); }
  const Parameter& Of(const std::byte* const& vector) const { return Find(&vector); }
  /// The experts of each token id [vocab, experts per token], int64: no parameter.
  const at::Tensor& ExpertIds(const std::byte* const& table) const;

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<StoredSlot>& slots() const { return slots_; }

  /// Models that are made from now on compute with the adapter. `parameter`: index in parameters().
  void Attach(size_t parameter, LowRank adapter) {
    parameters_[parameter].adapter = std::move(adapter);
  }

 private:
  void AddOwn(size_t slot);
  void AddExperts(const model::MoeWeights& moe);
  void AddStack(const model::MoeWeights& moe, model::WeightMatrix model::ExpertWeights::*matrix);
  const Parameter& Find(const void* member) const;

  model::ModelConfig config_;
  model::ModelWeights skeleton_;
  std::vector<StoredSlot> slots_;
  std::vector<Parameter> parameters_;
  std::unordered_map<const void*, size_t> slot_of_;       // by member of skeleton_
  std::unordered_map<const void*, size_t> parameter_of_;  // the same; of a stack, its first expert
};

/// Draws every parameter as an untrained network has it, and the tables of experts: the same seed
/// gives the same values.
void InitializeParameters(const ParameterTable& table, uint64_t seed);

}  // namespace fathom::train
