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

// Classes are told apart by one output each.
void check_class_outputs(const ModelSpec& spec, const at::Tensor& images,
                         const at::Tensor& outputs) {
  const auto classes = static_cast<std::int64_t>(spec.classes);
  const bool is_good =
      outputs.scalar_type() == at::kFloat && outputs.dim() == 2 &&
      outputs.size(0) == images.size(0) &&
      (spec.exact_classes ? outputs.size(1) == classes : outputs.size(1) >= classes);
  if (is_good) return;
  refuse_model(spec, "forward made outputs of " + words(outputs) + " from inputs of " +
                         words(images) + ": must be float [" + std::to_string(images.size(0)) +
                         ", " + std::to_string(classes) + (spec.exact_classes ? "" : " or more") +
                         "], one output for each class");
}

at::Tensor loss_for(Model& model, const ModelSpec& spec, LossKind kind, const at::Tensor& images,
                    const at::Tensor& targets) {
  at::Tensor outputs;
  if (kind == LossKind::kModel) {
    const at::Tensor loss = model.loss(images, targets, outputs);
    // From outputs that it tells, the class is read.
    if (outputs.defined()) check_class_outputs(spec, images, outputs);
    return loss;
  }
  outputs = model.forward(images);
  if (kind == LossKind::kCrossEntropy) check_class_outputs(spec, images, outputs);
  return loss_of(kind, outputs, targets);
}

}  // namespace

void rehearse(Model& model, FlatModule& flat, const ModelSpec& spec, LossKind kind,
              const at::Tensor& images, const at::Tensor& targets) {
  const std::vector<float> before(flat.values().begin(), flat.values().end());
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
  std::ranges::copy(before, flat.values().begin());
  flat.restore();
}

}  // namespace skiptrain::learn
