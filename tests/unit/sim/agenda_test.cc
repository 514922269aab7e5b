#include "sim/agenda.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain::sim {
namespace {

Instant at(Duration::rep ns) {
  return Instant(Duration(ns));
}

class AgendaTest : public testing::Test {
 protected:
  void plan(Duration::rep ns, std::uint32_t node, Happening what, std::uint32_t key,
            std::uint64_t number = 0) {
    agenda_.push({.when = at(ns), .node = node, .what = what}, key, number);
  }
  // The nodes of all entries, as they come.
  std::vector<std::uint32_t> drain() {
    std::vector<std::uint32_t> nodes;
    while (!agenda_.empty()) nodes.push_back(agenda_.pop().node);
    return nodes;
  }

  Agenda agenda_;
};

TEST_F(AgendaTest, ComesOutByTimeWhateverTheOrderItWentIn) {
  plan(30, 1, Happening::kTrained, 1);
  plan(10, 2, Happening::kTrained, 2);
  plan(20, 4, Happening::kTrained, 4);
  plan(10, 0, Happening::kTrained, 0);
  EXPECT_EQ(drain(), (std::vector<std::uint32_t>{0, 2, 4, 1}));
  EXPECT_EQ(agenda_.now(), at(30));
}

TEST_F(AgendaTest, AtOneTimeFaultsComeFirstThenMessagesResultsTicksAndTimers) {
  plan(10, 1, Happening::kTimer, 1);
  plan(10, 2, Happening::kTick, 2);
  plan(10, 3, Happening::kMixed, 3);
  plan(10, 4, Happening::kParcel, 70, 2);
  plan(10, 5, Happening::kParcel, 70, 1);
  plan(10, 6, Happening::kParcel, 60, 3);
  agenda_.push_common({.when = at(10), .node = 7, .what = Happening::kDial});
  agenda_.push_common({.when = at(10), .node = 8, .what = Happening::kFault});
  EXPECT_EQ(drain(), (std::vector<std::uint32_t>{7, 8, 6, 5, 4, 3, 2, 1}));
}

TEST_F(AgendaTest, WhatIsPlannedForThePastIsDueNow) {
  plan(10, 1, Happening::kTrained, 1);
  agenda_.pop();
  plan(3, 2, Happening::kTick, 2);
  EXPECT_EQ(agenda_.pop().when, at(10));
}

TEST_F(AgendaTest, AWindowGivesOneNodeAfterTheOtherWithWhatItPlansMeanwhile) {
  agenda_.set_lookahead(Duration(100));
  plan(220, 2, Happening::kTrained, 2);
  plan(290, 1, Happening::kTrained, 1);
  plan(210, 1, Happening::kParcel, 9);
  plan(300, 1, Happening::kTrained, 1);
  ASSERT_TRUE(agenda_.open_window());
  Entry entry;
  ASSERT_TRUE(agenda_.next_in_window(entry));
  EXPECT_EQ(std::tuple(entry.node, entry.when), std::tuple(1u, at(210)));
  plan(250, 1, Happening::kMixed, 1);  // its own, within the window
  plan(299, 1, Happening::kTick, 1);
  plan(310, 2, Happening::kParcel, 8);  // for another node, behind it
  std::vector<std::pair<std::uint32_t, Instant>> rest;
  while (agenda_.next_in_window(entry)) {
    rest.emplace_back(entry.node, entry.when);
    EXPECT_EQ(agenda_.now(), entry.when);
  }
  EXPECT_EQ(rest, (std::vector<std::pair<std::uint32_t, Instant>>{
                      {1, at(250)}, {1, at(290)}, {1, at(299)}, {2, at(220)}}));
  ASSERT_TRUE(agenda_.open_window());
  ASSERT_TRUE(agenda_.next_in_window(entry));
  EXPECT_EQ(entry.when, at(300));
}

TEST_F(AgendaTest, AWindowEndsWhereSomethingConcernsAll) {
  agenda_.set_lookahead(Duration(100));
  plan(220, 1, Happening::kTrained, 1);
  plan(260, 1, Happening::kTrained, 1);
  agenda_.push_common({.when = at(250), .payload = 5, .what = Happening::kFault});
  ASSERT_TRUE(agenda_.open_window());
  Entry entry;
  ASSERT_TRUE(agenda_.next_in_window(entry));
  EXPECT_EQ(entry.when, at(220));
  EXPECT_FALSE(agenda_.next_in_window(entry));
  ASSERT_FALSE(agenda_.open_window());
  EXPECT_EQ(agenda_.pop_common().payload, 5u);
  plan(255, 2, Happening::kTrained, 2);
  ASSERT_TRUE(agenda_.open_window());
  ASSERT_TRUE(agenda_.next_in_window(entry));
  EXPECT_EQ(entry.when, at(260));
  ASSERT_TRUE(agenda_.next_in_window(entry));
  EXPECT_EQ(entry.when, at(255));
  EXPECT_FALSE(agenda_.next_in_window(entry));
  EXPECT_TRUE(agenda_.empty());
}

// Something planned by a fault between two far windows is not passed over.
TEST_F(AgendaTest, TheNextWindowIsNotPassedWhileAFaultComesFirst) {
  agenda_.set_lookahead(Duration(10));
  plan(900'000, 1, Happening::kTimer, 1);
  plan(5'000, 1, Happening::kTrained, 1);
  agenda_.push_common({.when = at(100), .what = Happening::kBooted});
  ASSERT_FALSE(agenda_.open_window());
  agenda_.pop_common();
  plan(120, 2, Happening::kTrained, 2);
  std::vector<Instant> times;
  Entry entry;
  while (agenda_.open_window()) {
    while (agenda_.next_in_window(entry)) times.push_back(entry.when);
    if (agenda_.empty()) break;
  }
  EXPECT_EQ(times, (std::vector<Instant>{at(120), at(5'000), at(900'000)}));
}

// Nodes that plan at random for themselves, and for others no nearer than the lookahead: each gets
// the same entries in the same order by windows as one by one.
TEST(AgendaWindowsTest, GiveEveryNodeWhatSingleEntriesGive) {
  constexpr Duration::rep kLookahead = 50;
  constexpr std::uint32_t kNodes = 9;
  using Seen = std::map<std::uint32_t, std::vector<std::tuple<Instant, Happening, std::uint32_t>>>;
  const auto run = [](bool windows) {
    Agenda agenda;
    agenda.set_lookahead(Duration(windows ? kLookahead : 0));
    Seen seen;
    std::vector<std::uint64_t> steps(kNodes, 0);
    std::vector<std::uint64_t> sent(kNodes * kNodes, 0);
    const auto handle = [&](const Entry& entry) {
      const std::uint32_t node = entry.node;
      seen[node].emplace_back(entry.when, entry.what, entry.key());
      Rng rng(derive_seed({node, ++steps[node]}));
      if (steps[node] > 300) return;
      for (std::uint64_t k = rng.below(3); k > 0; --k) {
        const auto to = static_cast<std::uint32_t>(rng.below(kNodes));
        const Duration delay(kLookahead + static_cast<Duration::rep>(rng.below(120)));
        const std::uint32_t direction = node * kNodes + to;
        agenda.push({.when = entry.when + delay, .node = to, .what = Happening::kParcel}, direction,
                    ++sent[direction]);
      }
      const auto soon = Duration(static_cast<Duration::rep>(rng.below(200'000) >> rng.below(17)));
      agenda.push({.when = entry.when + soon, .node = node, .what = Happening::kTrained}, node);
    };
    for (std::uint32_t node = 0; node < kNodes; ++node) {
      agenda.push({.when = at(node), .node = node, .what = Happening::kTrained}, node);
    }
    Entry entry;
    while (!agenda.empty()) {
      if (!windows) {
        handle(agenda.pop());
      } else if (agenda.open_window()) {
        while (agenda.next_in_window(entry)) handle(entry);
      }
    }
    return seen;
  };
  const Seen one_by_one = run(false);
  EXPECT_GT(one_by_one.at(0).size(), 300u);
  EXPECT_EQ(run(true), one_by_one);
}

}  // namespace
}  // namespace skiptrain::sim
