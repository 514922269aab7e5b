// What a transport is told when it is made, and the limits of lib/transport.
//
// The transport is made after the model is loaded, since a Hello carries the layout's fingerprint.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/event.h"
#include "model/compression.h"
#include "wire/limits.h"

namespace skiptrain::transport {

// Updates per peer that are being sent or wait for it. A newer one drops the oldest not started.
// Neighbours in step need three: the peer may have read round t and answered t and t + 1 before we
// hear that the write of t is done, and then t + 1 still waits when t + 2 comes.
inline constexpr std::size_t kMaxQueuedUpdates = 3;
// Edge messages, and messages with directives, that wait for a slow peer; see outgoing_queue.h.
inline constexpr std::size_t kMaxQueuedEdges = 4;
inline constexpr std::size_t kMaxQueuedDirectives = 16;
// Incoming streams that have not introduced themselves yet; more are turned away.
inline constexpr std::size_t kMaxStrangers = 64;
// Streams of one HTTP/2 connection: a neighbour needs one, and one per state it fetches.
inline constexpr int kMaxStreamsPerConnection = 8;
// FetchState calls that peers may have open here, and that we make, at a time.
inline constexpr std::size_t kMaxStateAnswers = 8;
inline constexpr std::size_t kMaxStateFetches = 4;

// A frame up to here is read and, if above wire::kMaxFrameBytes, refused with a goodbye that names
// the size; gRPC itself cuts off what is larger.
inline constexpr int kMaxMessageBytes = static_cast<int>(2 * wire::kMaxFrameBytes);

// Gossip calls that we make at a time, in all and to one address, and that peers may have open
// here.
inline constexpr std::size_t kMaxGossipCalls = 32;
inline constexpr std::size_t kMaxGossipCallsPerAddress = 4;
inline constexpr std::size_t kMaxGossipAnswers = 32;
// Connections kept for further gossip calls, and for how long without one.
inline constexpr std::size_t kMaxGossipChannels = 32;
inline constexpr Duration kGossipChannelIdle = std::chrono::seconds(60);
// A peer's gossip call, from its first byte to the handler's reply.
inline constexpr Duration kGossipAnswerTimeout = std::chrono::seconds(10);
// The largest message that the server takes, whatever the method.
inline constexpr int kMaxServerMessageBytes =
    static_cast<int>(wire::kMaxGossipBytes + wire::kGossipSlackBytes);
static_assert(kMaxServerMessageBytes >= kMaxMessageBytes);

// How long a goodbye may take to be sent and answered before the stream is cut.
inline constexpr Duration kCloseTimeout = std::chrono::milliseconds(800);
// After an unanswered keepalive ping the connection counts as dead.
inline constexpr Duration kKeepaliveTimeout = std::chrono::seconds(5);
// Pings closer together than this are refused by the server.
inline constexpr Duration kMinPingInterval = std::chrono::milliseconds(500);
// The core has this long to answer a StateRequested event.
inline constexpr Duration kStateAnswerTimeout = std::chrono::seconds(10);
// A fetch may take this long, and longer for a large model by the slowest link worth using.
inline constexpr Duration kStateFetchBaseTimeout = std::chrono::seconds(15);
inline constexpr double kStateFetchMinBytesPerSecond = 256.0 * 1024.0;
// A stream that lived this long, or delivered an update, starts the reconnect back-off anew.
inline constexpr Duration kStableAfter = std::chrono::seconds(5);
// The longest wait before a node is dialled again that does not count us among its neighbours yet,
// or no longer: it will hear of us, or we of it, within seconds.
inline constexpr Duration kViewsDifferRetry = std::chrono::milliseconds(250);

// How gRPC's buffers are cut. The defaults were chosen by tests/bench/exchange_bench.
struct Tuning {
  // HTTP/2 window: bytes a peer may send ahead of our reads, so also what it can make us hold.
  std::size_t lookahead_bytes = std::size_t{4} << 20;
  std::size_t http2_frame_bytes = (std::size_t{1} << 24) - 1;
  std::size_t write_buffer_bytes = std::size_t{4} << 20;
  // The least and the most that is read from a socket at once.
  std::size_t read_chunk_bytes = std::size_t{256} << 10;
  std::size_t max_read_chunk_bytes = std::size_t{4} << 20;
  bool probe_bandwidth = false;
};

struct PeerConfig {
  NodeId id;
  std::string name;
  std::string address;  // "host:port"; empty: not known yet, see GrpcTransport::set_peer_address
};

struct TransportConfig {
  std::string cluster_id;
  NodeId self;
  std::string name;
  Incarnation incarnation;
  std::string run_id;
  Fingerprint run_fingerprint;
  Fingerprint layout_fingerprint;
  std::size_t parameter_count = 0;
  Compression compression;  // of the updates that are sent and received
  core::NodeState state;    // announced until the first announce()

  std::string listen = "127.0.0.1:0";  // "host:port"; port 0 takes a free one
  std::vector<PeerConfig> peers;       // the first neighbours, each once, not this node
  // Neighbours come and go (Transport::link_to), and two nodes hear of it at different times. One
  // that does not know us as a neighbour is then dialled again soon, at most kViewsDifferRetry
  // later, and is not reported as refused.
  bool peers_come_and_go = false;

  std::size_t chunk_bytes = wire::kDefaultChunkBytes;
  Duration keepalive = std::chrono::seconds(10);
  // The first retry waits at most reconnect_min, each further one twice as long, up to the max. A
  // refused node waits for the max, as only an operator can mend that.
  Duration reconnect_min = std::chrono::milliseconds(100);
  Duration reconnect_max = std::chrono::seconds(5);
  // From the first byte of a stream, or the first attempt to dial, to the other side's Hello.
  Duration hello_timeout = std::chrono::seconds(10);
  Tuning tuning;
};

}  // namespace skiptrain::transport
