// FetchState between two transports, and by a client that is no neighbour.
#include <gmock/gmock.h>

#include "tests/unit/transport/transport_testing.h"

namespace skiptrain::transport {
namespace {

using testing::config_of;
using testing::connect;
using ::testing::HasSubstr;
using testing::hello_frame;
using testing::kPatience;
using testing::RawPeer;
using testing::TestNode;
using testing::update_of;

class FetchStateTest : public ::testing::Test {
 protected:
  FetchStateTest() : a_(config_of(1, {2})), b_(config_of(2, {1})) { connect(a_, 1, b_, 2); }

  // The request as the asked node's core sees it.
  core::StateRequested asked(TestNode& node) {
    const auto request = node.wait_for<core::StateRequested>();
    EXPECT_TRUE(request);
    return request.value_or(core::StateRequested{});
  }

  TestNode a_, b_;
};

TEST_F(FetchStateTest, BringsTheState) {
  // Either side may ask, whoever dialled.
  for (const auto& [asker, answerer, from] :
       {std::tuple{&a_, &b_, NodeId(2)}, std::tuple{&b_, &a_, NodeId(1)}}) {
    asker->transport().fetch_state(from, Round(30));
    const auto request = asked(*answerer);
    answerer->transport().send_state({request.from, request.request, update_of(31, 4.0F)});
    const auto fetched = asker->wait_for<core::StateFetched>();
    ASSERT_TRUE(fetched);
    EXPECT_EQ(fetched->from, from);
    EXPECT_EQ(fetched->state.round, Round(31));
    EXPECT_FLOAT_EQ(fetched->state.parameters->values()[10], 14.0F);
  }
}

TEST_F(FetchStateTest, ARefusalBringsItsReason) {
  a_.transport().fetch_state(NodeId(2), Round(0));
  b_.transport().refuse_state(asked(b_).request, "still loading");
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->reason, HasSubstr("node 2 (node-2): still loading"));
}

TEST_F(FetchStateTest, AnOlderStateThanAskedForIsRefused) {
  a_.transport().fetch_state(NodeId(2), Round(10));
  const auto request = asked(b_);
  b_.transport().send_state({request.from, request.request, update_of(9, 0.0F)});
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->reason, HasSubstr("is of round 9, asked for 10 or later"));
}

TEST_F(FetchStateTest, AskingAStrangerFailsAtOnce) {
  a_.transport().fetch_state(NodeId(77), Round(0));
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->reason, HasSubstr("node 77 is no neighbour"));
}

TEST_F(FetchStateTest, AnUnreachableNeighbourFails) {
  a_.knows(NodeId(2), "127.0.0.1:1");
  a_.transport().fetch_state(NodeId(2), Round(0));
  EXPECT_TRUE(a_.wait_for<core::StateFetchFailed>());
}

TEST_F(FetchStateTest, AStateThatIsNotFiniteIsRejected) {
  a_.transport().fetch_state(NodeId(2), Round(0));
  const auto request = asked(b_);
  b_.transport().send_state(
      {request.from, request.request, update_of(1, std::numeric_limits<float>::quiet_NaN())});
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->reason, HasSubstr("expected finite numbers"));
}

TEST_F(FetchStateTest, OneAnswerOnlyAndLateOnesDoNothing) {
  a_.transport().fetch_state(NodeId(2), Round(0));
  const auto request = asked(b_);
  b_.transport().send_state({request.from, request.request, update_of(1, 0.0F)});
  b_.transport().refuse_state(request.request, "too late");
  b_.transport().send_state({request.from, 12345, update_of(1, 0.0F)});
  EXPECT_TRUE(a_.wait_for<core::StateFetched>());
}

TEST_F(FetchStateTest, ManyFetchesAtATimeAreBounded) {
  for (std::size_t i = 0; i <= kMaxStateFetches; ++i) {
    a_.transport().fetch_state(NodeId(2), Round(0));
  }
  const auto failed = a_.wait_for<core::StateFetchFailed>();
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->reason, HasSubstr("more than 4 fetches"));
}

TEST_F(FetchStateTest, StoppingEndsAFetchInProgress) {
  a_.transport().fetch_state(NodeId(2), Round(0));
  asked(b_);
  const auto begin = std::chrono::steady_clock::now();
  b_.transport().stop();
  EXPECT_TRUE(a_.wait_for<core::StateFetchFailed>());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
}

TEST_F(FetchStateTest, AMismatchAndAStrangerAreFailedPreconditions) {
  RawPeer raw(b_.address());
  const auto status_of = [&](const v1::Frame& hello) {
    grpc::ClientContext context;
    v1::StateRequest request;
    *request.mutable_hello() = hello.hello();
    auto reader = raw.stub().FetchState(&context, request);
    v1::Frame frame;
    EXPECT_FALSE(reader->Read(&frame));
    return reader->Finish();
  };
  auto hello = hello_frame(1);
  hello.mutable_hello()->set_run_id("other");
  auto status = status_of(hello);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("run id"));
  status = status_of(hello_frame(9));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("no neighbour"));
}

}  // namespace
}  // namespace skiptrain::transport
