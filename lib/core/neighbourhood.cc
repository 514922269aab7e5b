#include "core/neighbourhood.h"

#include <algorithm>

namespace skiptrain::core {

Neighbourhood::Neighbourhood(const std::vector<NodeId>& neighbours, bool come_and_go)
    : come_and_go_(come_and_go) {
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

std::uint32_t Neighbourhood::degree() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(neighbours_, [](const auto& entry) { return entry.second.out_edge; }));
}

bool Neighbourhood::link(const std::vector<NodeId>& nodes) {
  bool changed = false;
  for (auto entry = neighbours_.begin(); entry != neighbours_.end();) {
    const bool stays = std::ranges::binary_search(nodes, entry->first);
    changed |= !stays;
    entry = stays ? entry + 1 : neighbours_.erase(entry);
  }
  for (const NodeId node : nodes) {
    Neighbour fresh;
    fresh.out_edge = fresh.in_edge = false;
    changed |= neighbours_.emplace(node, fresh).second;
  }
  return changed;
}

void Neighbourhood::set_edges(const std::vector<NodeId>& out, const std::vector<NodeId>& in,
                              Round round) {
  for (auto& [id, neighbour] : neighbours_) {
    const bool is_new = !neighbour.in_edge;
    neighbour.out_edge = std::ranges::binary_search(out, id);
    neighbour.in_edge = std::ranges::binary_search(in, id);
    const bool was_in_step = neighbour.next_round.value() + kNewsLag >= round.value();
    if (is_new && neighbour.in_edge && was_in_step) presume_in_step(neighbour, round);
  }
}

void Neighbourhood::presume_in_step(Neighbour& neighbour, Round round) {
  if (neighbour.next_round >= round || neighbour.presumed) return;
  neighbour.next_round = round;
  neighbour.presumed = true;
}

void Neighbourhood::expect_in_step(Round round) {
  for (auto& [id, neighbour] : neighbours_) {
    if (neighbour.in_edge) presume_in_step(neighbour, round);
  }
}

std::vector<NodeId> Neighbourhood::linked() const {
  std::vector<NodeId> result;
  for (const auto& [id, neighbour] : neighbours_) result.push_back(id);
  return result;
}

std::vector<NodeId> Neighbourhood::receivers() const {
  std::vector<NodeId> result;
  for (const auto& [id, neighbour] : neighbours_) {
    if (neighbour.connected && neighbour.out_edge) result.push_back(id);
  }
  return result;
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
  return neighbour.in_edge && neighbour.connected && neighbour.activity == Activity::kRunning &&
         neighbour.next_round <= round && neighbour.next_round.next() >= round;
}

std::optional<NodeId> Neighbourhood::furthest_ahead(Round round, std::uint64_t allowed_lead) const {
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
