// The part of the control service that shows and changes who is in the cluster: its graph, its
// members, its keys.
#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <vector>

#include "core/topology/mixing_matrix.h"
#include "core/topology/spectral_gap.h"
#include "daemon/control_convert.h"
#include "daemon/control_service.h"
#include "daemon/control_status.h"

namespace skiptrain::daemon {
namespace {

Error not_living() {
  return {ErrorCode::kPreconditionFailed,
          "the nodes of this cluster are listed in its config (membership.enabled is false): none "
          "joins or leaves"};
}

Error warming_up() {
  return {ErrorCode::kPreconditionFailed, "the node is warming up; try again in a moment"};
}

v1::MemberState to_message(core::MemberState state) {
  switch (state) {
    case core::MemberState::kAlive:
      return v1::MEMBER_STATE_ALIVE;
    case core::MemberState::kSuspect:
      return v1::MEMBER_STATE_SUSPECT;
    case core::MemberState::kFailed:
      return v1::MEMBER_STATE_FAILED;
    case core::MemberState::kLeft:
      return v1::MEMBER_STATE_LEFT;
  }
  return v1::MEMBER_STATE_UNSPECIFIED;
}

void fill(const core::Member& member, Instant now, v1::ListMembersResponse::Member& out) {
  out.set_node_id(member.id.value());
  out.set_node_name(member.info.name);
  out.set_state(to_message(member.state));
  out.set_since_seconds(std::max(0.0, to_seconds(now - member.since)));
  out.set_incarnation(member.version.incarnation.value());
  out.set_refutation(member.version.refutation);
  out.set_peer_address(member.info.peer_address);
  out.set_gossip_address(member.info.gossip_address);
  out.set_control(member.info.control);
  out.set_profile(member.info.profile);
  out.set_data_samples(member.info.data_samples);
  for (const auto& [key, value] : member.info.tags) {
    auto* tag = out.add_tags();
    tag->set_key(key);
    tag->set_value(value);
  }
  out.set_udp_blocked(member.udp_blocked);
}

void fill(const ports::GossipReport& report, v1::GossipCounters& out) {
  out.set_packets_sent(report.packets_out);
  out.set_packets_received(report.packets_in);
  out.set_bytes_sent(report.bytes_out);
  out.set_bytes_received(report.bytes_in);
  for (const auto& [reason, count] : report.dropped) (*out.mutable_dropped())[reason] = count;
  out.set_last_drop(report.last_drop);
  out.set_send_errors(report.send_errors);
  out.set_last_send_error(report.last_send_error);
}

}  // namespace

// A cluster's nodes and the graph on them: of the config, or of who lives now.
struct ControlService::Map {
  std::vector<ClusterNode> nodes;  // by ascending id
  core::Topology graph{0};
};

ControlService::Map ControlService::map() const {
  if (!config_.membership.enabled) return {config_.cluster.nodes, config_.cluster.graph};
  std::optional<core::LivingTopology> topology;
  std::vector<NodeId> view;
  Map map = driver_.inspect_cluster([&](const core::Node&, const runtime::Cluster* cluster) {
    if (cluster == nullptr) return Map{config_.cluster.nodes, config_.cluster.graph};
    Map members;
    view = cluster->membership().view();
    topology = cluster->topology();
    for (const NodeId id : view) {
      const core::MemberInfo& info = cluster->membership().find(id)->info;
      members.nodes.push_back({id, info.name, info.peer_address, info.control});
    }
    return members;
  });
  if (view.empty()) return map;
  // Not on the node's thread: the graph of a large cluster takes its time.
  if (!topology) {
    topology =
        core::LivingTopology::create({core::TopologySpec::Kind::kComplete, 0, ""}, 0).value();
  }
  map.graph = topology->graph(view).graph;
  return map;
}

std::string ControlService::name_of(NodeId node) const {
  if (!config_.membership.enabled) {
    const auto found = std::ranges::find(config_.cluster.nodes, node, &ClusterNode::id);
    return found == config_.cluster.nodes.end() ? to_string(node) : found->name;
  }
  return driver_.inspect_cluster([node](const core::Node&, const runtime::Cluster* cluster) {
    const core::Member* member = cluster ? cluster->membership().find(node) : nullptr;
    return member ? member->info.name : to_string(node);
  });
}

// In how many rounds news are everywhere. A rumour that each node tells one other per round takes
// log2 n + ln n of them, with high probability (B. Pittel, On spreading a rumor, 1987).
std::uint64_t ControlService::diameter() const {
  const auto spec = core::parse_topology_spec(config_.cluster.topology);
  if (!spec || spec->kind != core::TopologySpec::Kind::kEpidemic) return map().graph.diameter();
  const std::size_t nodes = driver_.inspect_cluster(
      [&](const core::Node&, const runtime::Cluster* cluster) -> std::size_t {
        return cluster ? cluster->membership().view().size() : config_.cluster.nodes.size();
      });
  return 2 * static_cast<std::uint64_t>(std::bit_width(nodes));
}

grpc::Status ControlService::GetTopology(grpc::ServerContext*, const v1::GetTopologyRequest*,
                                         v1::GetTopologyResponse* response) {
  const Map map = this->map();
  const core::Topology& graph = map.graph;
  const core::MixingMatrix weights(graph);
  response->set_spec(config_.cluster.topology);
  response->set_self(config_.node.id.value());
  for (std::size_t i = 0; i < map.nodes.size(); ++i) {
    const ClusterNode& node = map.nodes[i];
    auto* vertex = response->add_vertices();
    vertex->set_node_id(node.id.value());
    vertex->set_node_name(node.name);
    vertex->set_address(node.address);
    vertex->set_control(node.id == config_.node.id ? "unix:" + config_.control.socket.string()
                                                   : node.control);
    vertex->set_degree(
        static_cast<std::uint32_t>(graph.degree(static_cast<core::Topology::Position>(i))));
  }
  for (const auto& [a, b] : graph.edges()) {
    auto* edge = response->add_edges();
    edge->set_a(map.nodes[a].id.value());
    edge->set_b(map.nodes[b].id.value());
    edge->set_weight(weights.weight(a, b));
  }
  response->set_connected(graph.is_connected());
  response->set_spectral_gap(core::spectral_gap(graph).value);
  response->set_diameter(static_cast<std::uint32_t>(graph.diameter()));
  return grpc::Status::OK;
}

// ---- Members ---------------------------------------------------------------------------------

grpc::Status ControlService::ListMembers(grpc::ServerContext*, const v1::ListMembersRequest*,
                                         v1::ListMembersResponse* response) {
  if (!config_.membership.enabled) return to_grpc(not_living());
  const bool ready =
      driver_.inspect_cluster([&](const core::Node&, const runtime::Cluster* cluster) {
        if (cluster == nullptr) return false;
        for (const auto& [id, member] : cluster->membership().members()) {
          auto* out = response->add_members();
          fill(member, runtime::Driver::now(), *out);
          out->set_self(id == config_.node.id);
        }
        response->set_health_score(cluster->membership().health_score());
        response->set_expected(cluster->expect());
        fill(cluster->gossip().report(), *response->mutable_gossip());
        return true;
      });
  return ready ? grpc::Status::OK : to_grpc(warming_up());
}

grpc::Status ControlService::Leave(grpc::ServerContext*, const v1::LeaveRequest*,
                                   v1::LeaveResponse* response) {
  if (!config_.membership.enabled) return to_grpc(not_living());
  response->set_after_round(
      driver_.inspect([](const core::Node& node) { return node.round().value(); }));
  actions_.leave();
  return grpc::Status::OK;
}

grpc::Status ControlService::ForceLeave(grpc::ServerContext*, const v1::ForceLeaveRequest* request,
                                        v1::ForceLeaveResponse*) {
  if (const Status left = driver_.force_leave(NodeId(request->node_id())); !left) {
    return to_grpc(left.error());
  }
  return grpc::Status::OK;
}

// ---- Keys ------------------------------------------------------------------------------------

grpc::Status ControlService::list_keys(v1::ListKeysResponse& response) const {
  for (const discovery::KeyInfo& info : keyring_->list()) {
    auto* key = response.add_keys();
    key->set_id(info.id);
    key->set_in_use(info.in_use);
  }
  return grpc::Status::OK;
}

grpc::Status ControlService::ListKeys(grpc::ServerContext*, const v1::ListKeysRequest*,
                                      v1::ListKeysResponse* response) {
  if (!keyring_) return to_grpc(not_living());
  return list_keys(*response);
}

grpc::Status ControlService::InstallKey(grpc::ServerContext*, const v1::InstallKeyRequest* request,
                                        v1::ListKeysResponse* response) {
  if (!keyring_) return to_grpc(not_living());
  const auto id = keyring_->install(request->key());
  return id ? list_keys(*response) : to_grpc(id.error());
}

grpc::Status ControlService::UseKey(grpc::ServerContext*, const v1::UseKeyRequest* request,
                                    v1::ListKeysResponse* response) {
  if (!keyring_) return to_grpc(not_living());
  const auto used = keyring_->use(request->id());
  return used ? list_keys(*response) : to_grpc(used.error());
}

grpc::Status ControlService::RemoveKey(grpc::ServerContext*, const v1::RemoveKeyRequest* request,
                                       v1::ListKeysResponse* response) {
  if (!keyring_) return to_grpc(not_living());
  const auto removed = keyring_->remove(request->id());
  return removed ? list_keys(*response) : to_grpc(removed.error());
}

}  // namespace skiptrain::daemon
