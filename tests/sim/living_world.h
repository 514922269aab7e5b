// A cluster of core::Nodes that come and go, on a virtual clock: links that follow the nodes' own
// wishes, news of members that reaches each node at another time, crashes, restarts, partitions.
//
// Smaller than lib/sim, whose graph is fixed: here the graph is what is under test. Membership is
// an oracle with delays; the real one has a simulator of its own. Seeded; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "core/node.h"
#include "core/topology/living_topology.h"

namespace skiptrain::sim {

struct LivingWorldOptions {
  std::uint64_t seed = 1;
  std::string topology = "rings:2";
  std::uint64_t total_rounds = 100'000;
  Duration latency = std::chrono::milliseconds(2);       // at most; at least a tenth of it
  Duration training = std::chrono::milliseconds(40);     // at most; at least half of it
  Duration news_delay = std::chrono::milliseconds(500);  // at most, of a member's coming or going
};

class LivingWorld {
 public:
  explicit LivingWorld(LivingWorldOptions options);

  Instant now() const { return now_; }
  Rng& rng() { return rng_; }
  // Runs until then.
  void run_for(Duration duration);

  // A node starts, at round 0 or as a restart from what it had committed. Others hear of it.
  void start(std::uint64_t id);
  // A crash: its streams break at once, and the others hear that it failed.
  void kill(std::uint64_t id);
  // Cuts all links between `half` and the rest, and after a while each half takes the other for
  // failed; until heal().
  void partition(const std::set<std::uint64_t>& half);
  void heal();

  std::vector<std::uint64_t> alive() const;
  const core::Node& node(std::uint64_t id) const { return *nodes_.at(id).core; }
  Round round(std::uint64_t id) const { return node(id).round(); }
  // Of the node's newest round that was no jump; nullopt before one.
  const std::optional<core::RoundRecord>& last_round(std::uint64_t id) const {
    return nodes_.at(id).last_round;
  }
  // The neighbours that the newest view of all living nodes gives it.
  std::vector<NodeId> wanted(std::uint64_t id) const;
  // What went wrong so far: a round that went back, a mix whose weights do not sum to one.
  const std::vector<std::string>& violations() const { return violations_; }
  // Mixes in which the two ends of an edge disagreed, of all edges mixed along.
  double one_sided_share() const;

 private:
  struct Peer {
    std::unique_ptr<core::Node> core;  // null while it is down
    std::uint32_t epoch = 0;           // counts starts and crashes
    std::uint64_t incarnation = 0;
    ModelUpdate committed;
    core::NodeState announced;
    std::set<NodeId> links;  // that it wants
    std::set<NodeId> view;   // members it knows of, itself among them
    std::optional<core::RoundRecord> last_round;
    std::optional<Instant> timer;
  };
  struct Link {
    bool up = false;
    std::uint32_t epoch = 0;
    Instant last_arrival[2]{};  // by direction, for order
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  struct Entry {
    Instant when;
    std::uint64_t order = 0;
    std::function<void()> what;
    bool operator<(const Entry& other) const {
      return std::pair(other.when, other.order) < std::pair(when, order);
    }
  };

  void at(Instant when, std::function<void()> what);
  void step(std::uint64_t id, const core::Event& event);
  void arm(std::uint64_t id);
  void perform(std::uint64_t id, const core::Effect& effect);
  void deliver(std::uint64_t from, std::uint64_t to, core::Event event);
  void reconcile(std::uint64_t a, std::uint64_t b);
  void reconcile_all(std::uint64_t id);
  void hear(std::uint64_t id, std::uint64_t about, bool lives);
  void spread(std::uint64_t about, bool lives);
  bool is_cut(std::uint64_t a, std::uint64_t b) const;
  Duration between(Duration low, Duration high);
  void mix(std::uint64_t id, const core::Mix& mix);

  LivingWorldOptions options_;
  core::LivingTopology topology_;
  Rng rng_;
  Instant now_{};
  std::uint64_t order_ = 0;
  std::priority_queue<Entry> agenda_;
  std::map<std::uint64_t, Peer> nodes_;
  std::map<Pair, Link> links_;
  std::optional<std::set<std::uint64_t>> half_;
  std::uint32_t partitions_ = 0;
  std::vector<std::string> violations_;
  // By round: who mixed whose update.
  std::map<std::uint64_t, std::set<Pair>> mixed_;
};

}  // namespace skiptrain::sim
