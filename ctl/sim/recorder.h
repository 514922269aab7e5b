// Watches a simulation and keeps the numbers that its report is made of: one tally per round.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ctl/sim/results.h"
#include "sim/simulation.h"

namespace skiptrain::ctl {

class Recorder final : public sim::Observer {
 public:
  // Notes beyond this many are counted, not kept.
  static constexpr std::size_t kMaxNotes = 50;

  // `simulation` must outlive the recorder.
  explicit Recorder(const sim::Simulation& simulation);

  void node_committed(sim::Position, Instant, const core::Commit&) override;
  void node_evaluated(sim::Position, Instant, const core::Evaluate&,
                      const Result<ports::Evaluation>&) override;
  void warned(sim::Position, Instant, const std::string& message) override;
  void fault_struck(Instant, const sim::FaultKind&) override;

  // By position; NaN for a node that was not evaluated, and the accuracy of a task without one.
  const std::vector<double>& last_accuracy() const { return last_accuracy_; }
  const std::vector<double>& last_loss() const { return last_loss_; }
  // Rounds that every node has committed or jumped over.
  std::uint64_t rounds_done() const;
  std::vector<RoundPoint> series() const;
  std::vector<std::string> notes() const;

  // What a checkpoint keeps of rounds before `end`, and its way back. kCorrupt if it is not one.
  nlohmann::json to_json(Round end) const;
  Status restore(const nlohmann::json& saved);

 private:
  struct Tally {
    std::uint64_t committed = 0;
    std::uint64_t trained = 0;
    double energy_wh = 0.0;  // of all nodes, of this round alone
    std::uint64_t bytes_sent = 0;
    double distance_sum = 0.0;
    double last_commit_s = 0.0;
    double consensus_distance = kNotMeasured;
    std::vector<double> accuracy;  // by position; empty: not evaluated
    std::vector<double> loss;
  };
  struct Seen {
    WattHours energy;
    Bytes bytes = 0;
  };

  Tally& tally(std::uint64_t round);
  bool is_evaluated(std::uint64_t round) const;
  void keep_model(sim::Position position, std::uint64_t round, const ParametersPtr& model);
  void measure_consensus(std::uint64_t round);
  void note(std::string text);

  const sim::Simulation& simulation_;
  std::vector<Tally> tallies_;             // by round
  std::vector<Seen> seen_;                 // by position: totals at its last commit
  std::vector<std::uint64_t> next_round_;  // by position
  // Models of evaluated rounds, by position, until all nodes have committed the round.
  std::map<std::uint64_t, std::map<sim::Position, ParametersPtr>> models_;
  std::vector<double> last_accuracy_;
  std::vector<double> last_loss_;
  std::vector<std::string> notes_;
  std::uint64_t notes_dropped_ = 0;
};

}  // namespace skiptrain::ctl
