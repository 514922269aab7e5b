// What training makes small, and evaluation reports: how far outputs are from their targets.
// Outside lib/learn only LossKind is of use. No state; may throw c10::Error.
#pragma once

#include <string_view>

namespace at {
class Tensor;
}

namespace skiptrain::learn {

// Outputs are float32 [samples, outputs]. Of a sample it is
enum class LossKind {
  kCrossEntropy,        // of the softmax of its outputs; targets: int64 [samples], classes
  kBinaryCrossEntropy,  // of the logistic of each output, their mean; targets: in [0, 1]
  kMeanSquaredError,    // the mean over its outputs; targets: any numbers
  kModel,               // what the model itself says (models.h), not loss_of; targets: classes
};

// As config files spell them: "cross-entropy", "binary-cross-entropy", "mean-squared-error",
// "model".
std::string_view to_string(LossKind kind);
// Whether targets are int64 [samples], classes; if not, float32 [samples, outputs].
bool takes_classes(LossKind kind);

enum class OverSamples { kMean, kSum };

// A scalar that gradients flow back from: over the mean of samples that of torch.nn's
// CrossEntropyLoss, BCEWithLogitsLoss and MSELoss, over their sum this times their number. Targets
// of the last two kinds are float32, in the outputs' shape; c10::Error if in another.
at::Tensor loss_of(LossKind kind, const at::Tensor& outputs, const at::Tensor& targets,
                   OverSamples over = OverSamples::kMean);

}  // namespace skiptrain::learn
