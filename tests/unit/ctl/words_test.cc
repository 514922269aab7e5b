// Sentences about a node, its JSON form, and the round that all nodes switch in.
#include "ctl/words.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/json.h"
#include "ctl/watch.h"
#include "proto/enum_words.h"

namespace skiptrain::ctl {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

v1::GetStatusResponse status_at(std::uint64_t round, double median_round_seconds) {
  v1::GetStatusResponse status;
  status.set_phase(v1::PHASE_TRAINING);
  status.set_round(round);
  status.set_total_rounds(1000);
  status.set_median_round_seconds(median_round_seconds);
  return status;
}

TEST(WordsTest, NamesWhomItWaitsForAndUntilWhen) {
  v1::GetStatusResponse status;
  status.set_phase(v1::PHASE_EXCHANGING);
  auto& waiting = *status.add_waiting_for();
  waiting.set_node_id(3);
  waiting.set_node_name("node-3");
  waiting.set_seconds(1.2);
  status.set_gives_up_in_seconds(0.8);
  EXPECT_EQ(phase_text(status), "exchanging: waits for node-3 (1.2 s so far), gives up in 800 ms");
}

TEST(WordsTest, SaysThatARoundIsHeldForWantOfNeighbours) {
  v1::GetStatusResponse status;
  status.set_phase(v1::PHASE_EXCHANGING);
  EXPECT_EQ(phase_text(status), "exchanging");
  status.set_gives_up_in_seconds(1.5);
  EXPECT_EQ(phase_text(status), "exchanging: no neighbour takes part; goes on alone in 1.5 s");
  status.set_phase(v1::PHASE_TRAINING);
  EXPECT_EQ(phase_text(status), "training");
}

TEST(WordsTest, PoliciesHaveOneNameInBothEnums) {
  for (const core::Policy policy : core::policies()) {
    const v1::Policy message = policy_message(policy);
    EXPECT_NE(message, v1::POLICY_UNSPECIFIED) << core::to_string(policy);
    EXPECT_EQ(policy_of(message).value(), policy);
  }
  EXPECT_FALSE(policy_of(static_cast<v1::Policy>(99)).has_value());
  v1::Schedule schedule;
  schedule.set_policy(static_cast<v1::Policy>(99));
  EXPECT_EQ(schedule_text(schedule), "99");
}

TEST(WordsTest, ComplainsAboutLostNeighboursButNotAboutThoseWhoAreDone) {
  v1::ListPeersResponse peers;
  auto& lost = *peers.add_neighbours();
  lost.set_node_name("node-3");
  lost.set_link(v1::LINK_STATE_LOST);
  lost.set_round(41);
  lost.set_last_heard_seconds(12);
  auto& done = *peers.add_neighbours();
  done.set_link(v1::LINK_STATE_LOST);
  done.set_activity(v1::ACTIVITY_FINISHED);
  peers.add_neighbours()->set_link(v1::LINK_STATE_LEFT);
  const auto found = complaints(status_at(50, 1), peers);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0], "node-3 is lost, last heard of 12.0 s ago in round 41");
  v1::GetStatusResponse over = status_at(1000, 1);
  over.set_phase(v1::PHASE_FINISHED);
  EXPECT_THAT(complaints(over, peers), IsEmpty());
}

// A straggler is in the round and mixes when it can: worth saying, not a failure.
TEST(WordsTest, NamesAStragglerWithoutComplaining) {
  v1::ListPeersResponse peers;
  auto& slow = *peers.add_neighbours();
  slow.set_node_name("node-3");
  slow.set_link(v1::LINK_STATE_CONNECTED);
  slow.set_straggler(true);
  slow.set_updates_missed(12);
  EXPECT_EQ(straggler_text(slow),
            "node-3 is a straggler: missed 12 rounds, which are not held open for it now");
  EXPECT_THAT(complaints(status_at(50, 1), peers), IsEmpty());
}

TEST(WordsTest, ComplainsAboutAnOverrunBudgetButNotARoundedOne) {
  v1::GetStatusResponse status = status_at(5, 1);
  status.set_budget_wh(0.5);
  status.set_energy_spent_wh(0.5 + 1e-12);
  EXPECT_THAT(complaints(status, {}), IsEmpty());
  status.set_energy_spent_wh(0.51);
  ASSERT_THAT(complaints(status, {}), SizeIs(1));
  EXPECT_THAT(complaints(status, {})[0], HasSubstr("0.51 Wh of 0.5 Wh"));
}

TEST(JsonTest, KeepsAllKeysAndWritesNumbersAndWords) {
  v1::GetStatusResponse status = status_at(12, 0.5);
  status.set_node_id(std::numeric_limits<std::uint64_t>::max());
  status.set_last_loss(std::nan(""));
  const Json json = to_json(status);
  EXPECT_EQ(json["node_id"], std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(json["phase"], "training");
  EXPECT_TRUE(json["last_loss"].is_null());
  EXPECT_TRUE(json.contains("budget_wh") && json["budget_wh"].is_null());
  EXPECT_TRUE(json["waiting_for"].is_array());
  EXPECT_EQ(name_of(v1::POLICY_SKIPTRAIN_CONSTRAINED), "skiptrain-constrained");
  EXPECT_EQ(word(v1::LINK_STATE_NEVER_CONNECTED), "never connected");
}

TEST(WatchTest, SumsUpTheNodesThatAnswer) {
  v1::GetStatusResponse slow = status_at(10, 1);
  slow.set_train_rounds(4);
  slow.set_energy_spent_wh(0.25);
  v1::GetStatusResponse fast = status_at(12, 1);
  fast.set_train_rounds(8);
  fast.set_energy_spent_wh(0.5);
  fast.mutable_last_evaluation()->set_accuracy(0.5);
  EXPECT_EQ(watch_line({{"a", slow}, {"b", fast}, {"c", std::nullopt}}),
            "round 10/1000  trained 6.0  accuracy 50.00 %  energy 0.75 Wh  (2 of 3 nodes answer)");
}

}  // namespace
}  // namespace skiptrain::ctl
