// Encoding against the generated classes, and decoding of bytes cut anywhere.
#include <cstring>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/wire/wire_testing.h"
#include "wire/checksum.h"
#include "wire/tags.h"

namespace skiptrain::wire {
namespace {

using testing::cut;
using ::testing::HasSubstr;
using testing::make_update;
using testing::messages_of;
using testing::ramp;
using testing::Receiver;
using testing::slice_of;

std::vector<float> values_of(const ModelUpdate& update) {
  const auto values = update.parameters->values();
  return {values.begin(), values.end()};
}

TEST(FrameEncoderTest, FramesAreWhatTheGeneratedClassReads) {
  const auto values = ramp(100);
  const auto encoded = encode_update(make_update(7, values), 128);
  const auto messages = messages_of(encoded);
  ASSERT_EQ(messages.size(), 4U);  // 400 bytes in chunks of 128
  std::string payload;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    v1::Frame frame;
    ASSERT_TRUE(frame.ParseFromString(messages[i]));
    EXPECT_EQ(frame.SerializeAsString(), messages[i]) << "not the canonical bytes";
    ASSERT_EQ(frame.has_update(), i == 0);
    EXPECT_EQ(frame.chunk().offset(), payload.size());
    payload += frame.chunk().data();
    if (i != 0) continue;
    EXPECT_EQ(frame.update().round(), 7U);
    EXPECT_EQ(frame.update().degree(), 3U);
    EXPECT_EQ(frame.update().parameter_count(), 100U);
    EXPECT_EQ(frame.update().dtype(), v1::WIRE_DTYPE_FLOAT32);
    EXPECT_EQ(frame.update().checksum(),
              checksum(slice_of(std::string(reinterpret_cast<const char*>(values.data()), 400))));
  }
  ASSERT_EQ(payload.size(), 400U);
  EXPECT_EQ(std::memcmp(payload.data(), values.data(), 400), 0);
  std::size_t total = 0;
  for (const auto& message : messages) total += message.size();
  EXPECT_EQ(encoded.size(), total);
}

TEST(FrameEncoderTest, PayloadIsReferencedNotCopied) {
  const auto update = make_update(1, ramp(1000));
  const auto encoded = encode_update(update, 1024);
  const std::byte* expected = update.parameters->bytes().data();
  for (const EncodedFrame& frame : encoded.frames) {
    EXPECT_EQ(frame.payload().data(), expected);
    expected += frame.payload().size();
  }
}

TEST(FrameEncoderTest, SmallUpdateTravelsInOneFrame) {
  EXPECT_EQ(encode_update(make_update(0, ramp(83'754))).frames.size(), 1U);
  EXPECT_EQ(encode_update(make_update(0, ramp(200'000))).frames.size(), 2U);
}

TEST(FrameEncoderTest, ByteOfATagIsTheFieldNumberOfTheProto) {
  const auto tag = [](int field, int type) { return static_cast<std::uint8_t>(field << 3 | type); };
  EXPECT_EQ(kFrameUpdateTag, tag(v1::Frame::kUpdateFieldNumber, 2));
  EXPECT_EQ(kFrameChunkTag, tag(v1::Frame::kChunkFieldNumber, 2));
  EXPECT_EQ(kChunkOffsetTag, tag(v1::Chunk::kOffsetFieldNumber, 0));
  EXPECT_EQ(kChunkDataTag, tag(v1::Chunk::kDataFieldNumber, 2));
}

TEST(FrameDecoderTest, UpdateSurvivesACutAtEveryByte) {
  const auto values = ramp(75);
  const auto messages = messages_of(encode_update(make_update(300, values), 200));
  ASSERT_EQ(messages.size(), 2U);
  for (std::size_t first = 1; first <= messages[0].size(); ++first) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
      Receiver receiver(values.size());
      auto begun = receiver.take(cut(messages[0], first, piece));
      ASSERT_TRUE(begun) << begun.error().message;
      EXPECT_FALSE(*begun);
      auto ended = receiver.take(cut(messages[1], first, piece));
      ASSERT_TRUE(ended) << ended.error().message;
      ASSERT_TRUE(*ended);
      EXPECT_EQ((*ended)->round, Round(300));
      EXPECT_EQ((*ended)->degree, 3U);
      ASSERT_EQ(values_of(**ended), values);
    }
  }
}

// The decoder reads canonical frames by hand; these need protobuf.
TEST(FrameDecoderTest, OtherEncodingsOfTheSameFrameAreRead) {
  const auto values = ramp(10);
  const auto message = messages_of(encode_update(make_update(5, values))).at(0);
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromString(message));
  v1::Frame only_update, only_chunk;
  *only_update.mutable_update() = frame.update();
  *only_chunk.mutable_chunk() = frame.chunk();
  const std::string chunk_first = only_chunk.SerializeAsString() + only_update.SerializeAsString();
  // Field 15, unknown to us, and an offset of zero written out.
  const std::string unknown_field = message + std::string("\x78\x01");
  for (const std::string& bytes : {chunk_first, unknown_field}) {
    Receiver receiver(values.size());
    auto taken = receiver.take(cut(bytes, 3, 5));
    ASSERT_TRUE(taken) << taken.error().message;
    ASSERT_TRUE(*taken);
    EXPECT_EQ(values_of(**taken), values);
  }
}

TEST(FrameDecoderTest, RoundsCoverAll64Bits) {
  for (const std::uint64_t round :
       {std::uint64_t{0}, std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()}) {
    Receiver receiver(2);
    auto taken = receiver.take(messages_of(encode_update(make_update(round, ramp(2)))).at(0));
    ASSERT_TRUE(taken && *taken);
    EXPECT_EQ((*taken)->round, Round(round));
  }
}

TEST(FrameDecoderTest, ControlFramesRoundTrip) {
  Hello hello;
  hello.cluster_id = "lab";
  hello.node_id = NodeId(12);
  hello.incarnation = Incarnation(4);
  hello.run_id = "run-1";
  hello.run_fingerprint = Fingerprint(~std::uint64_t{0});
  hello.layout_fingerprint = Fingerprint(17);
  hello.state = {Round(9), core::Activity::kPaused};
  hello.node_name = "küche";
  FrameDecoder decoder;
  const auto decode = [&](const std::string& bytes) { return decoder.decode(cut(bytes, 1, 2)); };

  auto frame = decode(encode_frame(hello));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->hello, hello);

  const core::NodeState state{Round(77), core::Activity::kFinished};
  frame = decode(encode_frame(state));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->state, state);

  const Goodbye goodbye{GoodbyeReason::kWrongDialer, "the lower id dials"};
  frame = decode(encode_frame(goodbye));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->goodbye, goodbye);

  const StateRequest request{hello, Round(5)};
  const std::string bytes = encode_state_request(request);
  const auto decoded = decode_state_request(cut(bytes, 4, 9));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->hello, hello);
  EXPECT_EQ(decoded->at_least, Round(5));
}

TEST(FrameDecoderTest, RefusesWhatIsNoFrame) {
  FrameDecoder decoder;
  const auto error_of = [&](const std::string& bytes) {
    const auto frame = decoder.decode(cut(bytes, 5, 100'000));
    return frame ? std::string() : frame.error().message;
  };
  EXPECT_THAT(error_of("garbage, not protobuf"), HasSubstr("no skiptrain.v1.Frame"));
  EXPECT_THAT(error_of(""), HasSubstr("expected one"));
  EXPECT_THAT(error_of(encode_frame(Hello{}) + encode_frame(Goodbye{})),
              HasSubstr("a frame with 2"));
  EXPECT_THAT(error_of(std::string(kMaxFrameBytes + 1, 'x')), HasSubstr("at most 1056768"));

  v1::Frame frame;
  frame.mutable_chunk()->set_data(std::string(kMaxChunkBytes + 1, 'x'));
  EXPECT_THAT(error_of(frame.SerializeAsString()), HasSubstr("a chunk of 1048577 bytes"));
}

TEST(FrameDecoderTest, RefusesBadFieldsAndNamesThem) {
  FrameDecoder decoder;
  const auto error_of = [&](const v1::Frame& frame) {
    const std::string bytes = frame.SerializeAsString();
    const Slice whole = slice_of(bytes);
    const auto decoded = decoder.decode(std::span(&whole, 1));
    return decoded ? std::string() : decoded.error().message;
  };
  v1::Frame frame;
  frame.mutable_hello();
  EXPECT_THAT(error_of(frame), HasSubstr("hello: state: activity 0 is unknown"));
  frame.mutable_hello()->mutable_state()->set_activity(v1::ACTIVITY_RUNNING);
  EXPECT_EQ(error_of(frame), "");
  frame.mutable_hello()->set_run_id(std::string(kMaxNameBytes + 1, 'r'));
  EXPECT_THAT(error_of(frame), HasSubstr("run_id has 257 bytes, at most 256"));
}

TEST(FrameDecoderTest, EdgesRoundTripWithoutTheirPeer) {
  const core::EdgeMessage message{NodeId(7), {true, Round(kMaxNamedRound - 1)}, {false, Round(3)}};
  const std::string bytes = encode_frame(message);
  FrameDecoder decoder;
  const auto frame = decoder.decode(cut(bytes, 1, 2));
  ASSERT_TRUE(frame) << frame.error().message;
  ASSERT_TRUE(frame->edge);
  EXPECT_EQ(frame->edge->peer, NodeId());
  EXPECT_EQ(frame->edge->claim, message.claim);
  EXPECT_EQ(frame->edge->heard.from, Round(3));
  EXPECT_FALSE(frame->update || frame->chunk || frame->directives || frame->hello);
}

std::vector<core::Directive> some_directives() {
  const core::DirectiveStamp stamp{5, NodeId(3)};
  return {{stamp, Round(12), core::Schedule{core::Policy::kSkipTrainAdaptive, 4, 3}},
          {{6, NodeId(4)}, Round(kMaxNamedRound - 1), core::LearningRate{0.03125}},
          {stamp, Round(0), core::RunOrder::kRun},
          {stamp, Round(1), core::RunOrder::kPause},
          {{kMaxLamport - 1, NodeId(~std::uint64_t{0})}, Round(2), core::RunOrder::kStop}};
}

TEST(FrameDecoderTest, DirectivesRoundTrip) {
  const auto directives = some_directives();
  const std::string bytes = encode_frame(directives);
  FrameDecoder decoder;
  const auto frame = decoder.decode(cut(bytes, 2, 3));
  ASSERT_TRUE(frame) << frame.error().message;
  ASSERT_TRUE(frame->directives);
  EXPECT_EQ(*frame->directives, directives);
}

TEST(FrameDecoderTest, TheMostDirectivesFitAFrameOfAHeader) {
  const std::vector<core::Directive> most(
      kMaxDirectives, {{kMaxLamport - 1, NodeId(~std::uint64_t{0})},
                       Round(kMaxNamedRound - 1),
                       core::Schedule{core::Policy::kSkipTrain, core::kMaxGamma, core::kMaxGamma}});
  const std::string bytes = encode_frame(most);
  EXPECT_LT(bytes.size(), kFrameSlackBytes);
  FrameDecoder decoder;
  const auto frame = decoder.decode(cut(bytes, 100, 100));
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->directives, most);
}

struct BadOrder {
  const char* name;
  void (*spoil)(v1::Frame&);
  const char* reason;
};
class BadOrderTest : public ::testing::TestWithParam<BadOrder> {};

TEST_P(BadOrderTest, IsNoFrameAndTheReasonIsNamed) {
  const auto decode = [](const v1::Frame& frame) {
    const std::string bytes = frame.SerializeAsString();
    const Slice whole = slice_of(bytes);
    FrameDecoder decoder;
    const auto decoded = decoder.decode(std::span(&whole, 1));
    return decoded ? std::string() : decoded.error().message;
  };
  v1::Frame frame;
  GetParam().spoil(frame);
  EXPECT_THAT(decode(frame), HasSubstr(GetParam().reason));
}

v1::Directive& directive_of(v1::Frame& frame) {
  v1::Directive& directive = *frame.mutable_directives()->add_directives();
  directive.set_run(v1::RUN_ORDER_PAUSE);
  return directive;
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadOrderTest,
    ::testing::Values(
        BadOrder{"EdgeWithoutClaim", [](v1::Frame& f) { f.mutable_edge()->mutable_heard(); },
                 "edge: no claim"},
        BadOrder{
            "ClaimOfAFarRound",
            [](v1::Frame& f) { f.mutable_edge()->mutable_claim()->set_from_round(kMaxNamedRound); },
            "edge: claim: from_round 4611686018427387904: must be below"},
        BadOrder{"HeardOfAFarRound",
                 [](v1::Frame& f) {
                   f.mutable_edge()->mutable_claim();
                   f.mutable_edge()->mutable_heard()->set_from_round(~std::uint64_t{0});
                 },
                 "edge: heard: from_round"},
        BadOrder{"EdgeAndDirectives",
                 [](v1::Frame& f) {
                   f.mutable_edge()->mutable_claim();
                   directive_of(f);
                 },
                 "a frame with 2"},
        BadOrder{"EdgeAndUpdate",
                 [](v1::Frame& f) {
                   f.mutable_edge()->mutable_claim();
                   f.mutable_update();
                 },
                 "a frame with 2"},
        BadOrder{"TooMany",
                 [](v1::Frame& f) {
                   for (std::size_t i = 0; i <= kMaxDirectives; ++i) directive_of(f);
                 },
                 "65 directives in a frame, at most 64"},
        BadOrder{"FarRound",
                 [](v1::Frame& f) { directive_of(f).set_effective_round(kMaxNamedRound); },
                 "directive 0: effective_round 4611686018427387904: must be below"},
        BadOrder{"LateLamport", [](v1::Frame& f) { directive_of(f).set_lamport(kMaxLamport); },
                 "directive 0: lamport"},
        BadOrder{"NoOrder", [](v1::Frame& f) { directive_of(f).clear_order(); }, "no order"},
        BadOrder{"UnknownRunOrder",
                 [](v1::Frame& f) {
                   directive_of(f);
                   directive_of(f).set_run(static_cast<v1::RunOrder>(9));
                 },
                 "directive 1: run order 9 is unknown"},
        BadOrder{"NoRunOrder",
                 [](v1::Frame& f) { directive_of(f).set_run(v1::RUN_ORDER_UNSPECIFIED); },
                 "run order 0 is unknown"},
        BadOrder{"RateOfZero", [](v1::Frame& f) { directive_of(f).set_learning_rate(0); },
                 "must be a finite number above 0"},
        BadOrder{"RateBelowZero", [](v1::Frame& f) { directive_of(f).set_learning_rate(-0.1); },
                 "must be a finite number above 0"},
        BadOrder{"RateNotANumber",
                 [](v1::Frame& f) {
                   directive_of(f).set_learning_rate(std::numeric_limits<double>::quiet_NaN());
                 },
                 "learning_rate nan"},
        BadOrder{"RateInfinite",
                 [](v1::Frame& f) {
                   directive_of(f).set_learning_rate(std::numeric_limits<double>::infinity());
                 },
                 "learning_rate inf"},
        BadOrder{"UnknownPolicy",
                 [](v1::Frame& f) {
                   directive_of(f).mutable_schedule()->set_policy(static_cast<v1::Policy>(77));
                 },
                 "policy 77 is unknown"},
        BadOrder{"GammaOfZero",
                 [](v1::Frame& f) {
                   directive_of(f).mutable_schedule()->set_policy(v1::POLICY_SKIPTRAIN);
                 },
                 "gamma_train = 0: must be 1"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(GossipCodecTest, EnvelopesAreBytesUpToTheLimit) {
  const std::string envelope("sealed\0bytes \xff", 14);
  const std::string bytes = encode_gossip(envelope);
  v1::SealedGossip message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  EXPECT_EQ(message.envelope(), envelope);
  EXPECT_EQ(decode_gossip(cut(bytes, 1, 3)), envelope);

  const std::string largest = encode_gossip(std::string(kMaxGossipBytes, 'x'));
  EXPECT_TRUE(decode_gossip(cut(largest, 1, 100'000)));
  const std::string larger = encode_gossip(std::string(kMaxGossipBytes + kGossipSlackBytes, 'x'));
  const auto refused = decode_gossip(cut(larger, 1, 100'000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  const std::string garbage = "\xff\xff";
  EXPECT_THAT(decode_gossip(cut(garbage, 1, 1)).error().message,
              HasSubstr("no skiptrain.v1.SealedGossip"));
}

TEST(FrameDecoderTest, GoodbyeDetailIsCutAndPrintable) {
  v1::Frame frame;
  frame.mutable_goodbye()->set_reason(static_cast<v1::GoodbyeReason>(1234));
  frame.mutable_goodbye()->set_detail("\x1b[31mred" + std::string(5000, 'x'));
  FrameDecoder decoder;
  const std::string bytes = frame.SerializeAsString();
  const auto decoded = decoder.decode(cut(bytes, 10, 10));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->goodbye->reason, GoodbyeReason::kUnspecified);
  EXPECT_EQ(decoded->goodbye->detail.size(), kMaxDetailBytes);
  EXPECT_EQ(decoded->goodbye->detail.substr(0, 8), "?[31mred");
}

}  // namespace
}  // namespace skiptrain::wire
