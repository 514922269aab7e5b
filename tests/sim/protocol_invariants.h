// What must hold in a cluster after every single step of a node, whatever the network and the
// machines do: a checker apart from the simulation that it watches.
//
// It is told what goes in and what comes out, and keeps its own books: which updates were sent
// with which tag, which were mixed by whom, what energy was promised. Where updates are compressed
// it also keeps a publisher for each node, and what is mixed must hold the same bits as what that
// one published. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/node.h"
#include "model/publisher.h"
#include "sim/simulation.h"

namespace skiptrain::sim::testing {

class ProtocolInvariants : public Observer, public StepWatcher {
 public:
  // Watches a run of these options. `is_calm`: nothing goes wrong in it, so that mixing also
  // preserves the mean over the nodes. Rounds must have a fixed deadline.
  ProtocolInvariants(const SimulationOptions& options, bool is_calm);

  void node_started(Position position, Instant now, Incarnation incarnation) override;
  void fault_struck(Instant now, const FaultKind& fault) override;
  void node_stepped(Position position, const core::Node& node, const core::Event& event,
                    const core::Effects& effects, Instant now, Instant local) override;
  // At the end: that every node which is up has ended its run.
  void check_end(const Simulation& simulation, Outcome outcome);

  // Energy promised to training so far, over all incarnations of a node.
  WattHours charged(Position position) const { return charged_[position]; }
  std::uint64_t mixes_checked() const { return mixes_checked_; }
  std::uint64_t means_checked() const { return means_checked_; }
  std::uint64_t catch_ups() const { return catch_ups_; }
  std::uint64_t deadline_hits() const { return deadline_hits_; }
  // Updates of an earlier round than that of their mix (mode async).
  std::uint64_t stale_mixed() const { return stale_mixed_; }
  // Empty if all is well; else the first few things that were not, in words.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Books {
    Round round;
    std::optional<core::StateFetched> fetched;
    std::set<std::pair<NodeId, Round>> mixed;
    std::map<NodeId, unsigned> missed_in_a_row;  // at deadlines
    Duration clock_jumped{};                     // forwards, since its last commit
  };

  void violated(Position position, Instant now, const std::string& what);
  void check_clock(Position position, const core::Node& node, Instant now, Instant local);
  void check_mix(Position position, const core::Node& node, const core::Mix& mix, Instant now);
  void check_intent(Position position, const core::RecordEnergyIntent& intent, Instant now);
  void check_commit(Position position, const core::Commit& commit, Instant now);
  void check_mean(Round round, const ParametersPtr& before, const ParametersPtr& after);
  void check_wait(Position position, const core::RoundRecord& record, Instant now);
  void check_patience(Position position, const core::RoundRecord& record, Instant now);
  // The tag under which an update that is mixed in `round` was sent, and not yet mixed by this
  // node; nullopt: there is none that this round may use.
  std::optional<Round> usable_tag(Position position, NodeId from, const ParametersPtr& parameters,
                                  Round round) const;
  bool is_async() const { return options_.rules.mode == core::RoundMode::kAsync; }
  // Why `mix` is no regular mix of its round; "" if it is one.
  std::string why_not_regular(Position position, const core::Mix& mix) const;
  bool is_catch_up(Position position, const core::Mix& mix) const;
  // The update as the node publishes it, by a publisher of the checker's own.
  PublishedUpdate publish(Position position, const ModelUpdate& update);
  bool is_same(const ParametersPtr& a, const ParametersPtr& b) const;
  std::uint32_t degree(NodeId id) const;
  const Device& device(Position position) const;

  SimulationOptions options_;
  bool is_calm_;
  std::vector<Books> books_;
  std::vector<WattHours> charged_;
  std::vector<std::optional<Publisher>> publishers_;
  // As published. Holding the parameters keeps their addresses from being used again.
  std::map<std::pair<NodeId, Round>, std::vector<ParametersPtr>> sent_;
  // The first of each, as the node itself has it.
  std::map<std::pair<NodeId, Round>, ParametersPtr> own_;
  // By round, over the nodes that have done it: how many, and the sums of their updates and of the
  // mixes, by parameter.
  struct Sums {
    std::size_t nodes = 0;
    std::vector<double> updates;
    std::vector<double> mixes;
  };
  std::map<Round, Sums> sums_;
  std::uint64_t mixes_checked_ = 0;
  std::uint64_t means_checked_ = 0;
  std::uint64_t catch_ups_ = 0;
  std::uint64_t deadline_hits_ = 0;
  std::uint64_t stale_mixed_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace skiptrain::sim::testing
