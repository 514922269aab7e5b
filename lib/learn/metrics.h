// What an evaluation says of a model, summed over minibatches. Inside lib/learn only.
//
// Of classes: the loss, how often the right class has the largest output, how often it is among the
// k largest, and how often each class is told. Of binary outputs: the loss, and how often an output
// lies on its target's side of 1/2. Of numbers: the loss, which is their mean squared error, and
// their mean absolute error; there is no accuracy. One thread at a time; may throw c10::Error.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "learn/trainer_options.h"
#include "ports/trainer.h"

namespace at {
class Tensor;
}

namespace skiptrain::learn {

class Metrics {
 public:
  // `outputs`: those that the data set asks for (data::Dataset::output_count); a model may have
  // more.
  Metrics(const TrainerOptions& options, std::uint32_t outputs);

  // Of one minibatch: float32 [batch, outputs], and targets as `loss_of` takes them.
  void add(const at::Tensor& outputs, const at::Tensor& targets);

  // The same of a model with a loss of its own: `loss`, the mean over the minibatch, and `outputs`
  // undefined if it does not tell them; then there is no accuracy.
  void add_told(double loss, const at::Tensor& outputs, const at::Tensor& classes);

  // Of all so far, at least one sample; without a duration. kNumeric: the loss is not finite.
  Result<ports::Evaluation> evaluation() const;

 private:
  void add_classes(const at::Tensor& outputs, const at::Tensor& classes);
  void add_binary(const at::Tensor& outputs, const at::Tensor& targets);

  const LossKind loss_;
  std::uint32_t top_k_ = 0;  // 0: not asked for, or all outputs
  std::uint64_t samples_ = 0;
  double loss_sum_ = 0.0;
  double error_sum_ = 0.0;  // absolute; over samples, of each the mean over its outputs
  std::uint64_t among_k_ = 0;
  std::vector<ports::ClassTally> per_class_;
};

}  // namespace skiptrain::learn
