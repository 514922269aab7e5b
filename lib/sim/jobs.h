// What trainers are asked for. Inside lib/sim only.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/units.h"
#include "core/effect.h"
#include "ports/trainer.h"
#include "sim/faults.h"
#include "sim/workers.h"

namespace skiptrain::sim {

struct TrainJob : Job {
  ports::Trainer* trainer = nullptr;
  ports::TrainRequest request;
  std::optional<Result<ports::TrainOutcome>> outcome;

  void run() override {
    if (request.cancel.stop_requested()) {
      outcome = fail(ErrorCode::kUnavailable, "the simulation was stopped");
    } else {
      outcome = trainer->train(request);
    }
  }
};

struct EvaluationJob : Job {
  ports::Trainer* trainer = nullptr;
  Position position = 0;
  Instant asked;
  core::Evaluate request;
  std::uint64_t samples = 0;
  std::stop_token cancel;
  std::optional<Result<ports::Evaluation>> outcome;

  void run() override {
    if (cancel.stop_requested()) {
      outcome = fail(ErrorCode::kUnavailable, "the simulation was stopped");
    } else {
      outcome = trainer->evaluate(*request.parameters, samples, cancel);
    }
  }
};

}  // namespace skiptrain::sim
