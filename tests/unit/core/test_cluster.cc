#include "tests/unit/core/test_cluster.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "model/mixing.h"

namespace skiptrain::core::testing {
namespace {

std::map<NodeId, std::uint32_t> degrees_of(const Topology& topology) {
  std::map<NodeId, std::uint32_t> degrees;
  for (std::size_t i = 0; i < topology.node_count(); ++i) {
    degrees[NodeId(i + 1)] =
        static_cast<std::uint32_t>(topology.degree(static_cast<Topology::Position>(i)));
  }
  return degrees;
}

// A training that can be told from none, and depends on nothing but where it starts, who trains
// and when.
ParametersPtr made_up_training(const Parameters& start, std::uint64_t run_seed, NodeId id,
                               Round round) {
  Rng rng(derive_seed({run_seed, id.value(), round.value()}));
  std::vector<float> values(start.values().begin(), start.values().end());
  for (float& value : values) value = 0.9f * value + 0.1f * static_cast<float>(rng.normal());
  return copy_parameters(values);
}

}  // namespace

TestCluster::TestCluster(ClusterOptions options)
    : options_(std::move(options)),
      rng_(derive_seed({options_.chaos_seed, 0xc4a05})),
      invariants_({options_.budget, options_.deadline}, degrees_of(options_.topology)),
      members_(options_.topology.node_count()) {
  if (!options_.initial) options_.initial = [](std::size_t) { return std::vector<float>{0.0f}; };
  for (const auto& [a, b] : options_.topology.edges()) links_.push_back({a, b});
  for (std::size_t i = 0; i < size(); ++i) restart(i, false);
  counts_.restarts = 0;
  plan_faults();
}

// ---- Time --------------------------------------------------------------------------------------

Duration TestCluster::random_delay(Duration most) {
  return Duration(1 +
                  static_cast<Duration::rep>(rng_.below(static_cast<std::uint64_t>(most.count()))));
}

void TestCluster::at(Instant when, Action action) {
  agenda_.emplace(std::tuple(when, rng_.next(), planned_++), std::move(action));
}

void TestCluster::post(std::size_t position, Instant when, Event event) {
  at(when,
     [this, position, incarnation = members_[position].incarnation, event = std::move(event)] {
       if (is_up(position) && members_[position].incarnation == incarnation) step(position, event);
     });
}

void TestCluster::post_on_link(Link& link, std::size_t to, Event event, bool survives_break) {
  Instant& newest = link.newest_arrival[to == link.a ? 0 : 1];
  newest = std::max(newest + Duration(1), now_ + random_delay(options_.max_message_delay));
  at(newest, [this, &link, to, survives_break, epoch = link.epoch,
              incarnation = members_[to].incarnation, event = std::move(event)] {
    const bool lost = link.epoch != epoch && !survives_break;
    if (!lost && is_up(to) && members_[to].incarnation == incarnation) step(to, event);
  });
}

void TestCluster::step(std::size_t position, const Event& event) {
  ++steps_;
  Node& node = *members_[position].node;
  if (const auto* fetched = std::get_if<StateFetched>(&event)) {
    invariants_.state_fetched(id_of(position), *fetched);
  }
  const Effects effects = node.step(event, now_);
  invariants_.node_stepped(node, effects, now_);
  for (const Effect& effect : effects) {
    std::visit([&](const auto& e) { perform(position, e); }, effect);
  }
}

// Does the next thing that is due; false if nothing will ever happen again.
bool TestCluster::advance() {
  std::optional<std::size_t> timed;
  Instant due = agenda_.empty() ? Instant::max() : std::get<0>(agenda_.begin()->first);
  for (std::size_t i = 0; i < size(); ++i) {
    if (!is_up(i)) continue;
    const auto deadline = node(i).next_deadline();
    if (!deadline || std::max(now_, *deadline) >= due) continue;
    due = std::max(now_, *deadline);
    timed = i;
  }
  if (due == Instant::max()) return false;
  now_ = due;
  if (timed) {
    step(*timed, Tick{});
    return true;
  }
  const Action action = std::move(agenda_.begin()->second);
  agenda_.erase(agenda_.begin());
  action();
  return true;
}

bool TestCluster::run(const std::function<bool()>& stop) {
  // A round takes a node some d + 10 steps, and a lost round as many again.
  std::uint64_t per_round = 50 * size();
  for (std::size_t i = 0; i < size(); ++i) {
    per_round += 10 * options_.topology.degree(static_cast<Topology::Position>(i));
  }
  const std::uint64_t limit = steps_ + per_round * (options_.total_rounds + 10);
  const auto all_ended = [this] {
    return std::ranges::all_of(members_, [](const Member& m) { return !m.node || m.ended; });
  };
  while (steps_ < limit) {
    if (stop && stop()) return true;
    if (all_ended() && now_ >= Instant(options_.faults.period)) return true;
    if (!advance()) return all_ended();
  }
  return false;
}

Round TestCluster::newest_round() const {
  Round newest;
  for (std::size_t i = 0; i < size(); ++i) {
    if (is_up(i)) newest = std::max(newest, node(i).round());
  }
  return newest;
}

const std::vector<float>& TestCluster::state_after(std::size_t position,
                                                   std::uint64_t round) const {
  return members_[position].history.at(round);
}

// ---- Nodes and links ---------------------------------------------------------------------------

void TestCluster::crash(std::size_t position) {
  Member& member = members_[position];
  if (member.node == nullptr) return;
  ++counts_.crashes;
  member.node.reset();
  for (Link& link : links_) {
    if (link.a == position || link.b == position) disconnect(link);
  }
  std::erase_if(fetches_, [&](const auto& e) { return e.second.asker == position; });
}

void TestCluster::restart(std::size_t position, bool from_checkpoint) {
  Member& member = members_[position];
  if (member.node != nullptr) return;
  ++counts_.restarts;
  ++member.incarnation;
  member.ready = false;
  member.ended = false;
  NodeOptions options;
  options.id = id_of(position);
  for (const auto j : options_.topology.neighbours(static_cast<Topology::Position>(position))) {
    options.neighbours.push_back(id_of(j));
  }
  options.total_rounds = options_.total_rounds;
  options.run_seed = options_.run_seed;
  options.schedule = options_.schedule;
  options.energy_per_train_round = WattHours(1);
  // The ledger outlives the process.
  if (options_.budget) options.budget = *options_.budget - invariants_.charged(options.id);
  options.fixed_deadline = options_.deadline;
  options.start_timeout = options_.start_timeout;
  invariants_.node_started(options.id);
  member.node = std::make_unique<Node>(std::move(options));
  ModelReady ready{Round(0), copy_parameters(options_.initial(position))};
  if (from_checkpoint && member.checkpoint) {
    ready = {member.checkpoint->round, member.checkpoint->parameters};
  }
  const Instant loaded = now_ + random_delay(options_.max_message_delay);
  post(position, loaded, ready);
  at(loaded + Duration(1), [this, position, incarnation = member.incarnation] {
    if (!is_up(position) || members_[position].incarnation != incarnation) return;
    members_[position].ready = true;
    for (Link& link : links_) {
      if (link.a == position || link.b == position) connect_later(link);
    }
  });
}

void TestCluster::connect_later(Link& link) {
  at(now_ + random_delay(options_.max_message_delay), [this, &link] { connect(link); });
}

// The Hellos cross: each side hears where the other was at that moment.
void TestCluster::connect(Link& link) {
  const auto can_connect = [this](std::size_t i) { return is_up(i) && members_[i].ready; };
  if (link.up || !can_connect(link.a) || !can_connect(link.b)) return;
  link.up = true;
  ++link.epoch;
  for (const auto& [here, there] : {std::pair(link.a, link.b), std::pair(link.b, link.a)}) {
    const Member& other = members_[there];
    post_on_link(link, here,
                 PeerConnected{id_of(there), Incarnation(other.incarnation), other.announced},
                 true);
  }
}

void TestCluster::disconnect(Link& link) {
  if (!link.up) return;
  link.up = false;
  ++link.epoch;
  std::vector<std::uint64_t> broken;
  for (const auto& [request, fetch] : fetches_) {
    if (find_link(fetch.asker, fetch.server) == &link) broken.push_back(request);
  }
  for (const std::uint64_t request : broken) fail_fetch(request);
  for (const auto& [here, there] : {std::pair(link.a, link.b), std::pair(link.b, link.a)}) {
    if (is_up(here)) post_on_link(link, here, PeerDisconnected{id_of(there)}, true);
  }
}

TestCluster::Link* TestCluster::find_link(std::size_t a, std::size_t b) {
  const auto found = std::ranges::find_if(links_, [&](const Link& link) {
    return (link.a == a && link.b == b) || (link.a == b && link.b == a);
  });
  return found == links_.end() ? nullptr : &*found;
}

void TestCluster::plan_faults() {
  const FaultPlan& plan = options_.faults;
  for (std::uint32_t k = 0; k < plan.crashes; ++k) {
    const std::size_t victim = rng_.below(size());
    const Instant when = Instant() + random_delay(plan.period);
    at(when, [this, victim] { crash(victim); });
    if (rng_.uniform() < 0.2) continue;  // it stays away
    const bool from_checkpoint = rng_.below(2) == 0;
    at(when + random_delay(plan.period / 2),
       [this, victim, from_checkpoint] { restart(victim, from_checkpoint); });
  }
  for (std::uint32_t k = 0; k < plan.link_breaks && !links_.empty(); ++k) {
    Link& link = links_[rng_.below(links_.size())];
    const Instant when = Instant() + random_delay(plan.period);
    at(when, [this, &link] {
      counts_.link_breaks += link.up ? 1 : 0;
      disconnect(link);
    });
    at(when + random_delay(plan.period / 4), [this, &link] { connect(link); });
  }
}

// ---- Effects -----------------------------------------------------------------------------------

void TestCluster::perform(std::size_t position, const Train& effect) {
  const Duration took = random_delay(options_.max_train_time);
  if (rng_.uniform() < options_.faults.training_failure_probability) {
    ++counts_.training_failures;
    return post(position, now_ + took, TrainingFailed{effect.round, "made-up failure"});
  }
  auto parameters =
      made_up_training(*effect.start, options_.run_seed, id_of(position), effect.round);
  post(position, now_ + took,
       TrainingFinished{effect.round, std::move(parameters), 0.5, took, std::nullopt});
}

void TestCluster::perform(std::size_t position, const Send& effect) {
  for (const NodeId to : effect.to) {
    Link& link = *find_link(position, position_of(to));
    if (!link.up) continue;
    if (rng_.uniform() < options_.faults.drop_probability &&
        now_ < Instant(options_.faults.period)) {
      ++counts_.drops;
      continue;
    }
    post_on_link(link, position_of(to), UpdateReceived{id_of(position), effect.update}, false);
  }
}

void TestCluster::perform(std::size_t position, const Mix& effect) {
  std::vector<WeightedInput> inputs;
  for (const MixInput& input : effect.inputs) {
    inputs.push_back({input.weight, input.parameters->values()});
  }
  const auto out = std::make_shared<Parameters>(effect.inputs.front().parameters->size());
  mix(inputs, out->values());
  const Duration took = random_delay(options_.max_message_delay / 5);
  post(position, now_ + took, MixFinished{effect.round, out, 0.0, took});
}

void TestCluster::perform(std::size_t position, const FetchState& effect) {
  const std::size_t server = position_of(effect.from);
  const std::uint64_t request = next_request_++;
  fetches_[request] = {position, server};
  Link& link = *find_link(position, server);
  const bool fails = rng_.uniform() < options_.faults.fetch_failure_probability;
  if (!link.up || fails) return fail_fetch(request);
  post(server, now_ + random_delay(options_.max_message_delay),
       StateRequested{id_of(position), request});
}

void TestCluster::fail_fetch(std::uint64_t request) {
  const auto found = fetches_.find(request);
  if (found == fetches_.end()) return;
  ++counts_.fetch_failures;
  const auto [asker, server] = found->second;
  fetches_.erase(found);
  if (!is_up(asker)) return;
  post(asker, now_ + random_delay(options_.max_message_delay),
       StateFetchFailed{id_of(server), "made-up failure"});
}

void TestCluster::perform(std::size_t position, const SendState& effect) {
  if (!fetches_.contains(effect.request)) return;
  const std::size_t asker = position_of(effect.to);
  StateFetched answer{id_of(position), effect.state, effect.schedule};
  at(now_ + random_delay(options_.max_message_delay),
     [this, asker, request = effect.request, answer = std::move(answer)] {
       if (fetches_.erase(request) > 0 && is_up(asker)) step(asker, answer);
     });
}

void TestCluster::perform(std::size_t, const RefuseState& effect) {
  fail_fetch(effect.request);
}

void TestCluster::perform(std::size_t position, const Announce& effect) {
  members_[position].announced = effect.state;
  if (!effect.to_neighbours) return;
  for (Link& link : links_) {
    if (!link.up || (link.a != position && link.b != position)) continue;
    const std::size_t to = link.a == position ? link.b : link.a;
    post_on_link(link, to, PeerStateChanged{id_of(position), effect.state}, false);
  }
}

void TestCluster::perform(std::size_t position, const Commit& effect) {
  Member& member = members_[position];
  member.checkpoint = effect.state;
  const auto values = effect.state.parameters->values();
  member.history[effect.state.round.value()] = {values.begin(), values.end()};
  counts_.catch_ups += effect.record.caught_up ? 1 : 0;
  counts_.deadline_hits += effect.record.deadline_hit ? 1 : 0;
}

}  // namespace skiptrain::core::testing
