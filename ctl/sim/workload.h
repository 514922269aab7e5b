// From options to what a simulation needs: the configuration that a testbed's daemons would have,
// devices, trainers. The data are loaded once for all runs of one command.
#pragma once

#include <memory>
#include <vector>

#include "base/error.h"
#include "ctl/sim/options.h"
#include "daemon/config/config.h"
#include "data/dataset.h"
#include "learn/script_file.h"
#include "model/parameters.h"
#include "sim/simulation.h"

namespace skiptrain::ctl {

// What is known before anything is loaded.
struct SimPlan {
  daemon::Config config;              // of the node at position 0
  std::vector<std::string> profiles;  // by position
  std::uint32_t workers = 1;
  learn::ScriptFilePtr model_file;  // null without model.file
};
// kInvalidArgument names the flag that does not fit: a topology that cannot be built, a setting out
// of range. Errors as daemon::load_model_file.
Result<SimPlan> plan_simulation(const SimOptions& options, const TestbedOptions& run);

// The data set, read when the first run needs it.
class SharedData {
 public:
  struct Sets {
    std::shared_ptr<const data::Dataset> train;
    std::shared_ptr<const data::Dataset> test;
  };
  Result<Sets> load(const daemon::Config& config);

 private:
  std::optional<Sets> sets_;
};

struct PreparedRun {
  sim::SimulationOptions options;
  sim::Trainers trainers;
  ParametersPool pool;
};
// Deals the data, makes the trainers and works out each device's time and energy. kInvalidArgument:
// an empty share, a budget that is not enough for one round. kResourceExhausted: it would not fit
// this machine's memory; the message has the estimate.
Result<PreparedRun> prepare(const SimOptions& options, const SimPlan& plan, SharedData& data);

}  // namespace skiptrain::ctl
