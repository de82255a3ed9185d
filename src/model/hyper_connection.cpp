#include "model/hyper_connection.h"

#include <algorithm>
#include <cmath>

namespace fathom::model {
namespace {

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

// mix[t] = (fn @ streams[t]) / rms(streams[t])
void Mix(Pass& pass, const WeightMatrix& fn, const float* streams, const int32_t* rows,
         int64_t tokens, Matrix<float>& mix) {
  const int64_t width = fn.cols;
  const ops::MatmulTask task = {.weights = fn,
                                .row_begin = 0,
                                .row_end = fn.rows,
                                .x = ops::ActivationRows::Float(streams, width),
                                .x_rows = rows,
                                .tokens = tokens,
                                .out = mix.data(),
                                .out_stride = mix.cols()};
  ops::Matmul(pass.ops, {&task, 1});
  pass.ops.pool.ForRanges(tokens, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const float* stream = streams + (rows != nullptr ? rows[t] : t) * width;
      const float inverse = pass.ops.kernels.inverse_rms(stream, pass.config.rms_norm_eps, width);
      for (int64_t i = 0; i < fn.rows; ++i) mix.row(t)[i] *= inverse;
    }
  });
}

void DivideRows(float* m, int64_t n, float eps) {
  for (int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += m[i * n + j];
    for (int64_t j = 0; j < n; ++j) m[i * n + j] /= sum + eps;
  }
}

void DivideColumns(float* m, int64_t n, float eps) {
  for (int64_t j = 0; j < n; ++j) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += m[i * n + j];
    for (int64_t i = 0; i < n; ++i) m[i * n + j] /= sum + eps;
  }
}

// Row softmax, then Sinkhorn iterations towards a doubly stochastic matrix; the first one has no
// row step, as the softmax is one.
void Sinkhorn(float* m, int64_t n, int64_t iterations, float eps) {
  for (int64_t i = 0; i < n; ++i) {
    float* row = m + i * n;
    const float max = *std::max_element(row, row + n);
    float sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += row[j] = std::exp(row[j] - max);
    for (int64_t j = 0; j < n; ++j) row[j] = row[j] / sum + eps;
  }
  DivideColumns(m, n, eps);
  for (int64_t iteration = 1; iteration < iterations; ++iteration) {
    DivideRows(m, n, eps);
    DivideColumns(m, n, eps);
  }
}

}  // namespace

void EnterSublayer(Pass& pass, const HyperConnectionWeights& weights, const std::byte* norm,
                   const float* streams, float* x) {
  const int64_t hc = pass.config.hc_mult;
  const int64_t hidden = pass.config.hidden_size;
  const float eps = pass.config.hc_eps;
  auto& act = pass.activations.hc;
  Mix(pass, weights.fn, streams, nullptr, pass.tokens(), act.mix);
  pass.ops.pool.ForRanges(pass.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const float* mix = act.mix.row(t);
      float* pre = act.pre.row(t);
      float* post = act.post.row(t);
      float* combine = act.combine.row(t);
      for (int64_t i = 0; i < hc; ++i) {
        pre[i] = Sigmoid(mix[i] * weights.scale[0] + weights.base[i]) + eps;
        post[i] = 2.0f * Sigmoid(mix[hc + i] * weights.scale[1] + weights.base[hc + i]);
      }
      for (int64_t i = 0; i < hc * hc; ++i)
        combine[i] = mix[2 * hc + i] * weights.scale[2] + weights.base[2 * hc + i];
      Sinkhorn(combine, hc, pass.config.hc_sinkhorn_iters, eps);

      float* out = x + t * hidden;
      pass.ops.kernels.weighted_sum(streams + t * hc * hidden, pre, hc, hidden, out);
      pass.ops.kernels.rms_norm(out, norm, pass.config.rms_norm_eps, hidden, out);
    }
  });
}

void LeaveSublayer(Pass& pass, const float* y, float* streams) {
  const int64_t hc = pass.config.hc_mult;
  const int64_t hidden = pass.config.hidden_size;
  const auto& act = pass.activations.hc;
  pass.ops.pool.ForRanges(pass.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      pass.ops.kernels.mix_streams(y + t * hidden, act.post.row(t), act.combine.row(t), hc, hidden,
                                   streams + t * hc * hidden);
  });
}

void CollapseStreams(Pass& pass, const HeadWeights& weights, const float* streams,
                     std::span<const int32_t> tokens, float* x) {
  const int64_t hc = pass.config.hc_mult;
  const int64_t hidden = pass.config.hidden_size;
  auto& act = pass.activations.hc;
  const auto count = static_cast<int64_t>(tokens.size());
  Mix(pass, weights.hc.fn, streams, tokens.data(), count, act.mix);
  pass.ops.pool.ForRanges(count, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      float* pre = act.pre.row(i);
      for (int64_t s = 0; s < hc; ++s)
        pre[s] = Sigmoid(act.mix.row(i)[s] * weights.hc.scale[0] + weights.hc.base[s]) +
                 pass.config.hc_eps;
      const float* stream = streams + tokens[static_cast<size_t>(i)] * hc * hidden;
      float* out = x + i * hidden;
      pass.ops.kernels.weighted_sum(stream, pre, hc, hidden, out);
      pass.ops.kernels.rms_norm(out, weights.norm, pass.config.rms_norm_eps, hidden, out);
    }
  });
}

}  // namespace fathom::model
