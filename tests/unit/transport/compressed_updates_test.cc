// Both ends of a link hold the same public copy, whatever is dropped, broken off or made anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "model/publisher.h"
#include "tests/unit/transport/transport_testing.h"
#include "transport/outgoing_queue.h"
#include "wire/frame_decoder.h"
#include "wire/update_assembler.h"

namespace skiptrain::transport {
namespace {

using testing::config_of;
using testing::eventually;
using ::testing::HasSubstr;
using testing::kParameters;
using testing::TestNode;

Compression compression_of(const std::string& text) {
  return parse_compression(text).value();
}

bool same_bits(const ModelUpdate& a, const ModelUpdate& b) {
  return a.round == b.round && std::ranges::equal(a.parameters->bytes(), b.parameters->bytes());
}

// A node whose model wanders, and what it publishes.
class Wanderer {
 public:
  Wanderer(const std::string& compression, std::uint64_t seed)
      : rng_(seed),
        publisher_(compression_of(compression), ParametersPool(kParameters, 8)),
        model_(kParameters) {}

  PublishedUpdate next() {
    for (float& value : model_) value += static_cast<float>(rng_.normal());
    if (rng_.below(10) == 0) ++round_;  // a gap: it jumped
    return publisher_.publish({Round(round_++), 2, copy_parameters(model_)});
  }
  Rng& rng() { return rng_; }

 private:
  Rng rng_;
  Publisher publisher_;
  std::vector<float> model_;
  std::uint64_t round_ = 0;
};

// What a stream is made of, without the network: its queue at one end, its assembler at the other.
struct Stream {
  Stream(ParametersPool& pool, const Compression& compression) : assembler(pool, compression) {}

  // Sends one message; an update if that was its last.
  std::optional<ModelUpdate> carry() {
    grpc::Slice bytes;
    EXPECT_TRUE(queue.take().DumpToSingleSlice(&bytes).ok());
    const wire::Slice whole(reinterpret_cast<const std::byte*>(bytes.begin()), bytes.size());
    const auto frame = decoder.decode(std::span(&whole, 1));
    EXPECT_TRUE(frame) << frame.error().message;
    const auto update = assembler.accept(*frame);
    EXPECT_TRUE(update) << update.error().message;
    queue.written();
    return update ? *update : std::nullopt;
  }

  OutgoingQueue queue;
  wire::FrameDecoder decoder;
  wire::UpdateAssembler assembler;
};

class LinkOfTest : public ::testing::TestWithParam<const char*> {};

TEST_P(LinkOfTest, EveryUpdateThatArrivesIsTheOneThatWasPublished) {
  std::size_t arrived = 0, dropped = 0, broken = 0;
  Bytes sent = 0, plain = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Wanderer sender(GetParam(), seed);
    Rng& rng = sender.rng();
    ParametersPool pool(kParameters, 8);
    auto stream = std::make_unique<Stream>(pool, compression_of(GetParam()));
    std::map<Round, ModelUpdate> published;
    const auto send = [&](const PublishedUpdate& update) {
      published[update.update.round] = update.update;
      // Chunks far smaller than a daemon's, so that an update is several messages.
      dropped += stream->queue.push(make_outgoing(update, 300 + rng.below(3000)));
    };
    PublishedUpdate newest = sender.next();
    send(newest);
    for (int step = 0; step < 200; ++step) {
      const std::uint64_t what = rng.below(20);
      if (what < 6) {
        newest = sender.next();
        if (rng.below(8) > 0) send(newest);  // else it has no edge in this round
      } else if (what == 6) {
        ++broken;
        sent += stream->queue.update_bytes();
        plain += stream->queue.plain_update_bytes();
        stream = std::make_unique<Stream>(pool, compression_of(GetParam()));
        send(newest);  // as the core does for a neighbour that comes back
      } else if (!stream->queue.empty()) {
        if (const auto update = stream->carry()) {
          ++arrived;
          ASSERT_TRUE(same_bits(*update, published.at(update->round))) << "seed " << seed;
        }
      }
    }
  }
  EXPECT_GT(arrived, 1000U);
  EXPECT_GT(dropped, 100U);
  EXPECT_GT(broken, 100U);
  EXPECT_LT(static_cast<double>(sent), 0.9 * static_cast<double>(plain)) << "few went whole";
}

INSTANTIATE_TEST_SUITE_P(Each, LinkOfTest, ::testing::Values("bf16", "fp16", "int8", "top-k:0.1"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase_if(name, [](char c) { return !std::isalnum(c); });
                           return name;
                         });

TransportConfig compressed_config(std::uint64_t self, std::vector<std::uint64_t> peers,
                                  const std::string& compression) {
  TransportConfig config = config_of(self, peers);
  config.compression = compression_of(compression);
  return config;
}

bool receives(TestNode& node, const ModelUpdate& update) {
  return node
      .wait_for<core::UpdateReceived>(
          [&](const core::UpdateReceived& e) { return same_bits(e.update, update); })
      .has_value();
}

TEST(CompressedExchangeTest, TransportsSendDifferencesAndStartWholeOnANewStream) {
  TestNode a(compressed_config(1, {2}, "int8"));
  auto b = std::make_unique<TestNode>(compressed_config(2, {1}, "int8"));
  testing::connect(a, 1, *b, 2);
  Wanderer sender("int8", 1);
  for (int i = 0; i < 30; ++i) {
    const PublishedUpdate update = sender.next();
    a.transport().send({NodeId(2)}, update);
    ASSERT_TRUE(receives(*b, update.update)) << i;
  }
  ports::LinkReport link = a.link(2);
  EXPECT_LT(link.update_bytes_sent, 0.5 * static_cast<double>(link.plain_update_bytes_sent));
  EXPECT_GE(link.bytes_sent, link.update_bytes_sent);
  EXPECT_GT(link.plain_update_bytes_sent, 30U * kParameters * sizeof(float) - 1);

  // The other end starts anew, and so has no copy.
  a.forget();
  b.reset();
  ASSERT_TRUE(a.wait_for<core::PeerDisconnected>());
  b = std::make_unique<TestNode>(compressed_config(2, {1}, "int8"));
  testing::connect(a, 1, *b, 2);
  for (int i = 0; i < 5; ++i) {
    const PublishedUpdate update = sender.next();
    a.transport().send({NodeId(2)}, update);
    ASSERT_TRUE(receives(*b, update.update)) << i;
  }
  EXPECT_EQ(b->link(1).updates_rejected, 0U);
  EXPECT_EQ(a.link(2).update_bytes_sent > link.update_bytes_sent, true)
      << "counted over both streams";
}

TEST(CompressedExchangeTest, APeerThatDoesNotSpeakItIsRefusedInWords) {
  TestNode ours(compressed_config(2, {1}, "top-k:0.1"));
  testing::RawPeer old(ours.address());
  const auto answer = old.introduce(testing::hello_frame(1));
  EXPECT_EQ(answer.goodbye().reason(), v1::GOODBYE_REASON_RUN);
  EXPECT_EQ(answer.goodbye().detail(),
            "compression of updates: node 2 (node-2) has top-k:0.1, node 1 (raw) has none");
  EXPECT_TRUE(eventually([&] { return ours.link(1).state == ports::LinkState::kRefused; }));
  EXPECT_THAT(ours.link(1).last_error, HasSubstr("top-k:0.1"));
}

TEST(CompressedExchangeTest, ADifferenceOutOfTurnEndsTheStream) {
  TestNode ours(compressed_config(2, {1}, "int8"));
  testing::RawPeer peer(ours.address());
  v1::Frame hello = testing::hello_frame(1);
  hello.mutable_hello()->set_compression("int8");
  ASSERT_TRUE(peer.introduce(hello).has_hello());
  Wanderer sender("int8", 3);
  PublishedUpdate update = sender.next();
  while (!update.has_difference()) update = sender.next();
  const auto forms = wire::encode_published(update, 1 << 20);
  const wire::EncodedFrame& only = forms.difference->frames.at(0);
  std::string bytes(reinterpret_cast<const char*>(only.prefix().data()), only.prefix().size());
  bytes.append(reinterpret_cast<const char*>(only.payload().data()), only.payload().size());
  v1::Frame frame;
  ASSERT_TRUE(frame.ParseFromString(bytes));
  peer.write(frame);
  const v1::Goodbye goodbye = peer.read_goodbye();
  EXPECT_EQ(goodbye.reason(), v1::GOODBYE_REASON_BAD_FRAME);
  EXPECT_THAT(goodbye.detail(), HasSubstr("but the newest here is none"));
  EXPECT_EQ(ours.link(1).updates_rejected, 1U);
}

}  // namespace
}  // namespace skiptrain::transport
