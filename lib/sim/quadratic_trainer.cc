#include "sim/quadratic_trainer.h"

#include <chrono>
#include <cmath>

#include "base/check.h"
#include "base/rng.h"

namespace skiptrain::sim {
namespace {

constexpr std::uint64_t kCentreStream = 0x71756164;
constexpr std::uint64_t kNoiseStream = 0x6e6f6973;

double square(double x) {
  return x * x;
}

}  // namespace

QuadraticProblem::QuadraticProblem(const QuadraticOptions& options)
    : options_(options), optimum_(options.dimension, 0.0) {
  SKIPTRAIN_CHECK(options.nodes > 0 && options.dimension > 0, "a problem has nodes and dimensions");
  SKIPTRAIN_CHECK(options.learning_rate > 0 && options.learning_rate < 2,
                  "local steps converge for learning rates in (0, 2)");
  Rng common(derive_seed({options.run_seed, kCentreStream}));
  std::vector<double> middle(options.dimension);
  for (double& value : middle) value = common.normal();
  centres_.reserve(options.nodes * options.dimension);
  for (std::size_t i = 0; i < options.nodes; ++i) {
    Rng rng(derive_seed({options.run_seed, kCentreStream, i}));
    for (std::size_t k = 0; k < options.dimension; ++k) {
      const auto value = static_cast<float>(middle[k] + options.heterogeneity * rng.normal());
      centres_.push_back(value);
      optimum_[k] += static_cast<double>(value) / static_cast<double>(options.nodes);
    }
  }
  // (1/n) sum 1/2 |x - c_i|^2 = 1/2 |x - mean|^2 + (1/n) sum 1/2 |c_i - mean|^2.
  for (std::size_t i = 0; i < options.nodes; ++i) {
    for (std::size_t k = 0; k < options.dimension; ++k) {
      optimal_loss_ += 0.5 * square(static_cast<double>(centre(i)[k]) - optimum_[k]) /
                       static_cast<double>(options.nodes);
    }
  }
  layout_.append("x", {static_cast<std::int64_t>(options.dimension)});
  initial_ = copy_parameters(std::vector<float>(options.dimension, 0.0f));
}

double QuadraticProblem::global_loss(std::span<const float> x) const {
  double loss = optimal_loss_;
  for (std::size_t k = 0; k < x.size(); ++k) {
    loss += 0.5 * square(static_cast<double>(x[k]) - optimum_[k]);
  }
  return loss;
}

QuadraticTrainer::QuadraticTrainer(std::shared_ptr<const QuadraticProblem> problem,
                                   std::size_t position, ParametersPool pool)
    : problem_(std::move(problem)), position_(position), pool_(std::move(pool)) {}

// With e = x - c, a step is e <- (1 - lr) e - lr * noise * g. After k steps e is (1 - lr)^k e plus
// a normal of variance (lr * noise)^2 * sum over j < k of (1 - lr)^(2 j). The loss of step j is
// 1/2 (1 - lr)^(2 j) |e|^2, noise left aside; their mean is a geometric sum.
Result<ports::TrainOutcome> QuadraticTrainer::train(const ports::TrainRequest& request) {
  const auto started = std::chrono::steady_clock::now();
  const QuadraticOptions& options = problem_->options();
  const auto start = request.start->values();
  if (start.size() != options.dimension) {
    return fail(ErrorCode::kInvalidArgument, "parameters of length " +
                                                 std::to_string(start.size()) + ": must be " +
                                                 std::to_string(options.dimension));
  }
  const double learning_rate = request.learning_rate.value_or(options.learning_rate) *
                               options.lr_schedule.factor(request.round);
  const double keep = 1.0 - learning_rate;
  double kept = 1.0;          // (1 - lr)^k
  double kept_squares = 0.0;  // sum over j < k of (1 - lr)^(2 j)
  for (std::uint64_t j = 0; j < options.local_steps; ++j) {
    kept_squares += kept * kept;
    kept *= keep;
  }
  const auto centre = problem_->centre(position_);
  MutableParametersPtr out = pool_.acquire();
  const auto values = out->values();
  double distance = 0.0;
  for (std::size_t k = 0; k < values.size(); ++k) {
    const double apart = static_cast<double>(start[k]) - static_cast<double>(centre[k]);
    distance += square(apart);
    values[k] = static_cast<float>(static_cast<double>(centre[k]) + kept * apart);
  }
  if (options.noise > 0) {
    Rng rng(derive_seed({options.run_seed, kNoiseStream, position_, request.round.value()}));
    const double deviation = learning_rate * options.noise * std::sqrt(kept_squares);
    for (float& value : values) value += static_cast<float>(deviation * rng.normal());
  }
  if (!all_finite(values)) {
    return fail(ErrorCode::kNumeric, "the parameters are no longer finite");
  }
  const double steps = static_cast<double>(std::max<std::uint64_t>(options.local_steps, 1));
  return ports::TrainOutcome{.parameters = std::move(out),
                             .mean_loss = 0.5 * distance * kept_squares / steps,
                             .samples = options.local_steps,
                             .duration = std::chrono::steady_clock::now() - started};
}

Result<ports::Evaluation> QuadraticTrainer::evaluate(const Parameters& parameters, std::uint64_t,
                                                     std::stop_token) {
  const auto started = std::chrono::steady_clock::now();
  ports::Evaluation evaluation;
  evaluation.loss = problem_->global_loss(parameters.values());
  evaluation.samples = problem_->options().nodes;
  evaluation.duration = std::chrono::steady_clock::now() - started;
  return evaluation;
}

std::vector<std::unique_ptr<ports::Trainer>> quadratic_trainers(
    std::shared_ptr<const QuadraticProblem> problem, const ParametersPool& pool) {
  std::vector<std::unique_ptr<ports::Trainer>> trainers;
  for (std::size_t i = 0; i < problem->options().nodes; ++i) {
    trainers.push_back(std::make_unique<QuadraticTrainer>(problem, i, pool));
  }
  return trainers;
}

}  // namespace skiptrain::sim
