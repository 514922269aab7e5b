// The order and the bounds of what waits for one stream.
#include "transport/outgoing_queue.h"

#include <gtest/gtest.h>

#include "skiptrain/v1/peer.pb.h"
#include "tests/unit/transport/transport_testing.h"
#include "transport/transport_config.h"

namespace skiptrain::transport {
namespace {

using testing::update_of;

OutgoingUpdatePtr outgoing(std::uint64_t round, std::size_t frames = 1) {
  return make_outgoing(wire::encode_update(update_of(round, 0.0F, frames * 10), 40));
}
core::EdgeMessage edge(std::uint64_t from) {
  return {NodeId(1), {true, Round(from)}, {}};
}
core::Directive directive(std::uint64_t lamport) {
  return {{lamport, NodeId(1)}, Round(lamport), core::RunOrder::kPause};
}

v1::Frame parse(const grpc::ByteBuffer& message) {
  grpc::Slice bytes;
  EXPECT_TRUE(message.DumpToSingleSlice(&bytes).ok());
  v1::Frame frame;
  EXPECT_TRUE(frame.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
  return frame;
}

// "u3" for the first frame of the update of round 3, "." for a further one, "e5" for a claim from
// round 5, "d1,2" for directives.
std::string word(const v1::Frame& frame) {
  if (frame.has_update()) return "u" + std::to_string(frame.update().round());
  if (frame.has_edge()) return "e" + std::to_string(frame.edge().claim().from_round());
  if (!frame.has_directives()) return ".";
  std::string text = "d";
  for (const auto& one : frame.directives().directives()) {
    text += (text.size() > 1 ? "," : "") + std::to_string(one.lamport());
  }
  return text;
}

std::string drain(OutgoingQueue& queue) {
  std::string words;
  while (!queue.empty()) {
    words += word(parse(queue.take())) + " ";
    queue.written();
  }
  return words;
}

TEST(OutgoingQueueTest, KindsComeOutInTheOrderOfPushing) {
  OutgoingQueue queue;
  queue.push(outgoing(1, 2));
  queue.push(edge(5));
  queue.push(outgoing(2));
  queue.push({directive(1), directive(2)});
  queue.push(edge(6));
  EXPECT_EQ(drain(queue), "u1 . e5 u2 d1,2 e6 ");
}

TEST(OutgoingQueueTest, UpdatesDropTheOldestNotBegunAndNothingElse) {
  OutgoingQueue queue;
  EXPECT_EQ(queue.push(outgoing(1, 2)), 0U);
  EXPECT_EQ(word(parse(queue.take())), "u1");
  queue.push(edge(5));
  EXPECT_EQ(queue.push(outgoing(2)), 0U);
  queue.push(edge(6));
  EXPECT_EQ(queue.push(outgoing(3)), 0U);
  EXPECT_EQ(queue.push(outgoing(4)), 1U);
  EXPECT_EQ(drain(queue), ". e5 e6 u3 u4 ");
}

TEST(OutgoingQueueTest, AnUpdateWhoseLastMessageIsInFlightCounts) {
  OutgoingQueue queue;
  queue.push(outgoing(1));
  queue.take();
  for (std::uint64_t round = 2; round <= kMaxQueuedUpdates; ++round) {
    EXPECT_EQ(queue.push(outgoing(round)), 0U);
  }
  EXPECT_EQ(queue.push(outgoing(9)), 1U);
  queue.written();
  EXPECT_EQ(queue.push(outgoing(10)), 0U);
}

TEST(OutgoingQueueTest, OfTooManyEdgesTheOldestGoesAndTheNewestStaysBehindItsUpdate) {
  OutgoingQueue queue;
  queue.push(edge(100));
  queue.push(outgoing(1));
  for (std::uint64_t i = 0; i < kMaxQueuedEdges; ++i) queue.push(edge(i));
  EXPECT_EQ(drain(queue), "u1 e0 e1 e2 e3 ");
}

TEST(OutgoingQueueTest, OfTooManyDirectivesTheOldestAreMergedAndNoneIsLost) {
  OutgoingQueue queue;
  std::vector<std::uint64_t> expected;
  for (std::uint64_t i = 1; i <= kMaxQueuedDirectives + 3; ++i) {
    queue.push({directive(i)});
    if (i == 1) queue.push(outgoing(7));
  }
  EXPECT_EQ(word(parse(queue.take())), "u7") << "the later of two merged has the place";
  const v1::Frame merged = parse(queue.take());
  EXPECT_EQ(word(merged), "d4,3,2,1");
  EXPECT_EQ(word(parse(queue.take())), "d5");
}

TEST(OutgoingQueueTest, AClosingStreamKeepsWhatIsNoUpdate) {
  OutgoingQueue queue;
  queue.push(outgoing(1, 3));
  queue.take();
  queue.push(edge(5));
  queue.push(outgoing(2));
  queue.push({directive(1)});
  queue.drop_updates();
  EXPECT_EQ(drain(queue), "e5 d1 ");
}

}  // namespace
}  // namespace skiptrain::transport
