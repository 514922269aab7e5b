#include "sim/agenda.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"

namespace skiptrain::sim {
namespace {

Instant at(Duration::rep ns) {
  return Instant(Duration(ns));
}
Entry entry(Duration::rep ns, std::uint32_t subject, Happening what = Happening::kTrained) {
  return {.when = at(ns), .subject = subject, .what = what};
}

std::vector<std::uint32_t> drain(Agenda& agenda) {
  std::vector<std::uint32_t> subjects;
  while (!agenda.empty()) subjects.push_back(agenda.pop().subject);
  return subjects;
}

TEST(AgendaTest, ComesOutByTimeThenInTheOrderInWhichItWentIn) {
  Agenda agenda;
  agenda.push(entry(30, 1));
  agenda.push(entry(10, 2));
  agenda.push(entry(30, 3));
  agenda.push(entry(20, 4));
  agenda.push(entry(10, 5));
  EXPECT_EQ(drain(agenda), (std::vector<std::uint32_t>{2, 5, 4, 1, 3}));
  EXPECT_EQ(agenda.now(), at(30));
}

TEST(AgendaTest, ATimerComesAfterWhateverElseIsDueThen) {
  Agenda agenda;
  agenda.push(entry(10, 1, Happening::kTimer));
  agenda.push(entry(10, 2, Happening::kParcel));
  agenda.push(entry(11, 3, Happening::kParcel));
  EXPECT_EQ(agenda.pop().subject, 2u);
  agenda.push(entry(10, 4, Happening::kTick));  // due at once
  EXPECT_EQ(drain(agenda), (std::vector<std::uint32_t>{4, 1, 3}));
}

TEST(AgendaTest, WhatIsDueAtOnceComesBehindWhatWasPlannedForNow) {
  Agenda agenda;
  agenda.push(entry(10, 1));
  agenda.push(entry(10, 2));
  EXPECT_EQ(agenda.pop().subject, 1u);
  agenda.push(entry(3, 3));  // in the past: now
  EXPECT_EQ(agenda.pop().subject, 2u);
  EXPECT_EQ(agenda.pop().subject, 3u);
  EXPECT_EQ(agenda.now(), at(10));
}

TEST(AgendaTest, SortsManyAndNeverGoesBack) {
  Agenda agenda;
  Rng rng(1);
  std::size_t left = 0;
  Instant newest;
  for (int step = 0; step < 20'000; ++step) {
    if (agenda.empty() || rng.below(5) < 3) {
      agenda.push({.when = agenda.now() + Duration(static_cast<Duration::rep>(rng.below(1000)))});
      ++left;
    } else {
      const Entry next = agenda.pop();
      --left;
      ASSERT_GE(next.when, newest);
      newest = next.when;
      ASSERT_EQ(agenda.now(), newest);
    }
    ASSERT_EQ(agenda.size(), left);
  }
}

}  // namespace
}  // namespace skiptrain::sim
