#include "tests/unit/core/cluster_invariants.h"

#include <algorithm>
#include <cmath>

#include "core/mixing_matrix.h"

namespace skiptrain::core::testing {

ClusterInvariants::ClusterInvariants(const Limits& limits, std::map<NodeId, std::uint32_t> degrees)
    : limits_(limits), degrees_(std::move(degrees)) {}

void ClusterInvariants::violated(NodeId id, Instant now, const std::string& what) {
  constexpr std::size_t kReported = 5;
  if (violations_.size() >= kReported) return;
  violations_.push_back("node " + to_string(id) + " at " +
                        std::to_string(to_milliseconds(now.time_since_epoch())) + " ms: " + what);
}

WattHours ClusterInvariants::charged(NodeId id) const {
  const auto found = charged_.find(id);
  return found == charged_.end() ? WattHours() : found->second;
}

void ClusterInvariants::node_started(NodeId id) {
  round_.erase(id);
  mixed_.erase(id);
  fetched_.erase(id);
}

void ClusterInvariants::node_stepped(const Node& node, const Effects& effects, Instant now) {
  const NodeId id = node.options().id;
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<Send>(&effect)) {
      sent_[{id, send->update.round}].push_back(send->update.parameters);
    } else if (const auto* mix = std::get_if<Mix>(&effect)) {
      check_mix(node, *mix, now);
    } else if (const auto* intent = std::get_if<RecordEnergyIntent>(&effect)) {
      charged_[id] += intent->cost;
      if (limits_.budget && charged_[id].value() > limits_.budget->value() + 1e-9) {
        violated(id, now, "the budget is overrun: " + std::to_string(charged_[id].value()) + " Wh");
      }
    } else if (const auto* commit = std::get_if<Commit>(&effect)) {
      if (commit->record.wait_time > limits_.deadline) {
        violated(id, now, "an exchange lasted past its deadline");
      }
    }
  }
  check_clock(node, now);
  if (node.updates_held() > 2 * std::size_t{node.neighbours().degree()}) {
    violated(id, now, "it holds more than two updates per neighbour");
  }
}

void ClusterInvariants::check_clock(const Node& node, Instant now) {
  const NodeId id = node.options().id;
  if (const auto before = round_.find(id);
      before != round_.end() && node.round() < before->second) {
    violated(id, now, "its round went back to " + to_string(node.round()));
  }
  round_[id] = node.round();
  const auto waiting = node.waiting();
  if (waiting && now > waiting->until) violated(id, now, "it still waits after the deadline");
}

void ClusterInvariants::check_mix(const Node& node, const Mix& mix, Instant now) {
  const NodeId self = node.options().id;
  ++mixes_checked_;
  double sum = 0.0;
  for (const MixInput& input : mix.inputs) {
    sum += input.weight;
    if (input.weight < 0.0) violated(self, now, "a weight is negative");
  }
  if (std::abs(sum - 1.0) > 1e-12) violated(self, now, "the weights do not sum to 1");
  if (mix.round != node.round()) violated(self, now, "it mixes for another round than its own");
  const std::string why_not = why_not_regular(self, mix);
  if (why_not.empty()) {
    for (const MixInput& input : mix.inputs) mixed_[self].insert({input.from, mix.round});
  } else if (!is_catch_up(self, mix)) {
    violated(self, now, "in the mix of round " + to_string(mix.round) + ": " + why_not);
  }
}

std::string ClusterInvariants::why_not_regular(NodeId self, const Mix& mix) const {
  const auto mixed = mixed_.find(self);
  for (std::size_t k = 0; k < mix.inputs.size(); ++k) {
    const auto& [from, weight, parameters] = mix.inputs[k];
    const std::string who = "the update of node " + to_string(from);
    if (k > 0 && mix.inputs[k - 1].from >= from) return "the terms are not in NodeId order";
    if (mixed != mixed_.end() && mixed->second.contains({from, mix.round})) {
      return who + " is mixed a second time";
    }
    if (from == self) continue;
    const auto sent = sent_.find({from, mix.round});
    if (sent == sent_.end() || std::ranges::count(sent->second, parameters) == 0) {
      return who + " was not sent as one of this round";
    }
    const double expected = metropolis_hastings_weight(degrees_.at(self), degrees_.at(from));
    if (weight != expected) return who + " has not its Metropolis-Hastings weight";
  }
  return "";
}

bool ClusterInvariants::is_catch_up(NodeId self, const Mix& mix) const {
  const auto fetched = fetched_.find(self);
  if (fetched == fetched_.end() || mix.inputs.size() != 2) return false;
  return std::ranges::all_of(mix.inputs, [&](const MixInput& input) {
    const bool theirs =
        input.from == fetched->second.from && input.parameters == fetched->second.state.parameters;
    return input.weight == 0.5 && (input.from == self || theirs);
  });
}

}  // namespace skiptrain::core::testing
