#include "ctl/sim/recorder.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "base/check.h"

namespace skiptrain::ctl {
namespace {

// Rounds whose models are held at a time; the oldest is measured with the nodes it has.
constexpr std::size_t kMaxHeldRounds = 2;

nlohmann::json numbers(const std::vector<double>& values) {
  auto list = nlohmann::json::array();
  for (const double value : values) {
    list.push_back(std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr));
  }
  return list;
}

std::vector<double> numbers(const nlohmann::json& list) {
  std::vector<double> values;
  for (const auto& value : list) {
    values.push_back(value.is_null() ? kNotMeasured : value.get<double>());
  }
  return values;
}

double number(const nlohmann::json& value) {
  return value.is_null() ? kNotMeasured : value.get<double>();
}

}  // namespace

Recorder::Recorder(const sim::Simulation& simulation)
    : simulation_(simulation),
      seen_(simulation.size()),
      next_round_(simulation.size(), 0),
      last_accuracy_(simulation.size(), kNotMeasured),
      last_loss_(simulation.size(), kNotMeasured) {}

Recorder::Tally& Recorder::tally(std::uint64_t round) {
  if (round >= tallies_.size()) tallies_.resize(round + 1);
  return tallies_[round];
}

bool Recorder::is_evaluated(std::uint64_t round) const {
  const std::uint64_t every = simulation_.options().evaluate_every;
  return round + 1 == simulation_.options().total_rounds || (every > 0 && (round + 1) % every == 0);
}

void Recorder::node_committed(sim::Position position, Instant now, const core::Commit& commit) {
  const std::uint64_t next = commit.state.round.value();
  if (next == 0) return;
  // After a jump the work of a round lies in the last round that was skipped.
  Tally& round = tally(next - 1);
  const sim::NodeTotals totals = simulation_.totals(position);
  Seen& seen = seen_[position];
  ++round.committed;
  round.trained += commit.record.trained ? 1 : 0;
  round.energy_wh += (totals.energy_spent - seen.energy).value();
  round.bytes_sent += totals.bytes_sent - seen.bytes;
  round.distance_sum += commit.record.consensus_distance;
  round.last_commit_s = std::max(round.last_commit_s, to_seconds(now.time_since_epoch()));
  seen = {totals.energy_spent, totals.bytes_sent};
  next_round_[position] = next;
  if (is_evaluated(next - 1)) keep_model(position, next - 1, commit.state.parameters);
}

void Recorder::keep_model(sim::Position position, std::uint64_t round, const ParametersPtr& model) {
  auto& held = models_[round];
  held[position] = model;
  if (held.size() == simulation_.size()) {
    measure_consensus(round);
  } else if (models_.size() > kMaxHeldRounds) {
    measure_consensus(models_.begin()->first);
  }
}

void Recorder::measure_consensus(std::uint64_t round) {
  std::vector<std::span<const float>> models;
  for (const auto& [position, model] : models_[round]) models.push_back(model->values());
  tally(round).consensus_distance = consensus_distance(models);
  models_.erase(round);
}

void Recorder::node_evaluated(sim::Position position, Instant, const core::Evaluate& evaluate,
                              const Result<ports::Evaluation>& evaluation) {
  if (!evaluation) {
    note("node " + std::to_string(position) + ", after " + to_string(evaluate.after) +
         " rounds: " + evaluation.error().message);
    return;
  }
  if (evaluate.after == Round(0)) return;
  Tally& round = tally(evaluate.after.value() - 1);
  round.accuracy.resize(simulation_.size(), kNotMeasured);
  round.loss.resize(simulation_.size(), kNotMeasured);
  round.accuracy[position] = evaluation->accuracy.value_or(kNotMeasured);
  round.loss[position] = evaluation->loss;
  last_accuracy_[position] = round.accuracy[position];
  last_loss_[position] = round.loss[position];
}

void Recorder::note(std::string text) {
  if (notes_.size() < kMaxNotes) {
    notes_.push_back(std::move(text));
  } else {
    ++notes_dropped_;
  }
}

void Recorder::warned(sim::Position position, Instant now, const std::string& message) {
  note("at " + seconds_text(to_seconds(now.time_since_epoch())) + ", node " +
       std::to_string(position) + ": " + message);
}

void Recorder::fault_struck(Instant now, const sim::FaultKind& fault) {
  note("at " + seconds_text(to_seconds(now.time_since_epoch())) + ": " + sim::to_string(fault));
}

std::vector<std::string> Recorder::notes() const {
  std::vector<std::string> all = notes_;
  if (notes_dropped_ > 0) all.push_back("and " + std::to_string(notes_dropped_) + " more");
  return all;
}

std::uint64_t Recorder::rounds_done() const {
  return next_round_.empty() ? 0 : *std::min_element(next_round_.begin(), next_round_.end());
}

std::vector<RoundPoint> Recorder::series() const {
  std::vector<RoundPoint> points;
  RoundPoint sum;
  for (std::size_t round = 0; round < tallies_.size(); ++round) {
    const Tally& tally = tallies_[round];
    if (tally.committed == 0) continue;
    sum.round = Round(round);
    sum.virtual_seconds = std::max(sum.virtual_seconds, tally.last_commit_s);
    sum.energy_wh += tally.energy_wh;
    sum.bytes_sent += tally.bytes_sent;
    sum.trained_nodes = tally.trained;
    sum.local_consensus_distance = tally.distance_sum / static_cast<double>(tally.committed);
    sum.consensus_distance = tally.consensus_distance;
    sum.evaluation.reset();
    if (!tally.loss.empty()) sum.evaluation = evaluation_of(tally.accuracy, tally.loss);
    points.push_back(sum);
  }
  return points;
}

nlohmann::json Recorder::to_json(Round end) const {
  auto rounds = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min<std::size_t>(tallies_.size(), end.value()); ++i) {
    const Tally& t = tallies_[i];
    rounds.push_back({{"committed", t.committed},
                      {"trained", t.trained},
                      {"energy_wh", t.energy_wh},
                      {"bytes_sent", t.bytes_sent},
                      {"distance_sum", t.distance_sum},
                      {"last_commit_s", t.last_commit_s},
                      {"consensus_distance", numbers(std::vector<double>{t.consensus_distance})[0]},
                      {"accuracy", numbers(t.accuracy)},
                      {"loss", numbers(t.loss)}});
  }
  return {{"rounds", std::move(rounds)}, {"notes", notes_}};
}

Status Recorder::restore(const nlohmann::json& saved) try {
  tallies_.clear();
  for (const auto& entry : saved.at("rounds")) {
    Tally t;
    t.committed = entry.at("committed").get<std::uint64_t>();
    t.trained = entry.at("trained").get<std::uint64_t>();
    t.energy_wh = entry.at("energy_wh").get<double>();
    t.bytes_sent = entry.at("bytes_sent").get<std::uint64_t>();
    t.distance_sum = entry.at("distance_sum").get<double>();
    t.last_commit_s = entry.at("last_commit_s").get<double>();
    t.consensus_distance = number(entry.at("consensus_distance"));
    t.accuracy = numbers(entry.at("accuracy"));
    t.loss = numbers(entry.at("loss"));
    if (t.accuracy.size() > seen_.size() || t.loss.size() != t.accuracy.size()) {
      return fail(ErrorCode::kCorrupt, "its history is of another number of nodes");
    }
    tallies_.push_back(std::move(t));
  }
  notes_ = saved.at("notes").get<std::vector<std::string>>();
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const auto position = static_cast<sim::Position>(i);
    const sim::NodeTotals totals = simulation_.totals(position);
    seen_[i] = {totals.energy_spent, totals.bytes_sent};
    next_round_[i] = simulation_.committed(position).round.value();
  }
  return {};
} catch (const nlohmann::json::exception& error) {
  return fail(ErrorCode::kCorrupt, std::string("its history cannot be read: ") + error.what());
}

}  // namespace skiptrain::ctl
