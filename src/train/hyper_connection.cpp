#include "train/hyper_connection.h"

#include "train/rows.h"
#include "train/side_by_side.h"

namespace fathom::train {
namespace {

// fn applied to all streams of a token as one vector, divided by that vector's root mean square.
at::Tensor MixLogits(const at::Tensor& streams, const at::Tensor& fn, double eps) {
  const at::Tensor flat = streams.flatten(-2);
  const double size = static_cast<double>(flat.size(-1));
  const at::Tensor mean_square = at::norm(flat, 2, -1, true).square() / size;
  return at::linear(flat, fn) * at::rsqrt(mean_square + eps);
}

// Of the streams of a token, or of as many vectors beside each other: the one at each index.
template <typename T>
auto EachOf(T* first, int64_t dim) {
  return [=](int64_t i) { return first + i * dim; };
}

template <typename T>
void Scale(T scale, const T* x, T* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = scale * x[i];
}

class SumStreamsFunction : public torch::autograd::Function<SumStreamsFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& all_streams,
                            const at::Tensor& all_weights) {
    const at::Tensor streams = all_streams.contiguous();
    const at::Tensor weights = all_weights.contiguous();
    const int64_t hc = streams.size(2);
    const int64_t dim = streams.size(3);
    at::Tensor out = at::zeros({streams.size(0), streams.size(1), dim}, streams.options());
    WithElementType(streams, [&](auto type) {
      using T = decltype(type);
      ForRowParts(RowCount(out), [&](int64_t begin, int64_t end, int64_t) {
        for (int64_t t = begin; t < end; ++t)
          AddEachScaled(weights.data_ptr<T>() + t * hc, 1, hc,
                        EachOf(streams.data_ptr<T>() + t * hc * dim, dim),
                        out.data_ptr<T>() + t * dim, dim);
      });
    });
    ctx->save_for_backward({streams, weights});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &streams = saved[0], &weights = saved[1];
    const at::Tensor grad = grads[0].contiguous();
    const int64_t hc = streams.size(2);
    const int64_t dim = streams.size(3);
    at::Tensor streams_grad = at::empty_like(streams);
    at::Tensor weights_grad = at::empty_like(weights);
    WithElementType(streams, [&](auto type) {
      using T = decltype(type);
      ForRowParts(RowCount(grad), [&](int64_t begin, int64_t end, int64_t) {
        for (int64_t t = begin; t < end; ++t) {
          const T* g = grad.data_ptr<T>() + t * dim;
          DotEach(g, hc, EachOf(streams.data_ptr<T>() + t * hc * dim, dim), dim,
                  weights_grad.data_ptr<T>() + t * hc, 1);
          for (int64_t i = t * hc; i < (t + 1) * hc; ++i)
            Scale(weights.data_ptr<T>()[i], g, streams_grad.data_ptr<T>() + i * dim, dim);
        }
      });
    });
    return {streams_grad, weights_grad};
  }
};

// out[j] = post[j] * y + sum_i combine[i][j] * streams[i]
class UpdateStreamsFunction : public torch::autograd::Function<UpdateStreamsFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& all_streams,
                            const at::Tensor& all_y, const at::Tensor& all_post,
                            const at::Tensor& all_combine) {
    const at::Tensor streams = all_streams.contiguous(), y = all_y.contiguous();
    const at::Tensor post = all_post.contiguous(), combine = all_combine.contiguous();
    const int64_t hc = streams.size(2);
    const int64_t dim = streams.size(3);
    at::Tensor out = at::empty_like(streams);
    WithElementType(streams, [&](auto type) {
      using T = decltype(type);
      ForRowParts(RowCount(y), [&](int64_t begin, int64_t end, int64_t) {
        for (int64_t t = begin; t < end; ++t)
          for (int64_t j = 0; j < hc; ++j) {
            T* row = out.data_ptr<T>() + (t * hc + j) * dim;
            Scale(post.data_ptr<T>()[t * hc + j], y.data_ptr<T>() + t * dim, row, dim);
            AddEachScaled(combine.data_ptr<T>() + t * hc * hc + j, hc, hc,
                          EachOf(streams.data_ptr<T>() + t * hc * dim, dim), row, dim);
          }
      });
    });
    ctx->save_for_backward({streams, y, post, combine});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &streams = saved[0], &y = saved[1], &post = saved[2], &combine = saved[3];
    const at::Tensor grad = grads[0].contiguous();
    const int64_t hc = streams.size(2);
    const int64_t dim = streams.size(3);
    at::Tensor streams_grad = at::zeros_like(streams);
    at::Tensor y_grad = at::zeros_like(y);
    at::Tensor post_grad = at::empty_like(post);
    at::Tensor combine_grad = at::empty_like(combine);
    WithElementType(streams, [&](auto type) {
      using T = decltype(type);
      ForRowParts(RowCount(y), [&](int64_t begin, int64_t end, int64_t) {
        for (int64_t t = begin; t < end; ++t) {
          const auto from = EachOf(streams.data_ptr<T>() + t * hc * dim, dim);
          const auto to = EachOf(grad.data_ptr<T>() + t * hc * dim, dim);
          const T* mix = combine.data_ptr<T>() + t * hc * hc;
          DotEach(y.data_ptr<T>() + t * dim, hc, to, dim, post_grad.data_ptr<T>() + t * hc, 1);
          AddEachScaled(post.data_ptr<T>() + t * hc, 1, hc, to, y_grad.data_ptr<T>() + t * dim,
                        dim);
          for (int64_t i = 0; i < hc; ++i) {
            DotEach(from(i), hc, to, dim, combine_grad.data_ptr<T>() + (t * hc + i) * hc, 1);
            AddEachScaled(mix + i * hc, 1, hc, to, streams_grad.data_ptr<T>() + (t * hc + i) * dim,
                          dim);
          }
        }
      });
    });
    return {streams_grad, y_grad, post_grad, combine_grad};
  }
};

}  // namespace

at::Tensor SumStreams(const at::Tensor& streams, const at::Tensor& weights) {
  return SumStreamsFunction::apply(streams, weights);
}

HyperConnection::HyperConnection(const ParameterTable& table,
                                 const model::HyperConnectionWeights& weights)
    : config_(table.config()),
      fn_(table.Of(weights.fn).value),
      base_(table.Of(weights.base).value),
      scale_(table.Of(weights.scale).value) {}

StreamMix HyperConnection::Enter(const at::Tensor& streams) const {
  const int64_t hc = config_.hc_mult;
  const at::Tensor mix = MixLogits(streams, fn_, config_.rms_norm_eps);
  const auto part = [&](int64_t index, int64_t begin, int64_t end) {
    return mix.slice(-1, begin, end) * scale_[index] + base_.slice(0, begin, end);
  };
  const at::Tensor pre = at::sigmoid(part(0, 0, hc)) + config_.hc_eps;
  const at::Tensor post = 2 * at::sigmoid(part(1, hc, 2 * hc));
  const at::Tensor combine = part(2, 2 * hc, config_.hc_mix_rows()).unflatten(-1, {hc, hc});
  return {SumStreams(streams, pre), post,
          Sinkhorn(combine, config_.hc_sinkhorn_iters, config_.hc_eps)};
}

at::Tensor HyperConnection::Leave(const at::Tensor& streams, const at::Tensor& y,
                                  const StreamMix& mix) {
  return UpdateStreamsFunction::apply(streams, y, mix.post, mix.combine);
}

StreamHead::StreamHead(const ParameterTable& table, const model::HyperConnectionWeights& weights)
    : config_(table.config()),
      fn_(table.Of(weights.fn).value),
      base_(table.Of(weights.base).value),
      scale_(table.Of(weights.scale).value) {}

at::Tensor StreamHead::Collapse(const at::Tensor& streams) const {
  const at::Tensor mix = MixLogits(streams, fn_, config_.rms_norm_eps);
  return SumStreams(streams, at::sigmoid(mix * scale_ + base_) + config_.hc_eps);
}

}  // namespace fathom::train
