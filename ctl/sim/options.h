// What is simulated: the flags of `skipctl sim`, as one value. The flags that a testbed has too are
// in TestbedOptions and mean the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "ctl/sim/results.h"
#include "ctl/testbed/options.h"

namespace skiptrain::ctl {

inline constexpr const char* kLearnTrainer = "learn";
// Rows or columns of a sweep, and runs of one command.
inline constexpr std::uint32_t kMaxSweepLength = 16;

struct SimOptions {
  TestbedOptions run;
  std::string policy = "skiptrain";           // parsed into run.schedule by `check`
  std::string trainer = kLearnTrainer;        // or kQuadraticTrainer
  std::uint64_t dimension = 16;               // parameters of the quadratic trainer
  double heterogeneity = 1.0;                 // of the quadratic trainer
  std::string network = "lan";                // ideal, lan, wifi, wan or a TOML file
  std::string faults;                         // a TOML file; empty: none
  std::optional<std::uint64_t> network_seed;  // default: run.seed
  std::uint64_t end_samples = 0;              // of the test set, at the end; 0: all
  std::uint32_t workers = 0;                  // 0: as many as are of use

  std::vector<std::string> compare;  // policies, one run each
  std::string sweep;                 // "train=1..4,sync=1..4", one run per cell

  std::string checkpoint;               // file to keep up to date; empty: none
  std::uint64_t checkpoint_every = 10;  // rounds
  std::string resume;                   // a checkpoint to go on from

  // Files to write besides what is printed; empty: none.
  std::string html;
  std::string csv;
  std::string json;
  std::string event_log;

  std::string command;  // as typed, for the report
};

// "train=A..B,sync=C..D"; a single number is a range of one. kInvalidArgument says what is allowed.
Result<SweepGrid> parse_sweep(std::string_view text);

// One entry per run: the policies of --compare, the cells of --sweep row by row, or the one asked
// for. kInvalidArgument: an unknown policy, or flags that exclude each other.
Result<std::vector<TestbedOptions>> runs_of(const SimOptions& options);

}  // namespace skiptrain::ctl
