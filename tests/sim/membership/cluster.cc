#include "tests/sim/membership/cluster.h"

#include <sstream>

namespace skiptrain::sim::testing {
namespace {

using namespace std::chrono_literals;
using core::MembershipEvent;
using core::MemberState;

// A node that does not run has only so much room for what arrives.
constexpr std::size_t kSocketBuffer = 200;
constexpr Duration kCallPatience = 5s;
constexpr Duration kConnectionRefused = 2ms;
// What a node that is short of CPU waits for its turn, at most.
constexpr Duration kHogged = 1s;
// Checking each member of a large cluster at each step would take most of the time.
constexpr std::size_t kCheckAllUpTo = 32;

std::string gossip_address(std::size_t index) {
  return "10.0." + std::to_string(index / 256) + "." + std::to_string(index % 256) + ":7001";
}
std::string peer_address(std::size_t index) {
  return "node-" + std::to_string(index) + ".example:7000";
}

core::MemberInfo info_of(std::size_t index) {
  return {.name = "node-" + std::to_string(index),
          .peer_address = peer_address(index),
          .gossip_address = gossip_address(index),
          .control = "",
          .profile = "xiaomi-12-pro",
          .data_samples = 1000 + index,
          .tags = {{"site", "a"}}};
}

void add(Cluster::Traffic& traffic, const core::Membership& membership) {
  const auto& counters = membership.counters();
  traffic.packets += counters.sent.packets();
  traffic.packet_bytes += counters.sent.bytes;
  traffic.list_bytes += counters.list_bytes_sent;
}

}  // namespace

Cluster::Cluster(ClusterOptions options)
    : options_(std::move(options)), rng_(derive_seed({options_.seed, 0xc1})), now_(1h) {
  nodes_.resize(options_.nodes);
}

bool Cluster::form(Duration patience) {
  for (Index i = 0; i < size(); ++i) {
    start(i);
    run_for(1s / static_cast<int>(size()));
  }
  return run_until([this] { return one_view(); }, patience);
}

void Cluster::run_until(Instant when) {
  while (!agenda_.empty() && agenda_.top().when <= when) {
    const Entry entry = agenda_.top();
    agenda_.pop();
    now_ = std::max(now_, entry.when);
    dispatch(entry);
  }
  now_ = std::max(now_, when);
}

bool Cluster::run_until(const std::function<bool()>& done, Duration patience) {
  const Instant end = now_ + patience;
  while (!done()) {
    if (now_ >= end || !violation_.empty()) return false;
    run_for(50ms);
  }
  return true;
}

// ---- Faults ----------------------------------------------------------------------------------

void Cluster::start(Index index) {
  Node& node = nodes_[index];
  kill(index);
  if (node.membership) add(ended_, *node.membership);
  ++node.incarnation;
  node.versions.clear();
  node.blocked_until = {};
  node.up = true;
  // The first one needs somebody else when it starts again.
  std::vector<std::string> seeds;
  for (Index i = 0; i < std::min(options_.seeds, size()); ++i) seeds.push_back(peer_address(i));
  node.membership = std::make_unique<core::Membership>(
      core::MembershipOptions{.id = id_of(index),
                              .incarnation = Incarnation(node.incarnation),
                              .info = info_of(index),
                              .timing = options_.timing,
                              .seed = options_.seed,
                              .seeds = std::move(seeds)});
  take_effects(index, node.membership->start(now_));
}

void Cluster::kill(Index index) {
  nodes_[index].up = false;
  nodes_[index].waiting = 0;
}

void Cluster::leave(Index index) {
  inject(index, core::LeaveRequested{});
}

void Cluster::force_leave(Index at, Index index) {
  inject(at, core::ForceLeaveRequested{id_of(index)});
}

void Cluster::stop_process(Index index, Duration duration) {
  nodes_[index].blocked_from = now_;
  nodes_[index].blocked_until = std::max(nodes_[index].blocked_until, now_ + duration);
}

void Cluster::cut(Index from, Index to, bool on) {
  if (on) {
    cuts_.emplace(from, to);
  } else {
    cuts_.erase({from, to});
  }
}

void Cluster::partition(const std::vector<Index>& one_side) {
  const std::set<Index> side(one_side.begin(), one_side.end());
  for (const Index a : one_side) {
    for (Index b = 0; b < size(); ++b) {
      if (side.contains(b)) continue;
      cuts_.emplace(a, b);
      cuts_.emplace(b, a);
    }
  }
}

void Cluster::heal() {
  cuts_.clear();
}

void Cluster::inject(Index index, MembershipEvent event) {
  push(now_, index, std::move(event));
}

// ---- The world -------------------------------------------------------------------------------

Duration Cluster::latency() {
  const auto span = options_.latency_max - options_.latency_min;
  return options_.latency_min + from_seconds(to_seconds(span) * rng_.uniform());
}

std::optional<Cluster::Index> Cluster::index_of(const std::string& address) const {
  // "10.0.H.L:7001" or "node-I.example:7000"
  if (address.starts_with("node-")) {
    const Index index = std::stoul(address.substr(5));
    return index < size() ? std::optional(index) : std::nullopt;
  }
  if (!address.starts_with("10.0.")) return std::nullopt;
  const std::size_t dot = address.find('.', 5);
  const Index index = std::stoul(address.substr(5)) * 256 + std::stoul(address.substr(dot + 1));
  return index < size() ? std::optional(index) : std::nullopt;
}

void Cluster::push(Instant when, Index node, MembershipEvent event) {
  agenda_.push({when, next_number_++, node, nodes_[node].incarnation, false,
                std::make_shared<MembershipEvent>(std::move(event))});
}

void Cluster::dispatch(const Entry& entry) {
  Node& node = nodes_[entry.node];
  if (!node.up || entry.incarnation != node.incarnation) return;
  const bool is_packet = std::holds_alternative<core::PacketReceived>(*entry.event);
  const bool is_tick = std::holds_alternative<core::Tick>(*entry.event);
  if (is_tick && entry.number != node.tick && !entry.waited) return;
  if (node.blocked_until > now_ && now_ > node.blocked_from) {
    if (is_packet && node.waiting >= kSocketBuffer) {
      ++packets_lost_;
      return;
    }
    if (is_packet) ++node.waiting;
    Entry later = entry;
    later.when = node.blocked_until;
    later.waited = true;
    // Their numbers keep what arrived in its order.
    agenda_.push(later);
    return;
  }
  if (entry.waited && is_packet && node.waiting > 0) --node.waiting;
  take_effects(entry.node, node.membership->step(*entry.event, now_));
  // It has its turn for as long as what has arrived takes, then waits for the next.
  if (node.hogged && node.blocked_until <= now_) {
    node.blocked_from = now_;
    node.blocked_until = now_ + from_seconds(to_seconds(kHogged) * rng_.uniform());
  }
}

void Cluster::take_effects(Index index, core::MembershipEffects effects) {
  ++steps_;
  for (auto& effect : effects) {
    std::visit([&](auto& e) { on(index, e); }, effect);
    if (!nodes_[index].up) return;
  }
  check(index);
  plan_tick(index);
}

void Cluster::plan_tick(Index index) {
  Node& node = nodes_[index];
  const auto due = node.membership->next_deadline();
  if (!due) return;
  node.tick = next_number_;
  push(std::max(*due, now_), index, core::Tick{});
}

void Cluster::on(Index index, core::SendPacket& effect) {
  std::size_t bytes = encoded_bound(effect.packet);
  for (const auto& claim : effect.packet.claims) bytes += encoded_bound(claim);
  if (bytes > core::kMaxGossipPlainBytes) violate(index, "a packet is too large");
  const auto to = index_of(effect.address);
  if (!to) return violate(index, "a packet goes to \"" + effect.address + "\"");
  const bool blocked = nodes_[index].udp_blocked || nodes_[*to].udp_blocked;
  if (blocked || !reachable(index, *to) || !nodes_[*to].up) return;
  if (rng_.uniform() < options_.loss) {
    ++packets_lost_;
    return;
  }
  const int copies = rng_.uniform() < options_.duplication ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    push(now_ + latency(), *to, core::PacketReceived{gossip_address(index), effect.packet});
  }
}

void Cluster::open_call(Index index, std::uint64_t call, const std::string& address,
                        const std::function<MembershipEvent(std::uint64_t)>& request) {
  const auto to = index_of(address);
  if (!to) return violate(index, "a call goes to \"" + address + "\"");
  const std::uint64_t handle = next_call_++;
  calls_[handle] = {index, nodes_[index].incarnation, call, *to};
  if (!nodes_[*to].up && reachable(index, *to)) {
    return push(now_ + kConnectionRefused, index, core::CallFailed{call, "connection refused"});
  }
  push(now_ + kCallPatience, index, core::CallFailed{call, "timed out"});
  if (!reachable(index, *to) || !reachable(*to, index)) return;
  // Three ways: a connection is made first.
  push(now_ + latency() + latency() + latency(), *to, request(handle));
}

void Cluster::on(Index index, core::CallMemberList& effect) {
  if (effect.list.members.size() > core::kMaxMembers) violate(index, "a list is too long");
  open_call(index, effect.call, effect.peer_address, [&](std::uint64_t handle) {
    return core::MemberListRequested{handle, std::move(effect.list)};
  });
}

void Cluster::on(Index index, core::CallReliablePing& effect) {
  open_call(index, effect.call, effect.peer_address, [&](std::uint64_t handle) {
    return core::ReliablePingRequested{handle, effect.ping};
  });
}

void Cluster::answer(std::uint64_t handle,
                     const std::function<MembershipEvent(std::uint64_t)>& make) {
  const auto place = calls_.find(handle);
  if (place == calls_.end()) return;
  const OpenCall call = place->second;
  calls_.erase(place);
  const bool gone = nodes_[call.caller].incarnation != call.caller_incarnation;
  if (gone || !reachable(call.callee, call.caller)) return;
  push(now_ + latency(), call.caller, make(call.call));
}

void Cluster::on(Index index, core::AnswerMemberList& effect) {
  if (effect.list.members.size() > core::kMaxMembers) violate(index, "a list is too long");
  answer(effect.call, [&](std::uint64_t call) {
    return core::MemberListAnswered{call, std::move(effect.list)};
  });
}

void Cluster::on(Index, core::AnswerReliablePing& effect) {
  answer(effect.call, [](std::uint64_t call) { return core::ReliablePingAnswered{call}; });
}

void Cluster::on(Index, core::RefuseCall& effect) {
  answer(effect.call, [&](std::uint64_t call) { return core::CallFailed{call, effect.reason}; });
}

void Cluster::on(Index, core::MemberChanged& effect) {
  if (effect.change != core::MemberChange::kFailed) return;
  const Index about = effect.node.value() - 1;
  if (about >= size() || !nodes_[about].up) return;
  ++wrongly_failed_;
  ++nodes_[about].wrongly_failed;
}

// ---- Checks ----------------------------------------------------------------------------------

void Cluster::violate(Index index, const std::string& what) {
  if (!violation_.empty()) return;
  std::ostringstream text;
  text << "seed " << options_.seed << ", " << to_seconds(now_.time_since_epoch()) - 3600
       << " s, node " << id_of(index) << ": " << what;
  violation_ = text.str();
}

void Cluster::check(Index index) {
  Node& node = nodes_[index];
  const core::Membership& membership = *node.membership;
  const auto due = membership.next_deadline();
  if (due && *due <= now_) violate(index, "its deadline does not move on: it would spin");
  if (membership.queued_claims() > core::kMaxMembers) violate(index, "too many claims wait");
  if (size() > kCheckAllUpTo) return;
  for (const auto& [id, member] : membership.members()) {
    auto& newest = node.versions[id];
    if (member.version < newest) violate(index, "the version of " + to_string(id) + " went back");
    newest = member.version;
    if ((member.state == MemberState::kSuspect) != member.suspicion.has_value()) {
      violate(index, "suspect without a clock, or a clock without suspicion");
    }
    const Index about = id.value() - 1;
    if (about < size() && member.version.incarnation.value() > nodes_[about].incarnation) {
      violate(index, "knows a start of " + to_string(id) + " that was not");
    }
  }
}

bool Cluster::one_view() const {
  std::vector<NodeId> all;
  for (Index i = 0; i < size(); ++i) {
    if (up(i)) all.push_back(id_of(i));
  }
  for (Index i = 0; i < size(); ++i) {
    if (!up(i)) continue;
    if (at(i).counts().suspect > 0 || at(i).view() != all) return false;
  }
  return true;
}

std::string Cluster::describe_differences() const {
  std::ostringstream text;
  for (Index i = 0; i < size(); ++i) {
    if (!up(i)) continue;
    for (Index j = 0; j < size(); ++j) {
      const auto* member = at(i).find(id_of(j));
      const char* state = member ? to_string(member->state) : "unknown";
      const bool right =
          up(j) ? member && member->state == MemberState::kAlive : !member || !member->counts();
      if (right) continue;
      text << "node " << id_of(i) << " has " << (up(j) ? "living" : "gone") << " node " << id_of(j)
           << " as " << state << "; ";
    }
  }
  return text.str();
}

bool Cluster::knows_as(Index observer, Index index, MemberState state) const {
  const auto* member = at(observer).find(id_of(index));
  return member != nullptr && member->state == state;
}

Cluster::Traffic Cluster::traffic() const {
  Traffic traffic = ended_;
  for (const Node& node : nodes_) {
    if (node.membership) add(traffic, *node.membership);
  }
  return traffic;
}

}  // namespace skiptrain::sim::testing
