// Histories of real nodes as one run.
#include "ctl/fleet_results.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::ctl {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

v1::RoundRecord record(std::uint64_t round, bool trained) {
  v1::RoundRecord r;
  r.set_round(round);
  r.set_trained(trained);
  r.set_energy_wh(trained ? 0.5 : 0.0);
  r.set_round_seconds(2);
  r.set_consensus_distance(static_cast<double>(round) + 1);
  return r;
}

// After two rounds of four, the first of them trained and evaluated.
ReportedNode node(std::uint64_t id, double accuracy, const std::string& run = "run-1") {
  NodeHistory history;
  v1::GetStatusResponse& status = history.status;
  status.set_run_id(run);
  status.set_phase(v1::PHASE_TRAINING);
  status.set_round(2);
  status.set_total_rounds(4);
  status.set_train_rounds(1);
  status.set_profile("poco-x3");
  status.set_model("mlp");
  status.mutable_schedule()->set_policy(v1::POLICY_SKIPTRAIN);
  status.mutable_schedule()->set_gamma_train(1);
  status.mutable_schedule()->set_gamma_sync(2);
  status.mutable_last_evaluation()->set_accuracy(accuracy);
  status.mutable_last_evaluation()->set_loss(1 - accuracy);
  history.energy.set_spent_wh(0.5);
  history.energy.set_dpsgd_equivalent_wh(1);
  history.rounds = {record(0, true), record(1, false)};
  history.rounds[0].set_accuracy(accuracy);
  history.rounds[0].set_test_loss(1 - accuracy);
  history.config.emplace();
  auto& setting = *history.config->add_settings();
  setting.set_key("run.seed");
  setting.set_value("7");
  return {{id, "node-" + std::to_string(id), "unix:/none"}, std::move(history)};
}

ReportedNode silent(std::uint64_t id) {
  return {{id, "node-" + std::to_string(id), ""}, failure(ExitCode::kUnreachable, "it is off")};
}

// A ring of the ids 0 to `size` - 1.
v1::GetTopologyResponse ring(std::uint64_t size, std::uint64_t self = 0) {
  v1::GetTopologyResponse topology;
  topology.set_spec("ring");
  topology.set_self(self);
  topology.set_spectral_gap(0.25);
  for (std::uint64_t id = 0; id < size; ++id) {
    auto& vertex = *topology.add_vertices();
    vertex.set_node_id(id);
    vertex.set_node_name("node-" + std::to_string(id));
    auto& edge = *topology.add_edges();
    edge.set_a(id);
    edge.set_b((id + 1) % size);
  }
  return topology;
}

TEST(FleetResultsTest, SumsRoundsOverNodes) {
  const auto run = fleet_run(ring(3), {node(0, 0.5), node(1, 0.7), node(2, 0.6)}, std::nullopt);
  ASSERT_TRUE(run) << run.error().message;
  EXPECT_EQ(run->id, "run-1");
  EXPECT_EQ(run->rounds_asked, 4U);
  const auto& series = run->results.series;
  ASSERT_EQ(series.size(), 2U);
  EXPECT_EQ(series[0].trained_nodes, 3U);
  EXPECT_EQ(series[1].trained_nodes, 0U);
  EXPECT_DOUBLE_EQ(series[1].energy_wh, 1.5);
  EXPECT_DOUBLE_EQ(series[1].local_consensus_distance, 2);
  ASSERT_TRUE(series[0].evaluation);
  EXPECT_NEAR(series[0].evaluation->accuracy.mean, 0.6, 1e-12);
  EXPECT_FALSE(series[1].evaluation);
  EXPECT_DOUBLE_EQ(run->results.summary.wall_seconds, 4);
  EXPECT_THAT(run->settings, Contains(Pair("Seed", "7")));
  EXPECT_THAT(run->results.notes, ElementsAre("The run goes on: nodes are in round 2 of 4"));
}

TEST(FleetResultsTest, WhatNoNodeKnowsIsAbsent) {
  const auto run = fleet_run(ring(2), {node(0, 0.5), node(1, 0.7)}, std::nullopt).value();
  EXPECT_TRUE(std::isnan(run.results.virtual_seconds));
  EXPECT_TRUE(std::isnan(run.results.summary.consensus_distance));
  EXPECT_TRUE(std::isnan(run.results.series[0].consensus_distance));
  const std::string page =
      page_html({.origin = Origin::kFleet,
                 .runs = {{run.results, run.schedule, run.rounds_asked, run.settings}}});
  EXPECT_THAT(page, HasSubstr(R"("virtual_seconds":null)"));
  EXPECT_THAT(page, HasSubstr(R"("consensus_distance":null)"));
  EXPECT_THAT(page, HasSubstr(R"("origin":"fleet")"));
}

TEST(FleetResultsTest, KeepsTheGraphsPositionsWhenANodeIsSilent) {
  const auto run = fleet_run(ring(3), {node(0, 0.5), silent(1), node(2, 0.6)}, std::nullopt);
  ASSERT_TRUE(run);
  EXPECT_THAT(run->silent, ElementsAre("node-1: it is off"));
  EXPECT_THAT(run->results.notes, Contains("no answer from node-1: it is off"));
  const RunGraph& graph = run->results.graph;
  EXPECT_EQ(graph.topology.edges().size(), 3U);
  EXPECT_THAT(graph.names, ElementsAre("node-0", "node-1", "node-2"));
  EXPECT_THAT(graph.nodes, ElementsAre(0U, std::nullopt, 1U));
  EXPECT_THAT(run->settings, Contains(Pair("Nodes", "2 of 3")));
}

TEST(FleetResultsTest, LeavesOutNodesOfAnotherRun) {
  const std::vector<ReportedNode> nodes = {node(0, 0.5), node(1, 0.7, "run-2"), node(2, 0.6)};
  const auto asked = fleet_run(ring(3), nodes, std::nullopt).value();
  EXPECT_EQ(asked.results.summary.nodes.size(), 2U);
  EXPECT_THAT(asked.left_out, ElementsAre("node-1 is of another run, run-2"));
  // The default is the run of the node that was asked.
  EXPECT_EQ(fleet_run(ring(3, 1), nodes, std::nullopt).value().id, "run-2");
  EXPECT_EQ(fleet_run(ring(3), nodes, "run-2").value().results.summary.nodes.size(), 1U);
}

TEST(FleetResultsTest, AnUnknownRunNamesThoseSeen) {
  const std::vector<ReportedNode> nodes = {node(0, 0.5), node(1, 0.7, "run-2"), silent(2)};
  const auto run = fleet_run(ring(3), nodes, "run-3");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().exit, ExitCode::kNotFound);
  EXPECT_THAT(run.error().hint, HasSubstr("run-1 (1 node), run-2 (1 node)"));
  EXPECT_EQ(fleet_run(ring(1), {silent(0)}, std::nullopt).error().exit, ExitCode::kUnreachable);
}

// The axis of energy would else begin at 0 in the middle of the run.
TEST(FleetResultsTest, CountsWhatWasSpentBeforeTheKeptHistory) {
  ReportedNode late = node(0, 0.5);
  late.history->rounds = {record(10, false), record(11, true)};
  late.history->energy.set_spent_wh(3.5);
  const auto run = fleet_run(ring(1), {late}, std::nullopt).value();
  EXPECT_DOUBLE_EQ(run.results.series.front().energy_wh, 3.0);
  EXPECT_DOUBLE_EQ(run.results.series.back().energy_wh, 3.5);
  EXPECT_THAT(run.results.notes, Contains(HasSubstr("begins with round 10")));
}

TEST(FleetResultsTest, WithoutConfigsTheSettingsSayLess) {
  ReportedNode old = node(0, 0.5);
  old.history->config.reset();
  const auto run = fleet_run(ring(1), {old}, std::nullopt).value();
  EXPECT_THAT(run.settings, testing::Not(Contains(Pair("Seed", testing::_))));
  EXPECT_THAT(run.settings, Contains(Pair("Topology", "ring")));
}

}  // namespace
}  // namespace skiptrain::ctl
