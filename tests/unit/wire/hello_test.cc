#include "wire/hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skiptrain::wire {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Hello hello_of(std::uint64_t node) {
  Hello hello;
  hello.cluster_id = "lab";
  hello.node_id = NodeId(node);
  hello.run_id = "run-1";
  hello.node_name = "node-" + std::to_string(node);
  return hello;
}

TEST(HelloTest, AcceptsANodeOfTheSameRun) {
  Hello theirs = hello_of(2);
  theirs.incarnation = Incarnation(9);
  theirs.state = {Round(50), core::Activity::kPaused};
  EXPECT_FALSE(check_hello(hello_of(1), theirs));
}

TEST(HelloTest, EachMismatchHasItsReasonAndNamesBothSides) {
  const Hello ours = hello_of(1);
  struct Case {
    void (*spoil)(Hello&);
    GoodbyeReason reason;
    const char* our_value;
    const char* their_value;
  };
  const Case cases[] = {
      {[](Hello& h) { h.protocol_version = 7; }, GoodbyeReason::kProtocolVersion, "has 1", "has 7"},
      {[](Hello& h) { h.cluster_id = "home"; }, GoodbyeReason::kCluster, "\"lab\"", "\"home\""},
      {[](Hello& h) { h.run_id = "run-2"; }, GoodbyeReason::kRun, "\"run-1\"", "\"run-2\""},
      {[](Hello& h) { h.run_fingerprint = Fingerprint(255); }, GoodbyeReason::kRun,
       "0x0000000000000000", "0x00000000000000ff"},
      {[](Hello& h) { h.layout_fingerprint = Fingerprint(16); }, GoodbyeReason::kLayout,
       "0x0000000000000000", "0x0000000000000010"},
  };
  for (const Case& each : cases) {
    Hello theirs = hello_of(2);
    each.spoil(theirs);
    const auto goodbye = check_hello(ours, theirs);
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->reason, each.reason);
    EXPECT_THAT(goodbye->detail,
                AllOf(HasSubstr(std::string("node 1 (node-1) has ")), HasSubstr(each.our_value),
                      HasSubstr("node 2 (node-2) has "), HasSubstr(each.their_value)));
    // The other side comes to the same verdict.
    EXPECT_EQ(check_hello(theirs, ours)->reason, each.reason);
  }
}

// A peer from before there was compression does not mention it, and takes part if there is none.
TEST(HelloTest, AnotherCompressionIsNamedBeforeDifferentSettings) {
  Hello ours = hello_of(1), theirs = hello_of(2);
  ours.compression = "int8";
  ours.run_fingerprint = Fingerprint(1);
  const auto goodbye = check_hello(ours, theirs);
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(goodbye->reason, GoodbyeReason::kRun);
  EXPECT_EQ(goodbye->detail,
            "compression of updates: node 1 (node-1) has int8, node 2 (node-2) has none");
  EXPECT_EQ(check_hello(theirs, ours)->detail,
            "compression of updates: node 2 (node-2) has none, node 1 (node-1) has int8");
  theirs.compression = "top-k:0.1";
  EXPECT_THAT(check_hello(ours, theirs)->detail, HasSubstr("node 2 (node-2) has top-k:0.1"));
}

TEST(HelloTest, ADifferentModelIsNamedBeforeDifferentSettings) {
  Hello theirs = hello_of(2);
  theirs.run_fingerprint = Fingerprint(1);
  theirs.layout_fingerprint = Fingerprint(1);
  EXPECT_EQ(check_hello(hello_of(1), theirs)->reason, GoodbyeReason::kLayout);
}

}  // namespace
}  // namespace skiptrain::wire
