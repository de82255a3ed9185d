#include "train/recompute.h"

#include <torch/custom_class.h>

#include <utility>

namespace fathom::train {
namespace {

using TensorFunction = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

struct FunctionHolder : torch::CustomClassHolder {
  explicit FunctionHolder(TensorFunction f) : function(std::move(f)) {}
  TensorFunction function;
};

class RecomputeFunction : public torch::autograd::Function<RecomputeFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx,
                            const c10::intrusive_ptr<FunctionHolder>& holder,
                            at::TensorList inputs) {
    ctx->saved_data["function"] = c10::IValue::make_capsule(holder);
    const std::vector<at::Tensor> values = inputs.vec();
    ctx->save_for_backward(values);
    return holder->function(values);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto capsule = ctx->saved_data["function"].toCapsule();
    const auto& function = static_cast<const FunctionHolder&>(*capsule).function;
    std::vector<at::Tensor> inputs;
    std::vector<at::Tensor> wanted;
    for (const at::Tensor& saved : ctx->get_saved_variables()) {
      inputs.push_back(saved.detach());
      if (!saved.requires_grad()) continue;
      inputs.back().requires_grad_(true);
      wanted.push_back(inputs.back());
    }
    at::AutoGradMode with_grad(true);
    const at::Tensor out = function(inputs);
    const auto found = torch::autograd::grad({out}, wanted, {grads[0]}, /*retain_graph=*/false,
                                             /*create_graph=*/false, /*allow_unused=*/true);
    torch::autograd::variable_list result = {at::Tensor()};
    size_t next = 0;
    for (const at::Tensor& input : inputs)
      result.push_back(input.requires_grad() ? found[next++] : at::Tensor());
    return result;
  }
};

}  // namespace

at::Tensor Recompute(TensorFunction function, const std::vector<at::Tensor>& inputs) {
  return RecomputeFunction::apply(c10::make_intrusive<FunctionHolder>(std::move(function)),
                                  at::TensorList(inputs));
}

}  // namespace fathom::train
