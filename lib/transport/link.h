// What the transport keeps of one neighbour, and the rules that need nothing else: which of two
// streams is kept, how long to wait before the next dial.
//
// Plain data and pure functions; Link::mutex guards a Link's fields. It is held while an event of
// this peer is posted, so that events come in the order of the fields' changes.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/rng.h"
#include "ports/transport.h"
#include "transport/exchange_stream.h"

namespace skiptrain::transport {

struct Link {
  Link(NodeId id, std::string name, std::string address, bool dialled_by_us)
      : peer(id),
        dialled_by_us(dialled_by_us),
        name(std::move(name)),
        address(std::move(address)) {}

  const NodeId peer;
  const bool dialled_by_us;

  mutable std::mutex mutex;
  std::string name;
  std::string address;
  ports::LinkState state = ports::LinkState::kNeverConnected;
  bool removed = false;     // by link_to: no event is posted any more, and nothing dialled
  Incarnation incarnation;  // of the newest admitted stream
  StreamPtr current;        // admitted and not ended
  std::chrono::steady_clock::time_point connected_at;
  StreamPtr dialled;             // ours, from the dial until gRPC is done with it
  bool verdict = false;          // one side ended `dialled` on purpose, so its end is no failure
  bool views_differ = false;     // said the peer: we are no neighbour of its
  std::vector<StreamPtr> bound;  // all that gRPC is not done with, for their counters
  std::uint32_t failures = 0;    // dials since the last stable stream
  std::uint64_t dial_timer = 0;  // the newest; older ones do nothing
  std::uint64_t streams = 0;     // admitted so far
  std::string last_error;

  // Counters of streams that are gone; those of `bound` come on top.
  Bytes bytes_sent = 0;
  Bytes bytes_received = 0;
  ExchangeStream::UpdateBytes update_bytes;
  std::optional<std::chrono::steady_clock::time_point> last_heard;
  std::uint64_t updates_received = 0;
  std::uint64_t updates_rejected = 0;
  std::uint64_t updates_dropped = 0;

  // These require the lock.
  ports::LinkReport report(std::chrono::steady_clock::time_point now) const;
  void bind(const StreamPtr& stream);
  // Keeps the counters of a stream that is gone.
  void absorb(const StreamPtr& stream);
};

// A second stream from the same node: the newer incarnation wins, and of the same incarnation the
// newer stream, since a peer opens one only when it has lost the other. True if the new one wins.
bool newer_stream_wins(Incarnation current, Incarnation arriving);

// Before dial number `failures` + 1 in a row: min * 2^(failures - 1), at most max, times a random
// factor in [0.5, 1), so that nodes that lost the same peer do not come back in step. A refused
// node waits for the max at once.
Duration reconnect_delay(std::uint32_t failures, bool refused, Duration min, Duration max,
                         Rng& rng);

}  // namespace skiptrain::transport
