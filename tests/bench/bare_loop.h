// The floor of what training can cost: GN-LeNet on 1x28x28, batch 32, one thread, nothing around
// the steps. For benches, which measure it in the same run as what they compare with it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include <torch/torch.h>

#include "base/rng.h"
#include "data/dataset.h"
#include "learn/flat_module.h"
#include "learn/models.h"
#include "learn/sgd.h"
#include "learn/threads.h"

namespace skiptrain::learn {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kBatch = 32;

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

inline data::Dataset noise(const ModelSpec& model, std::uint32_t count) {
  Rng rng(1);
  data::Dataset dataset{model.input, model.classes, {}, {}};
  dataset.pixels.resize(count * model.input.value_count());
  dataset.labels.resize(count);
  for (auto& pixel : dataset.pixels) pixel = static_cast<std::uint8_t>(rng.next() >> 56);
  for (auto& label : dataset.labels) label = static_cast<std::uint8_t>(rng.below(model.classes));
  return dataset;
}

// Module, loss, gradients and SGD on one minibatch; no group, no data set.
class BareLoop {
 public:
  BareLoop()
      : model_(make_model(ModelSpec{}, 1)),
        flat_(model_->module()),
        images_(torch::rand({kBatch, 1, 28, 28})),
        labels_(torch::randint(10, {kBatch}, at::kLong)) {}

  void run(int steps) {
    use_threads(1);
    model_->module().train();
    for (int i = 0; i < steps; ++i) {
      flat_.zero_gradients();
      const at::Tensor loss = torch::cross_entropy_loss(model_->forward(images_), labels_);
      loss.backward();
      // So small that the loop goes on learning nothing for as long as it is measured.
      sgd_step({.lr = 1e-6}, flat_.values(), flat_.gradients(), {});
    }
  }

 private:
  std::unique_ptr<Model> model_;
  FlatModule flat_;
  at::Tensor images_;
  at::Tensor labels_;
};

}  // namespace skiptrain::learn
