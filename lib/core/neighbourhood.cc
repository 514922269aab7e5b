#include "core/neighbourhood.h"

#include <algorithm>

namespace skiptrain::core {

Neighbourhood::Neighbourhood(const std::vector<NodeId>& neighbours) {
  for (const NodeId node : neighbours) neighbours_.emplace(node, Neighbour{});
}

Neighbour* Neighbourhood::find(NodeId node) {
  const auto found = neighbours_.find(node);
  return found == neighbours_.end() ? nullptr : &found->second;
}

const Neighbour* Neighbourhood::find(NodeId node) const {
  const auto found = neighbours_.find(node);
  return found == neighbours_.end() ? nullptr : &found->second;
}

std::vector<NodeId> Neighbourhood::connected() const {
  std::vector<NodeId> result;
  for (const auto& [id, neighbour] : neighbours_) {
    if (neighbour.connected) result.push_back(id);
  }
  return result;
}

bool Neighbourhood::all_ever_connected() const {
  return std::ranges::all_of(neighbours_, [](const auto& e) { return e.second.ever_connected; });
}

bool Neighbourhood::any_connected() const {
  return std::ranges::any_of(neighbours_, [](const auto& e) { return e.second.connected; });
}

bool Neighbourhood::worth_waiting_for(const Neighbour& neighbour, Round round) {
  return neighbour.connected && neighbour.activity == Activity::kRunning &&
         neighbour.next_round <= round && neighbour.next_round.next() >= round;
}

std::optional<NodeId> Neighbourhood::furthest_ahead(Round round,
                                                   std::uint64_t allowed_lead) const {
  std::optional<NodeId> furthest;
  Round most(round.value() + allowed_lead);
  for (const auto& [id, neighbour] : neighbours_) {
    if (neighbour.connected && neighbour.round > most) {
      most = neighbour.round;
      furthest = id;
    }
  }
  return furthest;
}

}  // namespace skiptrain::core
