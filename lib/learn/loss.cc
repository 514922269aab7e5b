#include "learn/loss.h"

#include <algorithm>

#include <torch/torch.h>

namespace skiptrain::learn {

std::string_view to_string(LossKind kind) {
  switch (kind) {
    case LossKind::kCrossEntropy:
      return "cross-entropy";
    case LossKind::kBinaryCrossEntropy:
      return "binary-cross-entropy";
    case LossKind::kMeanSquaredError:
      return "mean-squared-error";
    case LossKind::kModel:
      return "model";
  }
  return "unknown";
}

bool takes_classes(LossKind kind) {
  return kind == LossKind::kCrossEntropy || kind == LossKind::kModel;
}

at::Tensor loss_of(LossKind kind, const at::Tensor& outputs, const at::Tensor& targets,
                   OverSamples over) {
  const auto reduction = over == OverSamples::kMean ? at::Reduction::Mean : at::Reduction::Sum;
  if (kind == LossKind::kCrossEntropy) {
    return torch::cross_entropy_loss(outputs, targets, {}, reduction);
  }
  // Shapes that differ would be broadcast, and every output be compared with every target.
  TORCH_CHECK(outputs.sizes() == targets.sizes(), "targets of shape ", targets.sizes(),
              ": must be that of the outputs, ", outputs.sizes());
  const at::Tensor loss =
      kind == LossKind::kBinaryCrossEntropy
          ? torch::binary_cross_entropy_with_logits(outputs, targets, {}, {}, reduction)
          : torch::mse_loss(outputs, targets, reduction);
  if (over == OverSamples::kMean) return loss;
  return loss / static_cast<double>(std::max<std::int64_t>(outputs.size(1), 1));
}

}  // namespace skiptrain::learn
