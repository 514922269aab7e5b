#include "learn/metrics.h"

#include <cmath>
#include <span>

#include <torch/torch.h>

#include "learn/loss.h"

namespace skiptrain::learn {
namespace {

// How many outputs come before that of `own`: those that are larger, and equal ones of smaller
// index, as argmax has them.
std::size_t rank_of(std::span<const float> outputs, std::size_t own) {
  std::size_t rank = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] > outputs[own] || (i < own && outputs[i] == outputs[own])) ++rank;
  }
  return rank;
}

// Of a contiguous tensor.
std::span<const float> row_of(const at::Tensor& dense, std::int64_t row) {
  const auto width = static_cast<std::size_t>(dense.size(1));
  return {dense.data_ptr<float>() + static_cast<std::size_t>(row) * width, width};
}

}  // namespace

Metrics::Metrics(const TrainerOptions& options, std::uint32_t outputs) : loss_(options.loss) {
  if (loss_ == LossKind::kMeanSquaredError) return;
  per_class_.resize(outputs);
  if (takes_classes(loss_) && options.top_k < options.model.outputs) {
    top_k_ = options.top_k;
  }
}

void Metrics::add(const at::Tensor& outputs, const at::Tensor& targets) {
  samples_ += static_cast<std::uint64_t>(outputs.size(0));
  loss_sum_ +=
      static_cast<double>(loss_of(loss_, outputs, targets, OverSamples::kSum).item<float>());
  switch (loss_) {
    case LossKind::kCrossEntropy:
      return add_classes(outputs.contiguous(), targets.contiguous());
    case LossKind::kBinaryCrossEntropy:
      return add_binary(outputs.contiguous(), targets.contiguous());
    case LossKind::kMeanSquaredError:
      error_sum_ += (outputs - targets).abs().mean(1).sum(at::kDouble).item<double>();
      return;
    case LossKind::kModel:
      break;
  }
}

void Metrics::add_told(double loss, const at::Tensor& outputs, const at::Tensor& classes) {
  const std::int64_t count = classes.size(0);
  samples_ += static_cast<std::uint64_t>(count);
  loss_sum_ += loss * static_cast<double>(count);
  if (outputs.defined()) add_classes(outputs.to(at::kFloat).contiguous(), classes.contiguous());
}

void Metrics::add_classes(const at::Tensor& outputs, const at::Tensor& classes) {
  const std::int64_t* class_of = classes.data_ptr<std::int64_t>();
  for (std::int64_t row = 0; row < outputs.size(0); ++row) {
    const auto own = static_cast<std::size_t>(class_of[row]);
    const std::size_t rank = rank_of(row_of(outputs, row), own);
    ++per_class_.at(own).samples;
    if (rank == 0) ++per_class_[own].right;
    if (rank < top_k_) ++among_k_;
  }
}

void Metrics::add_binary(const at::Tensor& outputs, const at::Tensor& targets) {
  for (std::int64_t row = 0; row < outputs.size(0); ++row) {
    const std::span<const float> logits = row_of(outputs, row);
    const std::span<const float> wanted = row_of(targets, row);
    for (std::size_t i = 0; i < per_class_.size(); ++i) {
      ++per_class_[i].samples;
      // The logistic of 0 is 1/2.
      if ((logits[i] > 0) == (wanted[i] > 0.5f)) ++per_class_[i].right;
    }
  }
}

Result<ports::Evaluation> Metrics::evaluation() const {
  if (!std::isfinite(loss_sum_)) {
    return fail(ErrorCode::kNumeric, "the loss on the test set is not finite");
  }
  const auto count = static_cast<double>(samples_);
  ports::Evaluation evaluation;
  evaluation.samples = samples_;
  evaluation.loss = loss_sum_ / count;
  if (loss_ == LossKind::kMeanSquaredError) {
    evaluation.mean_absolute_error = error_sum_ / count;
    return evaluation;
  }
  std::uint64_t right = 0;
  std::uint64_t asked = 0;
  for (const ports::ClassTally& tally : per_class_) {
    right += tally.right;
    asked += tally.samples;
  }
  if (asked == 0) return evaluation;
  evaluation.accuracy = static_cast<double>(right) / static_cast<double>(asked);
  evaluation.per_class = per_class_;
  if (top_k_ > 0) evaluation.top_k = {top_k_, static_cast<double>(among_k_) / count};
  return evaluation;
}

}  // namespace skiptrain::learn
