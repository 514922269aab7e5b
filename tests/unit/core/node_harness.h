// A Node under test, with the few lines that every test of it needs: a clock that the test moves,
// events with short names, and effects sorted by kind.
//
// The model is one float, so that a test can say "x = 3". Not thread-safe; one per test.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "core/node.h"

namespace skiptrain::core::testing {

inline ParametersPtr scalar(float x) {
  const float values[] = {x};
  return copy_parameters(values);
}
// NaN, which equals nothing, if there are no parameters.
inline float value_of(const ParametersPtr& parameters) {
  return parameters ? parameters->values()[0] : std::numeric_limits<float>::quiet_NaN();
}

// The effects of one kind, in order.
template <typename T>
std::vector<T> all_of(const Effects& effects) {
  std::vector<T> found;
  for (const Effect& effect : effects) {
    if (const auto* match = std::get_if<T>(&effect)) found.push_back(*match);
  }
  return found;
}
template <typename T>
bool has(const Effects& effects) {
  return !all_of<T>(effects).empty();
}
// The only effect of its kind; a test failure and a default value if there is none or several.
template <typename T>
T only(const Effects& effects) {
  const auto found = all_of<T>(effects);
  EXPECT_EQ(found.size(), 1u) << "expected one effect of this kind";
  return found.empty() ? T{} : found.front();
}
// Where the first effect of this kind stands; effects.size() if there is none.
template <typename T>
std::size_t position_of(const Effects& effects) {
  for (std::size_t i = 0; i < effects.size(); ++i) {
    if (std::holds_alternative<T>(effects[i])) return i;
  }
  return effects.size();
}

// Node 1 with neighbours 2 and 3, ten rounds of dpsgd, deadline 10 s; a test changes what it cares
// about.
inline NodeOptions default_options() {
  NodeOptions options;
  options.id = NodeId(1);
  options.neighbours = {NodeId(2), NodeId(3)};
  options.total_rounds = 10;
  options.run_seed = 1;
  options.schedule = {Policy::kDpsgd, 1, 0};
  options.energy_per_train_round = WattHours(1);
  options.fixed_deadline = std::chrono::seconds(10);
  return options;
}
// As above, but the node never trains: it has no energy for it.
inline NodeOptions mixing_options() {
  NodeOptions options = default_options();
  options.budget = WattHours(0);
  return options;
}

class NodeHarness {
 public:
  explicit NodeHarness(NodeOptions options = default_options()) : node_(std::move(options)) {}

  Node& node() { return node_; }
  Instant now() const { return now_; }
  Effects step(const Event& event) { return node_.step(event, now_); }
  void sleep(Duration duration) { now_ += duration; }
  // Moves the clock on to the node's next deadline and steps it there.
  Effects tick() {
    const auto due = node_.next_deadline();
    EXPECT_TRUE(due) << "nothing is timed";
    if (due) now_ = std::max(now_, *due);
    return step(Tick{});
  }

  Effects ready(std::uint64_t round = 0, float x = 1.0f) {
    return step(ModelReady{Round(round), scalar(x)});
  }
  Effects connect(std::uint64_t peer, std::uint64_t round = 0,
                  Activity activity = Activity::kRunning) {
    return step(PeerConnected{NodeId(peer), Incarnation(1), {Round(round), activity}});
  }
  Effects disconnect(std::uint64_t peer) { return step(PeerDisconnected{NodeId(peer)}); }
  Effects peer_state(std::uint64_t peer, std::uint64_t round, Activity activity) {
    return step(PeerStateChanged{NodeId(peer), {Round(round), activity}});
  }
  Effects receive(std::uint64_t from, std::uint64_t round, float x = 0.0f,
                  std::uint32_t degree = 2) {
    return step(UpdateReceived{NodeId(from), {Round(round), degree, scalar(x)}});
  }
  Effects trained(std::uint64_t round, float x = 2.0f,
                  std::optional<WattHours> measured = std::nullopt) {
    return step(
        TrainingFinished{Round(round), scalar(x), 0.5, std::chrono::milliseconds(20), measured});
  }
  Effects mixed(std::uint64_t round, float x = 3.0f) {
    return step(MixFinished{Round(round), scalar(x), 0.25, std::chrono::milliseconds(1)});
  }
  Effects state_fetched(std::uint64_t from, std::uint64_t round, float x = 8.0f) {
    return step(StateFetched{NodeId(from), {Round(round), 2, scalar(x)}});
  }

  // Loads the model and connects every neighbour: the first round begins.
  Effects start(float x = 1.0f) {
    Effects effects = ready(0, x);
    for (const NodeId peer : node_.options().neighbours) effects = connect(peer.value());
    return effects;
  }
  // Plays one whole round in which both neighbours answer; returns the effects of its last step.
  Effects play_round() {
    const std::uint64_t round = node_.round().value();
    if (node_.phase() == Phase::kTraining) trained(round);
    for (const NodeId peer : node_.options().neighbours) receive(peer.value(), round);
    return mixed(round);
  }

 private:
  Node node_;
  Instant now_{};
};

}  // namespace skiptrain::core::testing
