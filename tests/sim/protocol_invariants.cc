#include "tests/sim/protocol_invariants.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/topology/mixing_matrix.h"

namespace skiptrain::sim::testing {

using core::Effect;

ProtocolInvariants::ProtocolInvariants(const SimulationOptions& options, bool is_calm)
    : options_(options),
      // Mode async and quorums below 1 leave updates out, also where nothing goes wrong.
      is_calm_(is_calm && options.rules.mode != core::RoundMode::kAsync &&
               options.rules.quorum == 1.0),
      books_(options.topology.node_count()),
      charged_(options.topology.node_count()),
      publishers_(options.topology.node_count()) {}

PublishedUpdate ProtocolInvariants::publish(Position position, const ModelUpdate& update) {
  auto& publisher = publishers_[position];
  if (!publisher) {
    publisher.emplace(options_.compression, ParametersPool(update.parameters->size(), 0));
  }
  return publisher->publish(update);
}

bool ProtocolInvariants::is_same(const ParametersPtr& a, const ParametersPtr& b) const {
  if (a == b) return true;
  return !options_.compression.is_none() && std::ranges::equal(a->bytes(), b->bytes());
}

void ProtocolInvariants::violated(Position position, Instant now, const std::string& what) {
  constexpr std::size_t kReported = 5;
  if (violations_.size() >= kReported) return;
  violations_.push_back("node " + std::to_string(position) + " at " +
                        std::to_string(to_milliseconds(now.time_since_epoch())) + " ms: " + what);
}

std::uint32_t ProtocolInvariants::degree(NodeId id) const {
  return static_cast<std::uint32_t>(options_.topology.degree(Simulation::position_of(id)));
}

const Device& ProtocolInvariants::device(Position position) const {
  return options_.devices.size() == 1 ? options_.devices.front() : options_.devices[position];
}

// A new incarnation may start at any round and mix anything once more.
void ProtocolInvariants::node_started(Position position, Instant, Incarnation) {
  books_[position] = {};
  publishers_[position].reset();
  for (Books& books : books_) books.missed_in_a_row.erase(Simulation::id_of(position));
}

void ProtocolInvariants::fault_struck(Instant, const FaultKind& fault) {
  const auto* step = std::get_if<StepClock>(&fault);
  if (step != nullptr && step->by > Duration(0)) books_[step->node].clock_jumped += step->by;
}

void ProtocolInvariants::node_stepped(Position position, const core::Node& node,
                                      const core::Event& event, const core::Effects& effects,
                                      Instant now, Instant local) {
  if (const auto* fetched = std::get_if<core::StateFetched>(&event)) {
    books_[position].fetched = *fetched;
  }
  for (const Effect& effect : effects) {
    if (const auto* send = std::get_if<core::Send>(&effect)) {
      const std::pair key(node.options().id, send->update.round);
      sent_[key].push_back(publish(position, send->update).update.parameters);
      own_.emplace(key, send->update.parameters);
    } else if (const auto* mix = std::get_if<core::Mix>(&effect)) {
      check_mix(position, node, *mix, now);
    } else if (const auto* intent = std::get_if<core::RecordEnergyIntent>(&effect)) {
      check_intent(position, *intent, now);
    } else if (const auto* commit = std::get_if<core::Commit>(&effect)) {
      check_commit(position, *commit, now);
    }
  }
  check_clock(position, node, now, local);
  const std::size_t per_neighbour = is_async() ? 1 : 2;
  if (node.updates_held() > per_neighbour * node.neighbours().degree()) {
    violated(position, now, "it holds too many updates per neighbour");
  }
}

void ProtocolInvariants::check_intent(Position position, const core::RecordEnergyIntent& intent,
                                      Instant now) {
  charged_[position] += intent.cost;
  const auto& budget = device(position).budget;
  if (budget && charged_[position].value() > budget->value() + 1e-9) {
    violated(position, now,
             "the budget is overrun: " + std::to_string(charged_[position].value()) + " Wh");
  }
}

void ProtocolInvariants::check_commit(Position position, const core::Commit& commit, Instant now) {
  const core::RoundRecord& record = commit.record;
  check_wait(position, record, now);
  check_patience(position, record, now);
  catch_ups_ += record.caught_up ? 1 : 0;
  deadline_hits_ += record.deadline_hit ? 1 : 0;
  if (!is_calm_) return;
  if (record.caught_up || record.deadline_hit || !record.missing.empty()) {
    violated(position, now, "though nothing went wrong, it missed updates or caught up");
    return;
  }
  const auto own = own_.find({Simulation::id_of(position), record.round});
  if (own != own_.end()) check_mean(record.round, own->second, commit.state.parameters);
}

void ProtocolInvariants::check_wait(Position position, const core::RoundRecord& record,
                                    Instant now) {
  // Skewed clocks round.
  constexpr Duration kSlack{2};
  const Duration jumped = std::exchange(books_[position].clock_jumped, Duration(0));
  if (options_.rules.mode == core::RoundMode::kBarrier) return;
  const Duration longest =
      is_async() ? core::RoundController::kAloneHold : *options_.round_deadline;
  if (record.wait_time > longest + jumped + kSlack) {
    violated(position, now, "an exchange lasted past its deadline");
  }
}

// Nobody is waited for in vain in many rounds on end, but for one that started anew since.
void ProtocolInvariants::check_patience(Position position, const core::RoundRecord& record,
                                        Instant now) {
  auto& missed = books_[position].missed_in_a_row;
  if (record.caught_up) return missed.clear();  // what came for the rounds jumped over is not known
  std::erase_if(missed, [&record](const auto& entry) {
    return std::ranges::count(record.missing, entry.first) == 0;
  });
  if (!record.deadline_hit) return;
  for (const NodeId id : record.missing) {
    if (++missed[id] > core::Patience::kMisses) {
      violated(position, now,
               "round " + to_string(record.round) + " was held open to its deadline for node " +
                   to_string(id) + ", as were those before");
    }
  }
}

// With a doubly stochastic matrix the sum of the mixes is that of the updates.
void ProtocolInvariants::check_mean(Round round, const ParametersPtr& before,
                                    const ParametersPtr& after) {
  constexpr double kTolerance = 2e-5;  // of float32 sums, relative to the numbers' size
  Sums& sums = sums_[round];
  sums.updates.resize(before->size());
  sums.mixes.resize(before->size());
  for (std::size_t k = 0; k < before->size(); ++k) {
    sums.updates[k] += static_cast<double>(before->values()[k]);
    sums.mixes[k] += static_cast<double>(after->values()[k]);
  }
  const std::size_t nodes = options_.topology.node_count();
  if (++sums.nodes < nodes) return;
  ++means_checked_;
  for (std::size_t k = 0; k < before->size(); ++k) {
    const double size = static_cast<double>(nodes) + std::abs(sums.updates[k]);
    if (std::abs(sums.updates[k] - sums.mixes[k]) > kTolerance * size) {
      violated(0, Instant(), "mixing round " + to_string(round) + " moved the mean over the nodes");
    }
  }
  sums_.erase(round);
}

void ProtocolInvariants::check_clock(Position position, const core::Node& node, Instant now,
                                     Instant local) {
  Books& books = books_[position];
  if (node.round() < books.round) {
    violated(position, now, "its round went back to " + to_string(node.round()));
  }
  books.round = node.round();
  const auto waiting = node.waiting();
  if (waiting && waiting->until && local >= *waiting->until) {
    violated(position, now, "it still waits after the deadline");
  }
}

void ProtocolInvariants::check_mix(Position position, const core::Node& node, const core::Mix& mix,
                                   Instant now) {
  ++mixes_checked_;
  double sum = 0.0;
  for (const core::MixInput& input : mix.inputs) {
    sum += input.weight;
    if (input.weight < 0.0) violated(position, now, "a weight is negative");
  }
  if (std::abs(sum - 1.0) > 1e-12) violated(position, now, "the weights do not sum to 1");
  if (mix.of_updates) {
    const auto own = std::ranges::find(mix.inputs, mix.self, &core::MixInput::from);
    publish(position, {mix.round, 0, own->parameters});  // had it nobody to send to, it is new
  }
  if (mix.round != node.round()) violated(position, now, "it mixes for another round than its own");
  const std::string why_not = why_not_regular(position, mix);
  if (why_not.empty()) {
    for (const core::MixInput& input : mix.inputs) {
      const bool own = input.from == Simulation::id_of(position);
      const Round tag =
          own ? mix.round : *usable_tag(position, input.from, input.parameters, mix.round);
      stale_mixed_ += tag < mix.round ? 1 : 0;
      books_[position].mixed.insert({input.from, tag});
    }
  } else if (!is_catch_up(position, mix)) {
    violated(position, now, "in the mix of round " + to_string(mix.round) + ": " + why_not);
  }
}

std::optional<Round> ProtocolInvariants::usable_tag(Position position, NodeId from,
                                                    const ParametersPtr& parameters,
                                                    Round round) const {
  const std::uint64_t staleness = is_async() ? options_.rules.max_staleness : 0;
  const Round first(round.value() - std::min(staleness, round.value()));
  // The same parameters are sent again in a round in which nothing changed them.
  for (auto sent = sent_.lower_bound({from, first});
       sent != sent_.end() && sent->first.first == from; ++sent) {
    const Round tag = sent->first.second;
    if (!is_async() && tag > round) break;
    const bool is_it = std::ranges::any_of(
        sent->second, [&](const ParametersPtr& one) { return is_same(one, parameters); });
    if (is_it && !books_[position].mixed.contains({from, tag})) return tag;
  }
  return std::nullopt;
}

std::string ProtocolInvariants::why_not_regular(Position position, const core::Mix& mix) const {
  const NodeId self = Simulation::id_of(position);
  for (std::size_t k = 0; k < mix.inputs.size(); ++k) {
    const auto& [from, weight, parameters] = mix.inputs[k];
    const std::string who = "the update of node " + to_string(from);
    if (k > 0 && mix.inputs[k - 1].from >= from) return "the terms are not in NodeId order";
    if (from == self) {
      if (books_[position].mixed.contains({from, mix.round})) return "it mixes a second time";
      continue;
    }
    if (!is_async() && books_[position].mixed.contains({from, mix.round})) {
      return who + " is mixed a second time";
    }
    if (!usable_tag(position, from, parameters, mix.round)) {
      return who + " was not sent as one of this round, or was mixed before";
    }
    const double expected = core::metropolis_hastings_weight(degree(self), degree(from));
    if (weight != expected) return who + " has not its Metropolis-Hastings weight";
  }
  return "";
}

bool ProtocolInvariants::is_catch_up(Position position, const core::Mix& mix) const {
  const auto& fetched = books_[position].fetched;
  if (!fetched || mix.inputs.size() != 2) return false;
  return std::ranges::all_of(mix.inputs, [&](const core::MixInput& input) {
    const bool theirs =
        input.from == fetched->from && input.parameters == fetched->state.parameters;
    return input.weight == 0.5 && (input.from == Simulation::id_of(position) || theirs);
  });
}

void ProtocolInvariants::check_end(const Simulation& simulation, Outcome outcome) {
  if (outcome != Outcome::kEnded) {
    violated(0, simulation.now(), std::string("the run did not end: ") + to_string(outcome));
  }
  for (Position i = 0; i < simulation.size(); ++i) {
    if (!simulation.is_up(i)) continue;
    const core::Node& node = simulation.node(i);
    if (node.phase() != core::Phase::kFinished || node.round() < Round(options_.total_rounds)) {
      violated(i, simulation.now(),
               std::string("it has not ended its run: ") + core::to_string(node.phase()) +
                   " at round " + to_string(node.round()));
    }
  }
}

}  // namespace skiptrain::sim::testing
