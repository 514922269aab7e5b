// The port to the neighbours: streams that carry updates and announcements.
//
// Thread-safe. Calls return at once; what happens is reported as core events through the sink,
// which is called on the transport's own threads and must only post.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/units.h"
#include "core/effect.h"
#include "core/event.h"
#include "model/published_update.h"

namespace skiptrain::ports {

enum class LinkState {
  kNeverConnected,
  kConnected,
  kLost,     // was connected; the stream broke: the neighbour is dead or cut off
  kLeft,     // said goodbye
  kRefused,  // one side refused the other; see last_error
};

// A neighbour and where its streams are.
struct PeerAddress {
  NodeId id;
  std::string name;
  std::string address;  // HOST:PORT
  bool operator==(const PeerAddress&) const = default;
};

// What the transport knows of one neighbour.
struct LinkReport {
  NodeId peer;
  std::string name;
  std::string address;
  LinkState state = LinkState::kNeverConnected;
  Incarnation incarnation;
  bool dialled_by_us = false;
  Bytes bytes_sent = 0;  // message bytes on streams, before HTTP/2 framing
  Bytes bytes_received = 0;
  // Of that, updates; and what these would be in float32.
  Bytes update_bytes_sent = 0;
  Bytes plain_update_bytes_sent = 0;
  std::uint64_t updates_received = 0;
  std::uint64_t updates_rejected = 0;  // frames or updates that failed a check
  std::uint64_t updates_dropped = 0;   // not sent: a newer one came while the peer was slow
  std::uint64_t reconnects = 0;        // streams after the first
  double last_heard_seconds = -1;      // ago; negative: never
  std::string last_error;              // of the link, the newest; "" if none
};

class Transport {
 public:
  using EventSink = std::function<void(core::Event)>;

  virtual ~Transport() = default;

  // Starts listening and dialling. kUnavailable with the address if the port is taken.
  virtual Status start(EventSink sink) = 0;
  // Says goodbye, closes all streams, joins all threads. No event is posted after it returns.
  virtual void stop() = 0;

  // Queues `update` for each of `to` that is connected; for the others it is dropped, since a
  // reconnected neighbour is sent the current update by the core. A full queue drops its oldest
  // update.
  virtual void send(const std::vector<NodeId>& to, const PublishedUpdate& update) = 0;
  // To one neighbour each, in order with the updates sent to it. Nothing happens if it is not
  // connected: on PeerConnected the core says it again.
  virtual void send_edge(const core::EdgeMessage& message) = 0;
  virtual void send_directives(const std::vector<NodeId>& to,
                               const std::vector<core::Directive>& directives) = 0;
  // From now on the neighbours are just these: links are opened and closed (the other end is told
  // goodbye), an address that changed is dialled anew. Before `start` too.
  virtual void link_to(const std::vector<PeerAddress>& peers) = 0;
  virtual void announce(const core::NodeState& state, bool to_neighbours) = 0;
  virtual void fetch_state(NodeId from, Round at_least) = 0;
  // Answer a StateRequested event. The request may be gone by now; then nothing happens.
  virtual void send_state(const core::SendState& answer) = 0;
  virtual void refuse_state(std::uint64_t request, const std::string& reason) = 0;

  virtual std::vector<LinkReport> links() const = 0;
  // The listening address with the port filled in.
  virtual std::string address() const = 0;
};

}  // namespace skiptrain::ports
