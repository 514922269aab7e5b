// Two ends that hear of things at different times, in thousands of random orders.
#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/core/topology/edge_end.h"

namespace skiptrain::core {
namespace {

using testing::End;
using ::testing::IsEmpty;
using testing::kA;
using testing::kB;

// Two ends whose rounds, views and messages go on in a random order.
class TwoEnds {
 public:
  explicit TwoEnds(std::uint64_t seed) : rng_(seed) { note(0), note(1); }

  struct Sent {
    EdgeMessage message;
    std::uint64_t round;  // of the sender
  };

  Rng& rng() { return rng_; }
  End& end(std::size_t i) { return ends_[i]; }
  std::uint64_t round(std::size_t i) const { return ends_[i].agreement.first_open().value() - 1; }
  std::deque<Sent>& on_the_way_to(std::size_t i) { return on_the_way_to_[i]; }
  // Whether end i used the edge when it began that round.
  const std::map<std::uint64_t, bool>& used(std::size_t i) const { return used_[i]; }
  bool wanted(std::size_t i) const { return wanted_[i]; }

  void toggle(std::size_t i) {
    wanted_[i] = !wanted_[i];
    send(i, ends_[i].want(wanted_[i]));
  }
  // All that is on its way is lost; one end notices.
  void lose_link(std::size_t i) {
    for (auto& queue : on_the_way_to_) queue.clear();
    send(i, {ends_[i].agreement.link_up(ends_[1 - i].id)});
  }
  void deliver_to(std::size_t i) {
    auto& queue = on_the_way_to_[i];
    if (queue.empty()) return;
    const EdgeMessage message = queue.front().message;
    queue.pop_front();
    const auto replies =
        ends_[i].agreement.receive({ends_[1 - i].id, message.claim, message.heard});
    EXPECT_LE(replies.size(), 1u);
    send(i, replies);
  }
  void drop_and_want(std::size_t i) {
    ends_[i].agreement.drop(ends_[1 - i].id);
    EXPECT_FALSE(ends_[i].uses(round(i)));
    used_[i][round(i)] = false;
    send(i, ends_[i].want(true));
  }
  void begin_next_round(std::size_t i) {
    EXPECT_EQ(ends_[i].uses(round(i)), used_[i].at(round(i))) << "changed within a round";
    ends_[i].agreement.begin_round(Round(round(i) + 1));
    note(i);
  }
  // Until nothing is on its way; how many messages it took.
  std::size_t settle() {
    std::size_t count = 0;
    for (; !on_the_way_to_[0].empty() || !on_the_way_to_[1].empty(); ++count) {
      if (count > 100) {
        ADD_FAILURE() << "they never stop talking";
        break;
      }
      deliver_to(on_the_way_to_[0].empty() ? 1 : 0);
    }
    return count;
  }

 private:
  void send(std::size_t from, const EdgeMessages& messages) {
    for (const EdgeMessage& message : messages) {
      on_the_way_to_[1 - from].push_back({message, round(from)});
    }
  }
  void note(std::size_t i) { used_[i][round(i)] = ends_[i].uses(round(i)); }

  Rng rng_;
  std::array<End, 2> ends_ = {End(kA, 100), End(kB, 100)};
  std::array<bool, 2> wanted_ = {false, false};
  std::array<std::deque<Sent>, 2> on_the_way_to_;
  std::array<std::map<std::uint64_t, bool>, 2> used_;
};

// Views change at different times on the two ends, but messages arrive before the receiver is kLead
// rounds past the sender's: then no round is ever used by one end alone.
TEST(EdgeAgreementPropertyTest, PromptMessagesMeanNoRoundIsUsedByOneEndAlone) {
  std::size_t used_rounds = 0;
  std::size_t changes = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    TwoEnds both(seed);
    for (int step = 0; step < 200; ++step) {
      const std::size_t i = both.rng().below(2);
      const std::uint64_t what = both.rng().below(10);
      if (what == 0) {
        both.toggle(i);
      } else if (what < 5) {
        both.deliver_to(i);
      } else if (both.round(i) <= both.round(1 - i)) {  // at most one round ahead
        auto& queue = both.on_the_way_to(i);
        while (!queue.empty() && queue.front().round + EdgeAgreement::kLead <= both.round(i) + 1) {
          both.deliver_to(i);
        }
        both.begin_next_round(i);
      }
    }
    bool before = false;
    for (const auto& [round, used] : both.used(0)) {
      const auto other = both.used(1).find(round);
      if (other == both.used(1).end()) continue;
      ASSERT_EQ(used, other->second) << "round " << round << ", seed " << seed;
      used_rounds += used ? 1 : 0;
      changes += used != std::exchange(before, used) ? 1 : 0;
    }
  }
  EXPECT_GT(used_rounds, 10'000u);
  EXPECT_GT(changes, 2000u);
}

// Clocks far apart, messages as late as they like, links that lose what is on the way, members
// thought failed: when it is quiet again, both ends agree.
TEST(EdgeAgreementPropertyTest, WhateverHappenedTheEndsAgreeWhenItIsQuiet) {
  std::size_t agreements = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    TwoEnds both(seed);
    for (int step = 0; step < 150; ++step) {
      const std::size_t i = both.rng().below(2);
      const std::uint64_t what = both.rng().below(20);
      if (what < 2) {
        both.toggle(i);
      } else if (what < 7) {
        both.deliver_to(i);
      } else if (what == 7) {
        both.lose_link(i);
      } else if (what == 8 && both.wanted(i)) {
        // Thought failed, and found alive. The edge is gone in mid-round, on purpose.
        both.drop_and_want(i);
      } else {
        both.begin_next_round(i);
      }
    }
    both.lose_link(seed % 2);
    EXPECT_LE(both.settle(), 12u) << "seed " << seed;
    const std::uint64_t far = std::max(both.round(0), both.round(1)) + EdgeAgreement::kMaxLead;
    for (std::uint64_t round = std::max(both.round(0), both.round(1)); round < far; ++round) {
      if (both.end(0).agreement.agreed_from(kB) &&
          Round(round) >= *both.end(0).agreement.agreed_from(kB)) {
        ASSERT_EQ(both.end(0).uses(round), both.end(1).uses(round)) << "seed " << seed;
      }
    }
    const bool expected = both.wanted(0) && both.wanted(1);
    ASSERT_EQ(both.end(0).uses(far), expected) << "seed " << seed;
    ASSERT_EQ(both.end(1).uses(far), expected) << "seed " << seed;
    ASSERT_EQ(both.end(0).agreement.agreed_from(kB), both.end(1).agreement.agreed_from(kA))
        << "seed " << seed;
    agreements += expected ? 1 : 0;
    if (!both.wanted(0) && !both.wanted(1)) {
      for (const std::size_t i : {0u, 1u}) {
        both.end(i).agreement.begin_round(Round(far));
        EXPECT_THAT(both.end(i).agreement.peers(), IsEmpty());
      }
    }
  }
  EXPECT_GT(agreements, 300u);
}

}  // namespace
}  // namespace skiptrain::core
