// The port behind which local training and evaluation happen.
//
// A trainer keeps no model between calls unless `keep_optimizer_state` is set: it is handed the
// parameters to start from and returns new ones. Called on one compute thread at a time; never on
// the loop thread. Errors are values, whatever the library behind throws.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "model/named_parameters.h"
#include "model/parameter_layout.h"
#include "model/parameters.h"

namespace skiptrain::ports {

struct TrainRequest {
  Round round;             // names the stream of minibatches, so that a round can be replayed
  ParametersPtr start;     // x(t)
  std::stop_token cancel;  // looked at between local steps; then train() fails with kUnavailable
  std::optional<double> learning_rate;  // in place of the trainer's own base rate
};

struct TrainOutcome {
  ParametersPtr parameters;  // x(t+1/2); finite
  double mean_loss = 0.0;    // over the local steps
  std::uint64_t samples = 0;
  Duration duration{};
};

// Of one class, or of one of several binary outputs.
struct ClassTally {
  std::uint64_t right = 0;    // of `samples`
  std::uint64_t samples = 0;  // of the class; of a binary output, all
};

struct TopK {
  std::uint32_t k = 0;
  double accuracy = 0.0;  // how often the right class is among the k largest outputs, in [0, 1]
};

// Of a model on samples. What its task does not have is not set: an accuracy of 0 is a bad one.
struct Evaluation {
  double loss = 0.0;  // that of training, mean over the samples; of regression the squared error
  // In [0, 1]: top-1 of classes; of binary outputs the part of them on the right side of 1/2.
  std::optional<double> accuracy;
  std::uint64_t samples = 0;
  Duration duration{};

  std::optional<TopK> top_k;                  // of classes, where there are more than k
  std::vector<ClassTally> per_class;          // by class, or by binary output; empty of regression
  std::optional<double> mean_absolute_error;  // of regression; over samples and outputs

  // What a history of rounds keeps: loss, accuracy and the two about the work.
  Evaluation summary() const { return {loss, accuracy, samples, duration, {}, {}, {}}; }
};

class Trainer {
 public:
  virtual ~Trainer() = default;

  virtual const ParameterLayout& layout() const = 0;
  // x(0), the same on every node of a run.
  virtual ParametersPtr initial_parameters() const = 0;
  // kNumeric if the loss or a parameter is no longer finite; `start` is untouched then.
  virtual Result<TrainOutcome> train(const TrainRequest& request) = 0;
  // On the node's test set, or its seeded subset of at most `max_samples` (0: all).
  // `cancel` is looked at between batches; then it fails with kUnavailable.
  virtual Result<Evaluation> evaluate(const Parameters& parameters, std::uint64_t max_samples,
                                      std::stop_token cancel = {}) = 0;

  // The model with these parameters, of layout(), as others use it: with what is not exchanged.
  virtual NamedParameters whole_model(ParametersPtr parameters) const {
    return {layout(), std::move(parameters)};
  }
  // The same as the bytes of a TorchScript file. kPreconditionFailed if it has no such form.
  virtual Result<std::string> torchscript(ParametersPtr /*parameters*/) const {
    return fail(ErrorCode::kPreconditionFailed, "this model has no TorchScript form");
  }
};

}  // namespace skiptrain::ports
