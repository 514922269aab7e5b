#include "daemon/metrics/page.h"

#include <cmath>
#include <ctime>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::daemon {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A node in the middle of its run, with one neighbour.
NodeReport report() {
  NodeReport report;
  report.version = "1.2.3";
  report.status.set_node_name("left");
  report.status.set_phase(v1::PHASE_EXCHANGING);
  report.status.set_round(7);
  report.status.set_total_rounds(80);
  report.status.mutable_rounds_done()->set_train(4);
  report.status.mutable_rounds_done()->set_sync(3);
  report.status.set_energy_spent_wh(0.5);
  report.status.mutable_updates()->set_late(2);
  auto* waiting = report.status.add_waiting_for();
  waiting->set_node_id(9);
  waiting->set_seconds(1.5);
  for (const auto& [id, name] : {std::pair(9, "right"), std::pair(8, "far")}) {
    auto* peer = report.peers.add_neighbours();
    peer->set_node_id(static_cast<std::uint64_t>(id));
    peer->set_node_name(name);
    peer->set_bytes_sent(1000);
    peer->set_link(id == 9 ? v1::LINK_STATE_CONNECTED : v1::LINK_STATE_LOST);
    peer->set_last_heard_seconds(id == 9 ? 0.1 : -1);
  }
  return report;
}

TEST(MetricsPageTest, ShowsWhatTheNodeDoes) {
  const std::string page = metrics_page(report());
  EXPECT_THAT(page, HasSubstr("skiptrain_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("# TYPE skiptrain_round gauge\nskiptrain_round 7\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_phase{phase=\"exchanging\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_phase{phase=\"training\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("# TYPE skiptrain_rounds_total counter\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_rounds_total{kind=\"train\"} 4\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_rounds_total{kind=\"sync\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_updates_total{verdict=\"late\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_neighbour_wait_seconds{peer=\"right\"} 1.5\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_neighbour_wait_seconds{peer=\"far\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_neighbour_connected{peer=\"far\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_sent_bytes_total{peer=\"right\"} 1000\n"));
}

TEST(MetricsPageTest, EnergyIsInJoules) {
  NodeReport node = report();
  EXPECT_THAT(metrics_page(node), HasSubstr("skiptrain_energy_spent_joules_total 1800\n"));
  node.status.set_budget_wh(2);
  EXPECT_THAT(metrics_page(node), HasSubstr("skiptrain_energy_left_joules 5400\n"));
  node.status.set_budget_wh(0.25);  // lowered to less than what is spent
  EXPECT_THAT(metrics_page(node), HasSubstr("skiptrain_energy_left_joules 0\n"));
}

TEST(MetricsPageTest, WhatIsNotKnownIsAbsent) {
  const std::string page = metrics_page(report());
  for (const char* name :
       {"skiptrain_loss", "skiptrain_evaluation", "skiptrain_energy_left", "skiptrain_members",
        "skiptrain_checkpoint_age", "skiptrain_checkpoint_round", "skiptrain_consensus_distance",
        "skiptrain_last_round", "skiptrain_round_duration_median",
        "skiptrain_neighbour_round{peer=\"far\"}", "process_"}) {
    EXPECT_THAT(page, Not(HasSubstr(name)));
  }
}

TEST(MetricsPageTest, WhatBecomesKnownAppears) {
  NodeReport node = report();
  node.last_round.emplace();
  node.last_round->set_round_seconds(0.5);
  node.last_round->set_consensus_distance(0.25);
  node.last_train_round.emplace();
  node.last_train_round->set_train_seconds(2);
  node.last_train_round->set_loss(std::nan(""));
  node.local_steps = 8;
  auto* evaluation = node.status.mutable_last_evaluation();
  evaluation->set_round(6);
  evaluation->set_accuracy(0.75);
  node.status.set_checkpoint_round(5);
  node.process.resident_bytes = 4096;
  node.members.emplace();
  node.members->add_members()->set_state(v1::MEMBER_STATE_FAILED);
  const std::string page = metrics_page(node);
  EXPECT_THAT(page, HasSubstr("skiptrain_last_round_duration_seconds 0.5\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_consensus_distance 0.25\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_last_train_step_seconds 0.25\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_loss Nan\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_evaluation_accuracy_ratio 0.75\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_checkpoint_round 5\n"));
  EXPECT_THAT(page, HasSubstr("process_resident_memory_bytes 4096\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_members{state=\"failed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("skiptrain_members{state=\"alive\"} 0\n"));
  // A jump to a neighbour's round is no mix.
  node.last_round->set_caught_up(true);
  EXPECT_THAT(metrics_page(node), Not(HasSubstr("skiptrain_consensus_distance 0")));
}

TEST(MetricsPageTest, NamesOfOthersCannotBreakThePage) {
  NodeReport node = report();
  node.peers.mutable_neighbours(0)->set_node_name("a\"b\\c\nd");
  EXPECT_THAT(metrics_page(node), HasSubstr("{peer=\"a\\\"b\\\\c\\nd\"}"));
}

TEST(MetricsPageTest, ProcessUsageIsThatOfThisProcess) {
  const ProcessUsage usage = process_usage();
  EXPECT_GT(usage.resident_bytes.value(), 1'000'000u);
  EXPECT_GT(usage.virtual_bytes.value(), usage.resident_bytes.value());
  EXPECT_GE(usage.cpu_seconds.value(), 0);
  EXPECT_GT(usage.open_fds.value(), 2u);
  EXPECT_LT(usage.open_fds.value(), 1000u);
  EXPECT_GE(usage.threads.value(), 1u);
  const auto now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(usage.start_time_seconds.value(), now, 3600);
  EXPECT_FALSE(process_usage("/nowhere").cpu_seconds);
}

}  // namespace
}  // namespace skiptrain::daemon
