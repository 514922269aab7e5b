#include "learn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/check.h"

namespace skiptrain::learn {
namespace {

void descend(float* __restrict values, const float* __restrict gradients, std::size_t count,
             float lr, float weight_decay) {
  for (std::size_t k = 0; k < count; ++k) {
    values[k] -= lr * (gradients[k] + weight_decay * values[k]);
  }
}

struct Momentum {
  float factor;
  float weight_decay;
  float lr;
};

// Zero times momentum plus the gradient is the gradient: the first step needs no case of its own.
void descend_with_momentum(float* __restrict values, const float* __restrict gradients,
                           float* __restrict velocity, std::size_t count, const Momentum& by) {
  for (std::size_t k = 0; k < count; ++k) {
    velocity[k] = by.factor * velocity[k] + (gradients[k] + by.weight_decay * values[k]);
    values[k] -= by.lr * velocity[k];
  }
}

// A gradient at the place to which the momentum is about to lead, by the first-order form that
// torch.optim.SGD takes from Sutskever et al. 2013.
void descend_with_nesterov(float* __restrict values, const float* __restrict gradients,
                           float* __restrict velocity, std::size_t count, const Momentum& by) {
  for (std::size_t k = 0; k < count; ++k) {
    const float gradient = gradients[k] + by.weight_decay * values[k];
    velocity[k] = by.factor * velocity[k] + gradient;
    values[k] -= by.lr * (gradient + by.factor * velocity[k]);
  }
}

class Sgd final : public Optimizer {
 public:
  Sgd(const OptimizerOptions& options, std::size_t parameter_count)
      : options_(options),
        parameter_count_(parameter_count),
        velocity_(options.momentum != 0 ? parameter_count : 0) {}

  void step(std::span<float> values, std::span<const float> gradients,
            std::span<const FlatModule::Run> trainable, double lr) override {
    SKIPTRAIN_CHECK(values.size() == parameter_count_ && gradients.size() == parameter_count_,
                    "one gradient per parameter");
    const Momentum by{static_cast<float>(options_.momentum),
                      static_cast<float>(options_.weight_decay), static_cast<float>(lr)};
    for (const FlatModule::Run& run : trainable) {
      float* const at = values.data() + run.offset;
      const float* const along = gradients.data() + run.offset;
      if (velocity_.empty()) {
        descend(at, along, run.count, by.lr, by.weight_decay);
      } else if (options_.nesterov) {
        descend_with_nesterov(at, along, velocity_.data() + run.offset, run.count, by);
      } else {
        descend_with_momentum(at, along, velocity_.data() + run.offset, run.count, by);
      }
    }
  }

  void forget() override { std::ranges::fill(velocity_, 0.0f); }

 private:
  const OptimizerOptions options_;
  const std::size_t parameter_count_;
  std::vector<float> velocity_;  // empty without momentum
};

// What is the same for all parameters in one step of Adam or AdamW.
struct Moments {
  float beta1;
  float rest1;  // 1 - beta1, from the double
  float beta2;
  float rest2;
  float root_correction;  // square root of 1 - beta2^t
  float epsilon;
  float step_size;  // lr / (1 - beta1^t)
  float kept;       // of a value; below 1 with the decoupled weight decay of AdamW
  float l2;         // of a value that joins the gradient; above 0 with the weight decay of Adam
};

void descend_by_moments(float* __restrict values, const float* __restrict gradients,
                        float* __restrict mean, float* __restrict square, std::size_t count,
                        const Moments& by) {
  for (std::size_t k = 0; k < count; ++k) {
    const float value = by.kept * values[k];
    const float gradient = gradients[k] + by.l2 * value;
    mean[k] = by.beta1 * mean[k] + by.rest1 * gradient;
    square[k] = by.beta2 * square[k] + by.rest2 * gradient * gradient;
    values[k] =
        value - by.step_size * mean[k] / (std::sqrt(square[k]) / by.root_correction + by.epsilon);
  }
}

class Adam final : public Optimizer {
 public:
  Adam(const OptimizerOptions& options, std::size_t parameter_count)
      : options_(options), mean_(parameter_count), square_(parameter_count) {}

  void step(std::span<float> values, std::span<const float> gradients,
            std::span<const FlatModule::Run> trainable, double lr) override {
    SKIPTRAIN_CHECK(values.size() == mean_.size() && gradients.size() == mean_.size(),
                    "one gradient per parameter");
    ++steps_;
    const Moments by = moments(lr);
    for (const FlatModule::Run& run : trainable) {
      descend_by_moments(values.data() + run.offset, gradients.data() + run.offset,
                         mean_.data() + run.offset, square_.data() + run.offset, run.count, by);
    }
  }

  void forget() override {
    std::ranges::fill(mean_, 0.0f);
    std::ranges::fill(square_, 0.0f);
    steps_ = 0;
  }

 private:
  Moments moments(double lr) const {
    const bool decoupled = options_.kind == OptimizerKind::kAdamW;
    const auto t = static_cast<double>(steps_);
    return {
        .beta1 = static_cast<float>(options_.beta1),
        .rest1 = static_cast<float>(1 - options_.beta1),
        .beta2 = static_cast<float>(options_.beta2),
        .rest2 = static_cast<float>(1 - options_.beta2),
        .root_correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t))),
        .epsilon = static_cast<float>(options_.epsilon),
        .step_size = static_cast<float>(lr / (1 - std::pow(options_.beta1, t))),
        .kept = static_cast<float>(decoupled ? 1 - lr * options_.weight_decay : 1.0),
        .l2 = static_cast<float>(decoupled ? 0.0 : options_.weight_decay),
    };
  }

  const OptimizerOptions options_;
  std::vector<float> mean_;    // of the gradients
  std::vector<float> square_;  // of their squares
  std::uint64_t steps_ = 0;
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options,
                                          std::size_t parameter_count) {
  if (options.kind == OptimizerKind::kSgd) return std::make_unique<Sgd>(options, parameter_count);
  return std::make_unique<Adam>(options, parameter_count);
}

}  // namespace skiptrain::learn
