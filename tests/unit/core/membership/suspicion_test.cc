// Lifeguard, section IV-B: the time to refute.
#include "core/membership/suspicion.h"

#include <gtest/gtest.h>

namespace skiptrain::core {
namespace {

using namespace std::chrono_literals;

TEST(SuspicionTest, FallsFromMaxToMinAsOthersConfirm) {
  const auto limits = Suspicion::limits(timing_of(NetworkProfile::kLan), 16);
  ASSERT_EQ(limits.confirmations, 2u);
  Suspicion suspicion(limits, NodeId(1), Instant(1h));
  EXPECT_EQ(suspicion.timeout(), limits.max);
  EXPECT_TRUE(suspicion.confirm(NodeId(2)));
  EXPECT_LT(suspicion.timeout(), limits.max);
  EXPECT_GT(suspicion.timeout(), limits.min);
  EXPECT_TRUE(suspicion.confirm(NodeId(3)));
  EXPECT_EQ(suspicion.timeout(), limits.min);
}

TEST(SuspicionTest, TheSameMemberConfirmsOnce) {
  Suspicion suspicion(Suspicion::limits(timing_of(NetworkProfile::kLan), 16), NodeId(1),
                      Instant(1h));
  EXPECT_FALSE(suspicion.confirm(NodeId(1)));
  EXPECT_TRUE(suspicion.confirm(NodeId(2)));
  EXPECT_FALSE(suspicion.confirm(NodeId(2)));
  EXPECT_EQ(suspicion.confirmations(), 1u);
}

TEST(SuspicionTest, AClusterTooSmallToConfirmWaitsForNobody) {
  const auto limits = Suspicion::limits(timing_of(NetworkProfile::kLan), 3);
  EXPECT_EQ(Suspicion(limits, NodeId(1), Instant(1h)).timeout(), limits.min);
}

}  // namespace
}  // namespace skiptrain::core
