// Training without a network or data: node i minimises f_i(x) = 1/2 |x - c_i|^2, whose optimum, and
// whose run of local steps, are known in closed form. For protocol tests with thousands of nodes.
//
// c_i = m + heterogeneity * z_i, with m and the z_i standard normal, drawn from the run's seed. The
// global objective (1/n) sum f_i has its optimum at the mean of the c_i. A local step is
// x <- x - lr * (x - c_i + noise * g), g standard normal; k of them are one affine map plus one
// normal draw per parameter, so a train round costs one pass whatever its number of steps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/learning_rate_schedule.h"
#include "model/parameters.h"
#include "ports/trainer.h"

namespace skiptrain::sim {

struct QuadraticOptions {
  std::size_t nodes = 1;
  std::size_t dimension = 16;
  std::uint64_t run_seed = 1;
  std::uint64_t local_steps = 10;
  double learning_rate = 0.1;              // in (0, 2)
  core::LearningRateSchedule lr_schedule;  // multiplied onto it
  double heterogeneity = 1.0;              // distance between the nodes' optima, per dimension
  double noise = 0.0;                      // of the gradients, per dimension
};

// The problem that all nodes share. Immutable, thread-safe.
class QuadraticProblem {
 public:
  explicit QuadraticProblem(const QuadraticOptions& options);

  const QuadraticOptions& options() const { return options_; }
  std::span<const float> centre(std::size_t position) const {
    return std::span(centres_).subspan(position * options_.dimension, options_.dimension);
  }
  // argmin of the global objective: the mean of the centres.
  const std::vector<double>& optimum() const { return optimum_; }
  // (1/n) sum of f_i(x), and its value at the optimum.
  double global_loss(std::span<const float> x) const;
  double optimal_loss() const { return optimal_loss_; }
  const ParameterLayout& layout() const { return layout_; }
  const ParametersPtr& initial_parameters() const { return initial_; }

 private:
  QuadraticOptions options_;
  std::vector<float> centres_;  // one behind the other
  std::vector<double> optimum_;
  double optimal_loss_ = 0.0;
  ParameterLayout layout_;
  ParametersPtr initial_;  // zeros
};

// Evaluation gives the global loss; there is no accuracy.
class QuadraticTrainer : public ports::Trainer {
 public:
  QuadraticTrainer(std::shared_ptr<const QuadraticProblem> problem, std::size_t position,
                   ParametersPool pool);

  const ParameterLayout& layout() const override { return problem_->layout(); }
  ParametersPtr initial_parameters() const override { return problem_->initial_parameters(); }
  Result<ports::TrainOutcome> train(const ports::TrainRequest& request) override;
  Result<ports::Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                     std::stop_token cancel = {}) override;

 private:
  std::shared_ptr<const QuadraticProblem> problem_;
  std::size_t position_;
  ParametersPool pool_;
};

// One trainer for each node of the problem.
std::vector<std::unique_ptr<ports::Trainer>> quadratic_trainers(
    std::shared_ptr<const QuadraticProblem> problem, const ParametersPool& pool);

}  // namespace skiptrain::sim
