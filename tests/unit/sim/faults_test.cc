#include "sim/faults.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/topology/build_topology.h"

namespace skiptrain::sim {
namespace {

core::Topology ring(std::size_t nodes) {
  return core::build_topology({core::TopologySpec::Kind::kRing, 0, ""}, nodes, 1).value();
}

std::vector<std::string> words(const FaultPlan& plan) {
  std::vector<std::string> result;
  for (const Fault& fault : plan.faults) {
    result.push_back(std::to_string(std::get<AtTime>(fault.when).when.time_since_epoch().count()) +
                     " " + to_string(fault.what));
  }
  return result;
}

constexpr RandomFaults kSomeOfEach = {.crashes = 5,
                                      .partitions = 2,
                                      .one_way_cuts = 3,
                                      .link_breaks = 3,
                                      .slow_nodes = 2,
                                      .clock_steps = 2,
                                      .clock_skews = 2};

TEST(DrawFaultsTest, OneSeedGivesOnePlan) {
  EXPECT_EQ(words(draw_faults(kSomeOfEach, ring(6), 1)),
            words(draw_faults(kSomeOfEach, ring(6), 1)));
  EXPECT_NE(words(draw_faults(kSomeOfEach, ring(6), 1)),
            words(draw_faults(kSomeOfEach, ring(6), 2)));
}

TEST(DrawFaultsTest, DrawsWhatWasAskedForWithinThePeriod) {
  RandomFaults options = kSomeOfEach;
  options.stays_down = 0.0;
  const core::Topology topology = ring(6);
  const FaultPlan plan = draw_faults(options, topology, 3);
  const auto count = [&plan](auto kind) {
    return std::ranges::count_if(plan.faults, [](const Fault& fault) {
      return std::holds_alternative<decltype(kind)>(fault.what);
    });
  };
  EXPECT_EQ(count(Crash()), 5);
  EXPECT_EQ(count(Restart()), 5);
  EXPECT_EQ(count(Partition()), 2);
  EXPECT_EQ(count(Heal()), 2);
  EXPECT_EQ(count(Cut()), 3);
  EXPECT_EQ(count(Mend()), 3);
  EXPECT_EQ(count(BreakLink()), 3);
  EXPECT_EQ(count(SlowDown()), 4);
  EXPECT_EQ(count(StepClock()), 2);
  EXPECT_EQ(count(SkewClock()), 2);
  EXPECT_TRUE(validate(plan, topology));
  for (const Fault& fault : plan.faults) {
    EXPECT_LE(std::get<AtTime>(fault.when).when, Instant(options.period));
  }
}

TEST(FaultPlanTest, WhatCannotStrikeIsNamed) {
  const core::Topology topology = ring(5);
  const auto message = [&topology](FaultKind what) {
    const Status valid = validate({.faults = {{AtTime{}, std::move(what)}}}, topology);
    return valid ? std::string() : valid.error().message;
  };
  EXPECT_EQ(message(Crash{4}), "");
  EXPECT_EQ(message(Crash{5}), "fault 0, crash of node 5: nodes are numbered from 0 to 4");
  EXPECT_EQ(message(Cut{0, 2}), "fault 0, cut 0 to 2: the topology has no such link");
  EXPECT_EQ(message(SlowDown{1, 0.0}),
            "fault 0, slow-down of node 1 by 0: must be above 0, and finite");
  EXPECT_EQ(message(Partition{{{0, 1}, {1, 2}}}),
            "fault 0, partition {0 1} {1 2}: node 1 is in two groups");
  const Status late = validate({.faults = {{AtCommit{7, Round(3)}, Heal{}}}}, topology);
  EXPECT_EQ(late.error().message, "fault 0, heal: nodes are numbered from 0 to 4");
  FaultPlan plan;
  plan.fetch_failure = -1;
  EXPECT_FALSE(validate(plan, topology));
}

}  // namespace
}  // namespace skiptrain::sim
