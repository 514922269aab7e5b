#include "sim/faults.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/rng.h"

namespace skiptrain::sim {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

struct Words {
  std::string operator()(const Crash& f) const { return "crash of node " + std::to_string(f.node); }
  std::string operator()(const Restart& f) const {
    return "restart of node " + std::to_string(f.node) +
           (f.from_checkpoint ? " from its checkpoint" : " from nothing");
  }
  std::string operator()(const Partition& f) const {
    std::string text = "partition";
    for (const auto& group : f.groups) {
      text += " {";
      for (const Position node : group)
        text += (node == group.front() ? "" : " ") + std::to_string(node);
      text += "}";
    }
    return text;
  }
  std::string operator()(const Heal&) const { return "heal"; }
  std::string operator()(const Cut& f) const { return "cut" + from_to(f.from, f.to); }
  std::string operator()(const Mend& f) const { return "mend" + from_to(f.from, f.to); }
  std::string operator()(const BreakLink& f) const {
    return "break of link" + from_to(f.a, f.b) + " for " + number(to_seconds(f.down)) + " s";
  }
  std::string operator()(const SlowDown& f) const {
    return "slow-down of node " + std::to_string(f.node) + " by " + number(f.factor);
  }
  std::string operator()(const StepClock& f) const {
    return "clock step of node " + std::to_string(f.node) + " by " + number(to_seconds(f.by)) +
           " s";
  }
  std::string operator()(const SkewClock& f) const {
    return "clock skew of node " + std::to_string(f.node) + " to a rate of " + number(f.rate);
  }
  std::string operator()(const FailTraining& f) const {
    return "training failures of node " + std::to_string(f.node) + ", " + std::to_string(f.rounds) +
           " rounds";
  }

  static std::string from_to(Position from, Position to) {
    return " " + std::to_string(from) + " to " + std::to_string(to);
  }
};

// What is wrong with a fault, "" if nothing is.
class Judge {
 public:
  explicit Judge(const core::Topology& topology) : topology_(topology) {}

  std::string operator()(const Crash& f) const { return node(f.node); }
  std::string operator()(const Restart& f) const { return node(f.node); }
  std::string operator()(const Partition& f) const {
    std::vector<bool> seen(topology_.node_count(), false);
    for (const auto& group : f.groups) {
      for (const Position member : group) {
        if (auto wrong = node(member); !wrong.empty()) return wrong;
        if (seen[member]) return "node " + std::to_string(member) + " is in two groups";
        seen[member] = true;
      }
    }
    return f.groups.empty() ? "it has no groups" : "";
  }
  std::string operator()(const Heal&) const { return ""; }
  std::string operator()(const Cut& f) const { return link(f.from, f.to); }
  std::string operator()(const Mend& f) const { return link(f.from, f.to); }
  std::string operator()(const BreakLink& f) const {
    return f.down < Duration(0) ? "its time must be 0 or more" : link(f.a, f.b);
  }
  std::string operator()(const SlowDown& f) const { return above_zero(f.node, f.factor); }
  std::string operator()(const StepClock& f) const { return node(f.node); }
  std::string operator()(const SkewClock& f) const { return above_zero(f.node, f.rate); }
  std::string operator()(const FailTraining& f) const { return node(f.node); }

  std::string node(Position position) const {
    if (position < topology_.node_count()) return "";
    return "nodes are numbered from 0 to " + std::to_string(topology_.node_count() - 1);
  }

 private:
  std::string link(Position a, Position b) const {
    for (const Position end : {a, b}) {
      if (auto wrong = node(end); !wrong.empty()) return wrong;
    }
    return topology_.has_edge(a, b) ? "" : "the topology has no such link";
  }
  std::string above_zero(Position position, double value) const {
    if (!(value > 0) || std::isinf(value)) return "must be above 0, and finite";
    return node(position);
  }

  const core::Topology& topology_;
};

// Draws times and places for a plan.
class Dice {
 public:
  Dice(const RandomFaults& options, const core::Topology& topology, std::uint64_t seed)
      : options_(options),
        topology_(topology),
        edges_(topology.edges()),
        rng_(derive_seed({seed, 0x666c7473})) {}

  FaultPlan draw() {
    FaultPlan plan;
    plan.training_failure = options_.training_failure;
    plan.fetch_failure = options_.fetch_failure;
    plan.until = Instant() + options_.period;
    crashes(plan);
    partitions(plan);
    links(plan);
    clocks_and_speed(plan);
    return plan;
  }

 private:
  // The beginning of a fault, and its end, both within the period.
  std::pair<Instant, Instant> span() {
    const auto period =
        static_cast<std::uint64_t>(std::max<Duration::rep>(options_.period.count(), 2));
    const auto a = static_cast<Duration::rep>(rng_.below(period));
    const auto b = static_cast<Duration::rep>(rng_.below(period));
    return {Instant(Duration(std::min(a, b))), Instant(Duration(std::max(a, b) + 1))};
  }
  Position node() { return static_cast<Position>(rng_.below(topology_.node_count())); }
  const auto& edge() { return edges_[rng_.below(edges_.size())]; }
  static void add(FaultPlan& plan, Instant when, FaultKind what) {
    plan.faults.push_back({AtTime{when}, std::move(what)});
  }

  void crashes(FaultPlan& plan) {
    for (std::uint32_t k = 0; k < options_.crashes; ++k) {
      const Position victim = node();
      const auto [begin, end] = span();
      add(plan, begin, Crash{victim});
      const bool stays_down = rng_.uniform() < options_.stays_down;
      const bool from_checkpoint = rng_.uniform() < options_.from_checkpoint;
      if (!stays_down) add(plan, end, Restart{victim, from_checkpoint});
    }
  }
  void partitions(FaultPlan& plan) {
    for (std::uint32_t k = 0; k < options_.partitions && topology_.node_count() > 1; ++k) {
      const auto [begin, end] = span();
      Partition partition{{{}}};
      for (Position i = 0; i < topology_.node_count(); ++i) {
        if (rng_.below(2) == 0) partition.groups[0].push_back(i);
      }
      add(plan, begin, std::move(partition));
      add(plan, end, Heal{});
    }
  }
  void links(FaultPlan& plan) {
    if (edges_.empty()) return;
    for (std::uint32_t k = 0; k < options_.one_way_cuts; ++k) {
      auto [from, to] = edge();
      if (rng_.below(2) == 0) std::swap(from, to);
      const auto [begin, end] = span();
      add(plan, begin, Cut{from, to});
      add(plan, end, Mend{from, to});
    }
    for (std::uint32_t k = 0; k < options_.link_breaks; ++k) {
      const auto [a, b] = edge();
      const auto [begin, end] = span();
      add(plan, begin, BreakLink{a, b, end - begin});
    }
  }
  void clocks_and_speed(FaultPlan& plan) {
    for (std::uint32_t k = 0; k < options_.slow_nodes; ++k) {
      const Position victim = node();
      const auto [begin, end] = span();
      add(plan, begin, SlowDown{victim, 1.0 + (options_.max_slow_factor - 1.0) * rng_.uniform()});
      add(plan, end, SlowDown{victim, 1.0});
    }
    for (std::uint32_t k = 0; k < options_.clock_steps; ++k) {
      const double part = 2 * rng_.uniform() - 1;
      add(plan, span().first,
          StepClock{node(), from_seconds(part * to_seconds(options_.max_clock_step))});
    }
    for (std::uint32_t k = 0; k < options_.clock_skews; ++k) {
      const double part = 2 * rng_.uniform() - 1;
      add(plan, span().first, SkewClock{node(), 1.0 + part * options_.max_clock_skew});
    }
  }

  const RandomFaults& options_;
  const core::Topology& topology_;
  std::vector<std::pair<Position, Position>> edges_;
  Rng rng_;
};

}  // namespace

FaultPlan draw_faults(const RandomFaults& options, const core::Topology& topology,
                      std::uint64_t seed) {
  return Dice(options, topology, seed).draw();
}

Status validate(const FaultPlan& plan, const core::Topology& topology) {
  const Judge judge(topology);
  for (std::size_t k = 0; k < plan.faults.size(); ++k) {
    const Fault& fault = plan.faults[k];
    std::string wrong = std::visit(judge, fault.what);
    if (const auto* after = std::get_if<AtCommit>(&fault.when); after && wrong.empty()) {
      wrong = judge.node(after->node);
    }
    if (!wrong.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "fault " + std::to_string(k) + ", " + to_string(fault.what) + ": " + wrong);
    }
  }
  for (const double probability : {plan.training_failure, plan.fetch_failure}) {
    if (!(probability >= 0 && probability <= 1)) {
      return fail(ErrorCode::kInvalidArgument,
                  "a fault's probability of " + number(probability) + " must be from 0 to 1");
    }
  }
  return {};
}

std::string to_string(const FaultKind& fault) {
  return std::visit(Words(), fault);
}

}  // namespace skiptrain::sim
