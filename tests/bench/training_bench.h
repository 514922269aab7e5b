// What the benches of training in the simulator share: the floor of what training can cost, which
// they measure in the same run as what they compare with it (GN-LeNet on 1x28x28, batch 32, one
// thread, nothing around the steps), and the many trainers of one group.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "base/check.h"
#include "base/rng.h"
#include "data/dataset.h"
#include "learn/flat_module.h"
#include "learn/models.h"
#include "learn/optimizer.h"
#include "learn/threads.h"
#include "learn/trainer_group.h"

namespace skiptrain::learn {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kBatch = 32;
constexpr std::uint32_t kSamples = 60'000;  // of the training set, as in Fashion-MNIST

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

inline data::Dataset noise(const ModelSpec& model, std::uint32_t count) {
  Rng rng(1);
  data::Dataset dataset{model.input, model.outputs, {}, {}};
  dataset.pixels.resize(count * model.input.value_count());
  dataset.labels.resize(count);
  for (auto& pixel : dataset.pixels) pixel = static_cast<std::uint8_t>(rng.next() >> 56);
  for (auto& label : dataset.labels) label = static_cast<std::uint8_t>(rng.below(model.outputs));
  return dataset;
}

// Module, loss, gradients and SGD on one minibatch; no group, no data set.
class BareLoop {
 public:
  BareLoop()
      : model_(make_model(ModelSpec{}, 1)),
        flat_(model_->state(), {}),
        sgd_(make_optimizer({}, flat_.layout().parameter_count())),
        images_(torch::rand({kBatch, 1, 28, 28})),
        labels_(torch::randint(10, {kBatch}, at::kLong)) {}

  void run(int steps) {
    use_threads(1);
    model_->set_training(true);
    for (int i = 0; i < steps; ++i) {
      flat_.zero_gradients();
      const at::Tensor loss = torch::cross_entropy_loss(model_->forward(images_), labels_);
      loss.backward();
      // So small that the loop goes on learning nothing for as long as it is measured.
      sgd_->step(flat_.values(), flat_.gradients(), flat_.trainable(), 1e-6);
    }
  }

 private:
  std::unique_ptr<Model> model_;
  FlatModule flat_;
  std::unique_ptr<Optimizer> sgd_;
  at::Tensor images_;
  at::Tensor labels_;
};

// Every sample goes to one of them.
inline std::vector<std::unique_ptr<ports::Trainer>> make_trainers(const TrainerGroup& group,
                                                                  std::uint32_t count) {
  std::vector<std::unique_ptr<ports::Trainer>> trainers;
  for (std::uint32_t node = 0; node < count; ++node) {
    std::vector<std::uint32_t> share;
    for (std::uint32_t sample = node; sample < kSamples; sample += count) share.push_back(sample);
    auto trainer = group.trainer(NodeId(node), std::move(share));
    SKIPTRAIN_CHECK(trainer.has_value(), "the bench's shares lie in its data set");
    trainers.push_back(std::move(*trainer));
  }
  return trainers;
}

}  // namespace skiptrain::learn
