// The descent in LibTorch's operators. The formulas are those of optimizer.cc and
// gradient_clipping.cc, in the same order.
#include <cmath>
#include <cstdint>
#include <vector>

#include <torch/torch.h>

#include "learn/descent.h"

namespace skiptrain::learn {
namespace {

at::Tensor part(const at::Tensor& flat, const FlatModule::Run& run) {
  return flat.narrow(0, static_cast<std::int64_t>(run.offset),
                     static_cast<std::int64_t>(run.count));
}

// One tensor for each trainable run.
std::vector<at::Tensor> zeros_for(const FlatModule& flat, bool wanted) {
  std::vector<at::Tensor> zeros;
  if (!wanted) return zeros;
  for (const FlatModule::Run& run : flat.trainable()) {
    zeros.push_back(at::zeros_like(part(flat.value_tensor(), run)));
  }
  return zeros;
}

// The factor stays where the gradients are: the host need not know it.
void clip(const FlatModule& flat, double max_norm) {
  constexpr double kNotByZero = 1e-6;
  std::vector<at::Tensor> norms;
  for (const FlatModule::Run& run : flat.trainable()) {
    norms.push_back(
        at::linalg_vector_norm(part(flat.gradient_tensor(), run), 2, {}, false, at::kDouble));
  }
  const at::Tensor norm = at::linalg_vector_norm(at::stack(norms), 2);
  const at::Tensor factor = (max_norm / (norm + kNotByZero)).clamp_max(1.0).to(at::kFloat);
  for (const FlatModule::Run& run : flat.trainable()) {
    part(flat.gradient_tensor(), run).mul_(factor);
  }
}

class TensorSgd final : public Descent {
 public:
  TensorSgd(const OptimizerOptions& options, double clip_norm, const FlatModule& flat)
      : options_(options),
        clip_norm_(clip_norm),
        velocity_(zeros_for(flat, options.momentum != 0)) {}

  void step(FlatModule& flat, double lr) override {
    const torch::NoGradGuard no_grad;
    if (clip_norm_ > 0) clip(flat, clip_norm_);
    for (std::size_t i = 0; i < flat.trainable().size(); ++i) {
      const FlatModule::Run& run = flat.trainable()[i];
      at::Tensor values = part(flat.value_tensor(), run);
      at::Tensor along = part(flat.gradient_tensor(), run);
      if (options_.weight_decay != 0) along = along.add(values, options_.weight_decay);
      if (!velocity_.empty()) {
        velocity_[i].mul_(options_.momentum).add_(along);
        along = options_.nesterov ? along.add(velocity_[i], options_.momentum) : velocity_[i];
      }
      values.add_(along, -lr);
    }
  }

  void forget() override {
    for (at::Tensor& velocity : velocity_) velocity.zero_();
  }

 private:
  const OptimizerOptions options_;
  const double clip_norm_;
  std::vector<at::Tensor> velocity_;  // empty without momentum
};

class TensorAdam final : public Descent {
 public:
  TensorAdam(const OptimizerOptions& options, double clip_norm, const FlatModule& flat)
      : options_(options),
        clip_norm_(clip_norm),
        mean_(zeros_for(flat, true)),
        square_(zeros_for(flat, true)) {}

  void step(FlatModule& flat, double lr) override {
    const torch::NoGradGuard no_grad;
    if (clip_norm_ > 0) clip(flat, clip_norm_);
    const auto t = static_cast<double>(++steps_);
    const double step_size = lr / (1 - std::pow(options_.beta1, t));
    const double root_correction = std::sqrt(1 - std::pow(options_.beta2, t));
    for (std::size_t i = 0; i < flat.trainable().size(); ++i) {
      const FlatModule::Run& run = flat.trainable()[i];
      at::Tensor values = part(flat.value_tensor(), run);
      at::Tensor gradient = part(flat.gradient_tensor(), run);
      if (options_.weight_decay != 0) {
        if (options_.kind == OptimizerKind::kAdamW) {
          values.mul_(1 - lr * options_.weight_decay);
        } else {
          gradient = gradient.add(values, options_.weight_decay);
        }
      }
      mean_[i].mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
      square_[i].mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
      const at::Tensor root = square_[i].sqrt().div_(root_correction).add_(options_.epsilon);
      values.addcdiv_(mean_[i], root, -step_size);
    }
  }

  void forget() override {
    for (std::vector<at::Tensor>* const moments : {&mean_, &square_}) {
      for (at::Tensor& moment : *moments) moment.zero_();
    }
    steps_ = 0;
  }

 private:
  const OptimizerOptions options_;
  const double clip_norm_;
  std::vector<at::Tensor> mean_;    // of the gradients
  std::vector<at::Tensor> square_;  // of their squares
  std::uint64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<Descent> make_tensor_descent(const OptimizerOptions& options, double clip_norm,
                                             const FlatModule& flat) {
  if (options.kind == OptimizerKind::kSgd) {
    return std::make_unique<TensorSgd>(options, clip_norm, flat);
  }
  return std::make_unique<TensorAdam>(options, clip_norm, flat);
}

}  // namespace skiptrain::learn
