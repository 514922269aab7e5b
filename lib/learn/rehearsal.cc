#include "learn/rehearsal.h"

#include <string>
#include <vector>

#include <torch/torch.h>

#include "learn/guarded.h"

namespace skiptrain::learn {
namespace {

std::string words(const at::Tensor& tensor) {
  return std::string(tensor.dtype().name()) + " " + c10::str(tensor.sizes());
}

[[noreturn]] void refuse_model(const ModelSpec& spec, const std::string& why) {
  refuse(ErrorCode::kInvalidArgument, "model.file " + spec.label() + ": " + why);
}

// Classes are told apart by one output each, and a model may know more of them; of numbers there is
// one target for each output.
void check_outputs(const ModelSpec& spec, LossKind kind, const at::Tensor& images,
                   const at::Tensor& outputs) {
  const bool is_exact = spec.exact_outputs || !takes_classes(kind);
  const auto wanted = static_cast<std::int64_t>(spec.outputs);
  const bool is_good = outputs.scalar_type() == at::kFloat && outputs.dim() == 2 &&
                       outputs.size(0) == images.size(0) &&
                       (is_exact ? outputs.size(1) == wanted : outputs.size(1) >= wanted);
  if (is_good) return;
  refuse_model(spec, "forward made outputs of " + words(outputs) + " from inputs of " +
                         words(images) + ": must be float [" + std::to_string(images.size(0)) +
                         ", " + std::to_string(wanted) + (is_exact ? "" : " or more") +
                         "], one output for each " + (takes_classes(kind) ? "class" : "target"));
}

at::Tensor loss_for(Model& model, const ModelSpec& spec, LossKind kind, const at::Tensor& images,
                    const at::Tensor& targets) {
  at::Tensor outputs;
  if (kind == LossKind::kModel) {
    const at::Tensor loss = model.loss(images, targets, outputs);
    // From outputs that it tells, the class is read.
    if (outputs.defined()) check_outputs(spec, kind, images, outputs);
    return loss;
  }
  outputs = model.forward(images);
  check_outputs(spec, kind, images, outputs);
  return loss_of(kind, outputs, targets);
}

}  // namespace

void rehearse(Model& model, FlatModule& flat, const ModelSpec& spec, LossKind kind,
              const at::Tensor& images, const at::Tensor& targets) {
  std::vector<float> before(flat.layout().parameter_count());
  flat.read(before);
  model.set_training(true);
  const at::Tensor loss = loss_for(model, spec, kind, images, targets);
  if (!loss.requires_grad()) {
    refuse_model(spec,
                 "no gradient flows from its loss to its parameters: forward must not detach "
                 "them, or was traced without them");
  }
  flat.zero_gradients();
  loss.backward();
  model.settle();
  {
    const torch::NoGradGuard no_grad;
    model.set_training(false);
    loss_for(model, spec, kind, images, targets);
    model.settle();
  }
  flat.write(before);
  flat.restore();
}

}  // namespace skiptrain::learn
