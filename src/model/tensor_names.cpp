#include "model/tensor_names.h"

#include <cmath>
#include <utility>

namespace fathom::model {
namespace {

using tensor::DType;
using tensor::Shape;

// Deviations that keep a random network's activations at about 1. The last matrix of each branch is
// smaller, so that branches refine the streams instead of replacing them.
constexpr float kBranchGain = 0.1f;
constexpr float kExpertGain = 1.5f;
constexpr float kGateGain = 2;
constexpr float kOutputGain = 3;
constexpr InitialValues kNormValues = {1, 0.1f};
constexpr InitialValues kKeyNormValues = {2, 0.2f};

DType StoredType(WeightFormat format) {
  switch (format) {
    case WeightFormat::kF32:
      return DType::kF32;
    case WeightFormat::kBf16:
      return DType::kBF16;
    case WeightFormat::kE4m3:
      return DType::kF8E4M3;
    case WeightFormat::kE2m1:
      return DType::kI8;
  }
  return DType::kF32;
}

class TensorList {
 public:
  TensorList(const ModelConfig& config, TensorVisitor visit, bool is_routed = false)
      : config_(config), visit_(visit), is_routed_(is_routed) {}

  void Model(ModelWeights& w) const {
    const int64_t d = config_.hidden_size;
    const int64_t vocab = config_.vocab_size;
    Matrix("embed.weight", WeightFormat::kBf16, vocab, d, {0, 1}, w.embed);
    for (size_t i = 0; i < w.layers.size(); ++i)
      Layer(fmt::format("layers.{}.", i), config_.layers[i], w.layers[i]);
    Head("", w.head);
    Bf16("head.weight", vocab, d, kOutputGain, w.output);
    for (size_t i = 0; i < w.mtp.size(); ++i)
      Mtp(fmt::format("mtp.{}.", i), config_.layers[w.layers.size() + i], w.mtp[i]);
  }

 private:
  void Layer(const std::string& p, const LayerPlan& plan, LayerWeights& w) const {
    HyperConnection(p + "hc_attn_", config_.hc_mix_rows(), 3, w.hc_attn);
    Norm(p + "attn_norm.weight", config_.hidden_size, kNormValues, w.attn_norm);
    Attention(p + "attn.", plan, w.attn);
    HyperConnection(p + "hc_ffn_", config_.hc_mix_rows(), 3, w.hc_ffn);
    Norm(p + "ffn_norm.weight", config_.hidden_size, kNormValues, w.ffn_norm);
    Moe(p + "ffn.", plan, w.ffn);
  }

  void Attention(const std::string& p, const LayerPlan& plan, AttentionWeights& w) const {
    const int64_t d = config_.hidden_size;
    const int64_t q_width = config_.num_attention_heads * config_.head_dim;
    const int64_t o_width = config_.o_groups * config_.o_lora_rank;
    Fp8(p + "wq_a", config_.q_lora_rank, d, 1, w.wq_a);
    Norm(p + "q_norm.weight", config_.q_lora_rank, kNormValues, w.q_norm);
    Fp8(p + "wq_b", q_width, config_.q_lora_rank, 1, w.wq_b);
    Fp8(p + "wkv", config_.head_dim, d, 1, w.wkv);
    Norm(p + "kv_norm.weight", config_.head_dim, kKeyNormValues, w.kv_norm);
    Floats(p + "attn_sink", {config_.num_attention_heads}, {0, 1}, w.sinks);
    Fp8(p + "wo_a", o_width, q_width / config_.o_groups, 1, w.wo_a);
    Fp8(p + "wo_b", d, o_width, kBranchGain, w.wo_b);
    if (plan.attention == AttentionKind::kWindow) return;
    Compressor(p + "compressor.", plan, config_.head_dim, w.compressor);
    if (plan.attention != AttentionKind::kCsa) return;
    Fp8(p + "indexer.wq_b", config_.index_n_heads * config_.index_head_dim, config_.q_lora_rank, 1,
        w.indexer.wq_b);
    Bf16(p + "indexer.weights_proj.weight", config_.index_n_heads, d, 1, w.indexer.weights_proj);
    Compressor(p + "indexer.compressor.", plan, config_.index_head_dim, w.indexer.compressor);
  }

  void Compressor(const std::string& p, const LayerPlan& plan, int64_t dim,
                  CompressorWeights& w) const {
    const int64_t width = config_.compressor_width(plan, dim);
    Floats(p + "ape", {plan.compress_ratio, width}, {0, 0.5f}, w.ape);
    Bf16(p + "wkv.weight", width, config_.hidden_size, 1, w.wkv);
    Bf16(p + "wgate.weight", width, config_.hidden_size, 1, w.wgate);
    Norm(p + "norm.weight", dim, kKeyNormValues, w.norm);
  }

  void Moe(const std::string& p, const LayerPlan& plan, MoeWeights& w) const {
    const int64_t experts = config_.n_routed_experts;
    Bf16(p + "gate.weight", experts, config_.hidden_size, kGateGain, w.gate);
    if (plan.router == RouterKind::kHash)
      Visit({p + "gate.tid2eid",
             TensorKind::kExpertIds,
             DType::kI64,
             {config_.vocab_size, config_.num_experts_per_tok},
             {},
             {},
             &w.tid2eid,
             experts});
    else
      Floats(p + "gate.bias", {experts}, {0, 0.2f}, w.bias);
    const WeightFormat format =
        config_.expert_format == ExpertFormat::kFp4 ? WeightFormat::kE2m1 : WeightFormat::kE4m3;
    for (size_t e = 0; e < w.experts.size(); ++e)
      TensorList(config_, visit_, true)
          .Expert(fmt::format("{}experts.{}.", p, e), format, config_.moe_intermediate_size,
                  w.experts[e]);
    Expert(p + "shared_experts.", WeightFormat::kE4m3,
           config_.n_shared_experts * config_.moe_intermediate_size, w.shared);
  }

  void Expert(const std::string& p, WeightFormat format, int64_t inner, ExpertWeights& w) const {
    const int64_t d = config_.hidden_size;
    Quantized(p + "w1", format, inner, d, kExpertGain, w.w1);
    Quantized(p + "w2", format, d, inner, kBranchGain, w.w2);
    Quantized(p + "w3", format, inner, d, kExpertGain, w.w3);
  }

  void Head(const std::string& p, HeadWeights& w) const {
    HyperConnection(p + "hc_head_", config_.hc_mult, 1, w.hc);
    Norm(p + "norm.weight", config_.hidden_size, kNormValues, w.norm);
  }

  void Mtp(const std::string& p, const LayerPlan& plan, MtpWeights& w) const {
    const int64_t d = config_.hidden_size;
    Norm(p + "enorm.weight", d, kNormValues, w.enorm);
    Norm(p + "hnorm.weight", d, kNormValues, w.hnorm);
    Fp8(p + "e_proj", d, d, 1, w.e_proj);
    Fp8(p + "h_proj", d, d, 1, w.h_proj);
    Layer(p, plan, w.layer);
    Head(p, w.head);
  }

  void HyperConnection(const std::string& p, int64_t rows, int64_t scales,
                       HyperConnectionWeights& w) const {
    const int64_t cols = config_.hc_mult * config_.hidden_size;
    Matrix(p + "fn", WeightFormat::kF32, rows, cols, Gain(1, cols), w.fn);
    Floats(p + "base", {rows}, {0, 0.5f}, w.base);
    Floats(p + "scale", {scales}, {0.6f, 0.06f}, w.scale);
  }

  static InitialValues Gain(float gain, int64_t cols) {
    return {0, gain / std::sqrt(static_cast<float>(cols))};
  }

  void Fp8(const std::string& name, int64_t rows, int64_t cols, float gain,
           WeightMatrix& matrix) const {
    Quantized(name, WeightFormat::kE4m3, rows, cols, gain, matrix);
  }

  void Quantized(const std::string& name, WeightFormat format, int64_t rows, int64_t cols,
                 float gain, WeightMatrix& matrix) const {
    const InitialValues initial = Gain(gain, cols);
    Matrix(name + ".weight", format, rows, cols, initial, matrix);
    const Shape scales = format == WeightFormat::kE2m1
                             ? Shape{rows, cols / 32}
                             : Shape{(rows + 127) / 128, (cols + 127) / 128};
    Visit({name + ".scale", TensorKind::kScales, DType::kF8E8M0, scales, format, initial,
           &matrix.scales});
  }

  void Bf16(const std::string& name, int64_t rows, int64_t cols, float gain,
            WeightMatrix& matrix) const {
    Matrix(name, WeightFormat::kBf16, rows, cols, Gain(gain, cols), matrix);
  }

  void Matrix(const std::string& name, WeightFormat format, int64_t rows, int64_t cols,
              InitialValues initial, WeightMatrix& matrix) const {
    matrix.format = format;
    matrix.rows = rows;
    matrix.cols = cols;
    const int64_t stored_cols = format == WeightFormat::kE2m1 ? cols / 2 : cols;
    Visit({name,
           TensorKind::kMatrix,
           StoredType(format),
           {rows, stored_cols},
           format,
           initial,
           &matrix.data});
  }

  void Norm(const std::string& name, int64_t size, InitialValues initial,
            const std::byte*& vector) const {
    Visit({name, TensorKind::kNorm, DType::kBF16, {size}, {}, initial, &vector});
  }

  void Floats(const std::string& name, Shape shape, InitialValues initial,
              const float*& vector) const {
    Visit({name, TensorKind::kFloats, DType::kF32, std::move(shape), {}, initial, &vector});
  }

  void Visit(TensorSlot slot) const {
    slot.is_routed = is_routed_;
    visit_(slot);
  }

  const ModelConfig& config_;
  TensorVisitor visit_;
  const bool is_routed_;  // what is visited belongs to a routed expert
};

}  // namespace

void TensorSlot::Bind(const std::byte* data) const {
  std::visit([data]<typename T>(T** member) { *member = reinterpret_cast<T*>(data); }, target);
}

void ForEachTensor(const ModelConfig& config, ModelWeights& weights, TensorVisitor visit) {
  const auto experts = static_cast<size_t>(config.n_routed_experts);
  weights.layers.resize(static_cast<size_t>(config.num_hidden_layers));
  weights.mtp.resize(static_cast<size_t>(config.num_nextn_predict_layers));
  for (LayerWeights& layer : weights.layers) layer.ffn.experts.resize(experts);
  for (MtpWeights& mtp : weights.mtp) mtp.layer.ffn.experts.resize(experts);
  TensorList(config, visit).Model(weights);
}

void ForEachTensor(const ModelConfig& config, TensorVisitor visit) {
  ModelWeights weights;
  ForEachTensor(config, weights, visit);
}

bool IsSharedCopy(std::string_view name) {
  constexpr std::string_view kPrefix = "mtp.";
  if (name.starts_with("model.")) name.remove_prefix(6);
  if (!name.starts_with(kPrefix)) return false;
  const size_t dot = name.find('.', kPrefix.size());
  if (dot == name.npos) return false;
  const std::string_view rest = name.substr(dot + 1);
  return rest.starts_with("emb.") || rest.starts_with("embed.") || rest.starts_with("head.");
}

}  // namespace fathom::model
