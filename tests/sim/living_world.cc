#include "tests/sim/living_world.h"

#include <algorithm>
#include <cmath>

namespace skiptrain::sim {
namespace {

ParametersPtr scalar(float x) {
  const float values[] = {x};
  return copy_parameters(values);
}

float value_of(const ParametersPtr& parameters) {
  return parameters->values()[0];
}

}  // namespace

LivingWorld::LivingWorld(LivingWorldOptions options)
    : options_(std::move(options)),
      topology_(*core::LivingTopology::create(*core::parse_topology_spec(options_.topology),
                                              options_.seed)),
      rng_(options_.seed) {}

Duration LivingWorld::between(Duration low, Duration high) {
  return low + from_seconds(to_seconds(high - low) * rng_.uniform());
}

void LivingWorld::at(Instant when, std::function<void()> what) {
  agenda_.push({when, ++order_, std::move(what)});
}

void LivingWorld::run_for(Duration duration) {
  const Instant until = now_ + duration;
  while (!agenda_.empty() && agenda_.top().when <= until) {
    const Entry entry = agenda_.top();
    agenda_.pop();
    now_ = entry.when;
    entry.what();
  }
  now_ = until;
}

// ---- Who is there ----------------------------------------------------------------------------

void LivingWorld::start(std::uint64_t id) {
  Peer& peer = nodes_[id];
  core::NodeOptions options;
  options.id = NodeId(id);
  options.nodes_come_and_go = true;
  options.total_rounds = options_.total_rounds;
  options.run_seed = options_.seed;
  options.schedule = {core::Policy::kSkipTrain, 2, 2};
  options.energy_per_train_round = WattHours(1);
  options.start_timeout = std::chrono::seconds(5);
  peer.core = std::make_unique<core::Node>(std::move(options));
  ++peer.epoch;
  ++peer.incarnation;
  peer.links.clear();
  peer.timer.reset();
  peer.last_round.reset();
  peer.view = {NodeId(id)};
  if (!peer.committed.parameters) peer.committed = {Round(0), 0, scalar(1.0f)};
  step(id, core::ModelReady{peer.committed.round, peer.committed.parameters, std::nullopt});
  // It hears of all others in one go, as a joiner does.
  const std::uint32_t epoch = peer.epoch;
  at(now_ + between(Duration(0), options_.news_delay), [this, id, epoch] {
    if (nodes_[id].epoch != epoch) return;
    for (const std::uint64_t other : alive()) {
      if (!is_cut(id, other)) hear(id, other, true);
    }
    hear(id, id, true);
  });
  spread(id, true);
}

void LivingWorld::kill(std::uint64_t id) {
  Peer& peer = nodes_.at(id);
  peer.core.reset();
  ++peer.epoch;
  peer.links.clear();
  reconcile_all(id);
  spread(id, false);
}

void LivingWorld::spread(std::uint64_t about, bool lives) {
  const std::uint32_t epoch = nodes_.at(about).epoch;
  for (const std::uint64_t other : alive()) {
    if (other == about || is_cut(about, other)) continue;
    at(now_ + between(Duration(0), options_.news_delay), [this, other, about, lives, epoch] {
      if (nodes_.at(about).epoch == epoch && nodes_.at(other).core) hear(other, about, lives);
    });
  }
}

void LivingWorld::hear(std::uint64_t id, std::uint64_t about, bool lives) {
  Peer& peer = nodes_.at(id);
  if (lives) {
    peer.view.insert(NodeId(about));
  } else {
    peer.view.erase(NodeId(about));
    step(id, core::MemberGone{NodeId(about)});
  }
  const std::vector<NodeId> members(peer.view.begin(), peer.view.end());
  step(id, core::NeighboursWanted{topology_.neighbours(members, NodeId(id)), members.size() > 1});
}

void LivingWorld::partition(const std::set<std::uint64_t>& half) {
  half_ = half;
  const std::uint32_t number = ++partitions_;
  for (const std::uint64_t a : alive()) {
    reconcile_all(a);
    for (const std::uint64_t b : alive()) {
      if (!is_cut(a, b)) continue;
      at(now_ + options_.news_delay + between(Duration(0), options_.news_delay),
         [this, a, b, number] {
           if (partitions_ == number && half_ && nodes_.at(a).core) hear(a, b, false);
         });
    }
  }
}

void LivingWorld::heal() {
  half_.reset();
  const std::uint32_t number = ++partitions_;
  for (const std::uint64_t a : alive()) {
    reconcile_all(a);
    for (const std::uint64_t b : alive()) {
      at(now_ + between(Duration(0), options_.news_delay), [this, a, b, number] {
        const bool both = nodes_.at(a).core && nodes_.at(b).core;
        if (partitions_ == number && both) hear(a, b, true);
      });
    }
  }
}

bool LivingWorld::is_cut(std::uint64_t a, std::uint64_t b) const {
  return half_ && half_->contains(a) != half_->contains(b);
}

std::vector<std::uint64_t> LivingWorld::alive() const {
  std::vector<std::uint64_t> result;
  for (const auto& [id, peer] : nodes_) {
    if (peer.core) result.push_back(id);
  }
  return result;
}

std::vector<NodeId> LivingWorld::wanted(std::uint64_t id) const {
  std::vector<NodeId> members;
  for (const std::uint64_t other : alive()) members.push_back(NodeId(other));
  return topology_.neighbours(members, NodeId(id));
}

double LivingWorld::one_sided_share() const {
  std::size_t all = 0;
  std::size_t one_sided = 0;
  // Some of the newest rounds' mixes are still to come.
  constexpr std::uint64_t kUnderWay = 3;
  const std::uint64_t newest = mixed_.empty() ? 0 : mixed_.rbegin()->first;
  for (const auto& [round, pairs] : mixed_) {
    if (round + kUnderWay > newest) break;
    for (const auto& [to, from] : pairs) {
      ++all;
      one_sided += pairs.contains({from, to}) ? 0 : 1;
    }
  }
  return all == 0 ? 0.0 : static_cast<double>(one_sided) / static_cast<double>(all);
}

// ---- Links -----------------------------------------------------------------------------------

void LivingWorld::reconcile_all(std::uint64_t id) {
  for (auto& [other, peer] : nodes_) {
    if (other != id) reconcile(id, other);
  }
}

void LivingWorld::reconcile(std::uint64_t a, std::uint64_t b) {
  const Pair pair = std::minmax(a, b);
  Link& link = links_[pair];
  const auto is_wanted = [this, pair] {
    const Peer& one = nodes_.at(pair.first);
    const Peer& two = nodes_.at(pair.second);
    return one.core && two.core && one.links.contains(NodeId(pair.second)) &&
           two.links.contains(NodeId(pair.first)) && !is_cut(pair.first, pair.second);
  };
  if (is_wanted() == link.up) return;
  ++link.epoch;
  const std::uint32_t epoch = link.epoch;
  if (link.up) {
    link.up = false;
    for (const auto& [one, other] : {pair, Pair{pair.second, pair.first}}) {
      if (nodes_.at(one).core) step(one, core::PeerDisconnected{NodeId(other)});
    }
    return;
  }
  at(now_ + between(options_.latency, 4 * options_.latency), [this, pair, epoch, is_wanted] {
    Link& opened = links_[pair];
    if (opened.epoch != epoch || opened.up || !is_wanted()) return;
    opened.up = true;
    const auto state = [this](std::uint64_t id) { return nodes_.at(id).announced; };
    for (const auto& [one, other] : {pair, Pair{pair.second, pair.first}}) {
      if (!nodes_.at(one).core || !links_[pair].up) return;
      step(one, core::PeerConnected{NodeId(other), Incarnation(nodes_.at(other).incarnation),
                                    state(other)});
    }
  });
}

void LivingWorld::deliver(std::uint64_t from, std::uint64_t to, core::Event event) {
  const Pair pair = std::minmax(from, to);
  Link& link = links_[pair];
  if (!link.up) return;
  Instant& last = link.last_arrival[from < to ? 0 : 1];
  last = std::max(last, now_ + between(options_.latency / 10, options_.latency));
  at(last, [this, pair, to, epoch = link.epoch, event = std::move(event)] {
    if (links_[pair].up && links_[pair].epoch == epoch) step(to, event);
  });
}

// ---- One node --------------------------------------------------------------------------------

void LivingWorld::step(std::uint64_t id, const core::Event& event) {
  Peer& peer = nodes_.at(id);
  if (!peer.core) return;
  for (const core::Effect& effect : peer.core->step(event, now_)) perform(id, effect);
  arm(id);
}

void LivingWorld::arm(std::uint64_t id) {
  Peer& peer = nodes_.at(id);
  const auto due = peer.core->next_deadline();
  if (!due || due == peer.timer) return;
  peer.timer = due;
  at(std::max(*due, now_), [this, id, due, epoch = peer.epoch] {
    Peer& ticked = nodes_.at(id);
    if (ticked.epoch != epoch || ticked.timer != due) return;
    ticked.timer.reset();
    step(id, core::Tick{});
  });
}

void LivingWorld::mix(std::uint64_t id, const core::Mix& mix) {
  double sum = 0.0;
  double value = 0.0;
  for (const core::MixInput& input : mix.inputs) {
    sum += input.weight;
    value += input.weight * static_cast<double>(value_of(input.parameters));
    if (input.from != mix.self) mixed_[mix.round.value()].insert({id, input.from.value()});
  }
  if (std::abs(sum - 1.0) > 1e-9) {
    violations_.push_back("node " + std::to_string(id) + " mixes with weights of " +
                          std::to_string(sum));
  }
  at(now_ + std::chrono::microseconds(100),
     [this, id, round = mix.round, value, epoch = nodes_.at(id).epoch] {
       if (nodes_.at(id).epoch != epoch) return;
       step(id, core::MixFinished{round, scalar(static_cast<float>(value)), 0.0, {}});
     });
}

void LivingWorld::perform(std::uint64_t id, const core::Effect& effect) {
  Peer& peer = nodes_.at(id);
  if (const auto* train = std::get_if<core::Train>(&effect)) {
    const float x = value_of(train->start) + static_cast<float>(rng_.uniform() - 0.5);
    at(now_ + between(options_.training / 2, options_.training),
       [this, id, x, round = train->round, epoch = peer.epoch] {
         if (nodes_.at(id).epoch != epoch) return;
         step(id, core::TrainingFinished{round, scalar(x), 0.5, {}, std::nullopt});
       });
  } else if (const auto* send = std::get_if<core::Send>(&effect)) {
    for (const NodeId to : send->to) {
      deliver(id, to.value(), core::UpdateReceived{NodeId(id), send->update});
    }
  } else if (const auto* edge = std::get_if<core::SendEdge>(&effect)) {
    core::EdgeMessage message = edge->message;
    const std::uint64_t to = message.peer.value();
    message.peer = NodeId(id);
    deliver(id, to, core::EdgeReceived{message});
  } else if (const auto* link = std::get_if<core::LinkTo>(&effect)) {
    peer.links = {link->peers.begin(), link->peers.end()};
    // Not within the step: it may break links, which are events for this very node.
    at(now_, [this, id, epoch = peer.epoch] {
      if (nodes_.at(id).epoch == epoch) reconcile_all(id);
    });
  } else if (const auto* mixed = std::get_if<core::Mix>(&effect)) {
    mix(id, *mixed);
  } else if (const auto* fetch = std::get_if<core::FetchState>(&effect)) {
    const std::uint64_t from = fetch->from.value();
    const Pair pair = std::minmax(id, from);
    const bool up = links_[pair].up;
    if (up) deliver(id, from, core::StateRequested{NodeId(id), id});
    at(now_ + std::chrono::milliseconds(up ? 500 : 5),
       [this, id, from, epoch = peer.epoch] {  // ignored if the state came
         if (nodes_.at(id).epoch == epoch) {
           step(id, core::StateFetchFailed{NodeId(from), "no answer"});
         }
       });
  } else if (const auto* state = std::get_if<core::SendState>(&effect)) {
    deliver(id, state->to.value(), core::StateFetched{NodeId(id), state->state});
  } else if (const auto* announce = std::get_if<core::Announce>(&effect)) {
    peer.announced = announce->state;
    if (announce->to_neighbours) {
      for (const NodeId other : peer.core->neighbours().connected()) {
        deliver(id, other.value(), core::PeerStateChanged{NodeId(id), announce->state});
      }
    }
  } else if (const auto* commit = std::get_if<core::Commit>(&effect)) {
    if (commit->state.round <= peer.committed.round && peer.committed.round > Round(0)) {
      violations_.push_back("node " + std::to_string(id) + " went from round " +
                            to_string(peer.committed.round) + " to " +
                            to_string(commit->state.round));
    }
    peer.committed = commit->state;
    if (!commit->record.caught_up) peer.last_round = commit->record;
  }
}

}  // namespace skiptrain::sim
