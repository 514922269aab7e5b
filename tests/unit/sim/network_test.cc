#include "sim/network.h"

#include <algorithm>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "core/topology/build_topology.h"

namespace skiptrain::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kParameters = 250;
constexpr Bytes kUpdateBytes = kParameters * 4 + kMessageOverheadBytes;

Instant at(Duration since_start) {
  return Instant(since_start);
}

// Three nodes in a ring, whose links are up; what arrives is taken down.
class NetworkTest : public testing::Test {
 protected:
  struct Arrival {
    Position from;
    Position to;
    Instant when;
    std::uint64_t round;
  };

  Network& build(NetworkOptions options, std::uint64_t seed = 1) {
    const auto topology =
        core::build_topology({core::TopologySpec::Kind::kRing, 0, ""}, 3, 1).value();
    network_.emplace(topology, options, seed, agenda_, counts_);
    for (Position a = 0; a < 3; ++a) {
      for (Position b = a + 1; b < 3; ++b) network_->connect(network_->find(a, b));
    }
    return *network_;
  }

  void send(Position from, std::vector<NodeId> to, std::uint64_t round = 0) {
    const ModelUpdate update{Round(round), 2, std::make_shared<Parameters>(kParameters)};
    network_->send_update(from, to, update);
  }

  std::vector<Arrival> run() {
    std::vector<Arrival> arrivals;
    while (!agenda_.empty()) {
      const Entry entry = agenda_.pop();
      if (entry.what == Happening::kDirectionFree) {
        network_->direction_is_free(entry);
        continue;
      }
      const Direction& direction = network_->direction(entry.key());
      const auto& event = network_->parcel(entry.payload).event;
      const auto* update = std::get_if<core::UpdateReceived>(&event);
      if (entry.what == Happening::kNotice || network_->is_current(entry)) {
        arrivals.push_back({direction.from, direction.to, entry.when,
                            update != nullptr ? update->update.round.value() : 0});
      }
      network_->release(entry.payload);
    }
    return arrivals;
  }

  Agenda agenda_;
  FaultCounts counts_;
  std::optional<Network> network_;
};

TEST_F(NetworkTest, AMessageTakesItsLatencyAndItsTimeOnTheWire) {
  NetworkOptions options;
  options.link.latency = milliseconds(10);
  options.link.bandwidth_bytes_per_s = kUpdateBytes * 50.0;  // 20 ms an update
  build(options);
  send(0, {NodeId(1), NodeId(2)});
  const auto arrivals = run();
  ASSERT_EQ(arrivals.size(), 2u);
  for (const Arrival& arrival : arrivals) EXPECT_EQ(arrival.when, at(milliseconds(30)));
  EXPECT_EQ(network_->sent(0).bytes, 2 * kUpdateBytes);
  EXPECT_EQ(network_->sent(0).messages, 2u);
  EXPECT_EQ(network_->sent(1).bytes, 0u);
}

TEST_F(NetworkTest, UpdatesOfADirectionQueueForTheBandwidth) {
  NetworkOptions options;
  options.link.latency = milliseconds(10);
  options.link.bandwidth_bytes_per_s = kUpdateBytes * 50.0;
  build(options);
  for (std::uint64_t round = 0; round < 3; ++round) send(0, {NodeId(1)}, round);
  send(1, {NodeId(0)}, 9);  // the other direction is free
  std::map<std::uint64_t, Instant> when;
  for (const Arrival& arrival : run()) when[arrival.round] = arrival.when;
  EXPECT_EQ(when.at(0), at(milliseconds(30)));
  EXPECT_EQ(when.at(1), at(milliseconds(50)));
  EXPECT_EQ(when.at(2), at(milliseconds(70)));
  EXPECT_EQ(when.at(9), at(milliseconds(30)));
}

// As lib/transport does it: see OutgoingQueue.
TEST_F(NetworkTest, ADifferenceIsSentWhereTheCopyBeforeItWasAndElseTheWhole) {
  constexpr std::size_t kPacked = 100;
  constexpr Bytes kDifference = kPacked + kMessageOverheadBytes;
  build({});
  const auto payload = std::make_shared<Payload>(kPacked);
  const auto sent_for = [&](std::uint64_t copy) {
    const Bytes before = network_->sent(0).bytes;
    const std::vector<NodeId> to = {NodeId(1)};
    network_->send_update(0, to,
                          {{Round(copy), 2, std::make_shared<Parameters>(kParameters)},
                           Packing::kInt8,
                           payload,
                           copy});
    return network_->sent(0).bytes - before;
  };
  EXPECT_EQ(sent_for(1), kUpdateBytes) << "nothing went before it";
  EXPECT_EQ(sent_for(2), kDifference);
  EXPECT_EQ(sent_for(3), kDifference);
  EXPECT_EQ(sent_for(5), kUpdateBytes) << "copy 4 was not sent here";
  EXPECT_EQ(sent_for(6), kDifference);
  network_->disconnect(network_->find(0, 1));
  network_->connect(network_->find(0, 1));
  EXPECT_EQ(sent_for(7), kUpdateBytes) << "a new stream";
  network_->set_cut(network_->find(0, 1), true);
  EXPECT_EQ(sent_for(8), kDifference) << "lost";
  network_->set_cut(network_->find(0, 1), false);
  EXPECT_EQ(sent_for(9), kUpdateBytes);
  EXPECT_EQ(sent_for(10), kDifference);
  EXPECT_EQ(run().size(), 3U) << "what was under way on the old stream is lost";
}

TEST_F(NetworkTest, AFullQueueDropsItsOldestUpdate) {
  NetworkOptions options;
  options.link.bandwidth_bytes_per_s = kUpdateBytes * 50.0;
  build(options);
  for (std::uint64_t round = 0; round < kMaxQueuedUpdates + 3; ++round) {
    send(0, {NodeId(1)}, round);
  }
  std::vector<std::uint64_t> rounds;
  for (const Arrival& arrival : run()) rounds.push_back(arrival.round);
  EXPECT_EQ(rounds, (std::vector<std::uint64_t>{0, 3, 4, 5}));
  EXPECT_EQ(counts_.dropped_updates, 2u);
}

TEST_F(NetworkTest, ADirectionStaysInOrderWhateverTheJitter) {
  NetworkOptions options;
  options.link.latency = Duration(0);
  options.link.jitter = milliseconds(10);
  build(options);
  for (std::uint64_t round = 0; round < 200; ++round) send(0, {NodeId(1)}, round);
  const auto arrivals = run();
  ASSERT_EQ(arrivals.size(), 200u);
  for (std::uint64_t round = 0; round < 200; ++round) EXPECT_EQ(arrivals[round].round, round);
  EXPECT_GT(arrivals.back().when, at(milliseconds(5)));
  EXPECT_LE(arrivals.back().when, at(milliseconds(11)));
}

TEST_F(NetworkTest, WhatIsUnderWayWhenALinkBreaksIsLost) {
  build(NetworkOptions());
  send(0, {NodeId(1), NodeId(2)});
  const DirectionIndex broken = network_->find(1, 0);
  network_->disconnect(broken);
  send(0, {NodeId(1)}, 1);  // not sent at all
  network_->connect(broken);
  send(0, {NodeId(1)}, 2);
  std::multimap<Position, std::uint64_t> rounds;
  for (const Arrival& arrival : run()) rounds.emplace(arrival.to, arrival.round);
  EXPECT_EQ(rounds, (std::multimap<Position, std::uint64_t>{{1, 2}, {2, 0}}));
  EXPECT_EQ(network_->sent(0).messages, 3u);
}

TEST_F(NetworkTest, ACutLosesOneDirectionOnly) {
  build(NetworkOptions());
  network_->set_cut(network_->find(0, 1), true);
  send(0, {NodeId(1), NodeId(2)});
  send(1, {NodeId(0)}, 5);
  std::vector<Position> reached;
  for (const Arrival& arrival : run()) reached.push_back(arrival.to);
  std::ranges::sort(reached);
  EXPECT_EQ(reached, (std::vector<Position>{0, 2}));
  EXPECT_EQ(counts_.lost_messages, 1u);
}

TEST_F(NetworkTest, LosesDuplicatesAndReordersAsOftenAsTold) {
  NetworkOptions options;
  options.link.loss = 0.2;
  options.link.duplicate = 0.1;
  options.link.reorder = 0.3;
  options.unreliable_until = at(milliseconds(1));
  build(options);
  constexpr std::uint64_t kUpdates = 5000;
  for (std::uint64_t round = 0; round < kUpdates; ++round) send(0, {NodeId(1)}, round);
  const auto arrivals = run();
  EXPECT_NEAR(static_cast<double>(counts_.lost_messages), 0.2 * kUpdates, 150);
  EXPECT_NEAR(static_cast<double>(counts_.duplicated_messages), 0.8 * 0.1 * kUpdates, 100);
  EXPECT_NEAR(static_cast<double>(counts_.reordered_messages), 0.8 * 0.3 * kUpdates, 150);
  EXPECT_EQ(arrivals.size(), kUpdates - counts_.lost_messages + counts_.duplicated_messages);
  std::uint64_t overtaken = 0;
  for (std::size_t k = 1; k < arrivals.size(); ++k) {
    overtaken += arrivals[k].round < arrivals[k - 1].round ? 1 : 0;
  }
  EXPECT_GT(overtaken, 500u);
  // It is calm after its unreliable time.
  ASSERT_GT(agenda_.now(), at(milliseconds(1)));
  const FaultCounts before = counts_;
  for (std::uint64_t round = 0; round < 100; ++round) send(0, {NodeId(1)}, round);
  EXPECT_EQ(run().size(), 100u);
  EXPECT_EQ(counts_.lost_messages, before.lost_messages);
}

TEST_F(NetworkTest, OverridesTakeOneLinkOrOneDirection) {
  NetworkOptions options;
  options.link.latency = milliseconds(1);
  LinkOptions slow;
  slow.latency = milliseconds(7);
  options.overrides = {{.from = 0, .to = 1, .both = false, .link = slow},
                       {.from = 1, .to = 2, .both = true, .link = slow}};
  build(options);
  for (const auto& [from, to] :
       {std::pair(0, 1), std::pair(1, 0), std::pair(1, 2), std::pair(2, 1), std::pair(0, 2)}) {
    send(static_cast<Position>(from), {NodeId(static_cast<std::uint64_t>(to))});
  }
  std::map<std::pair<Position, Position>, Instant> when;
  for (const Arrival& arrival : run()) when[{arrival.from, arrival.to}] = arrival.when;
  EXPECT_EQ(when.at({0, 1}), at(milliseconds(7)));
  EXPECT_EQ(when.at({1, 0}), at(milliseconds(1)));
  EXPECT_EQ(when.at({1, 2}), at(milliseconds(7)));
  EXPECT_EQ(when.at({2, 1}), at(milliseconds(7)));
  EXPECT_EQ(when.at({0, 2}), at(milliseconds(1)));
}

TEST(NetworkOptionsTest, PresetsAreKnownByName) {
  EXPECT_LT(network_preset("lan")->link.latency, network_preset("wifi")->link.latency);
  EXPECT_LT(network_preset("wifi")->link.latency, network_preset("wan")->link.latency);
  EXPECT_EQ(network_preset("lan")->link.bandwidth_bytes_per_s, 125e6);
  const auto unknown = network_preset("modem");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "network modem: must be ideal, lan, wifi or wan");
}

TEST(NetworkOptionsTest, ValuesOutOfRangeAreNamed) {
  NetworkOptions options;
  options.link.loss = 1.5;
  EXPECT_EQ(validate(options, 4).error().message, "network: loss = 1.500000 must be from 0 to 1");
  options = {};
  options.overrides = {{.from = 1, .to = 9, .both = true, .link = {}}};
  EXPECT_EQ(validate(options, 4).error().message,
            "network: link 1 to 9: nodes are numbered from 0 to 3");
  options.overrides[0].to = 2;
  options.overrides[0].link.bandwidth_bytes_per_s = 0;
  EXPECT_EQ(validate(options, 4).error().message,
            "network: link 1 to 2: bandwidth must be above 0");
}

}  // namespace
}  // namespace skiptrain::sim
