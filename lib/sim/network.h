// The links between virtual nodes: which are up, what is under way on them, when it arrives. Inside
// lib/sim only.
//
// What travels is a parcel: one core event, shared by all the directions that it was sent on, so an
// update is neither copied nor serialized. If updates are compressed an event carries the public
// copy that a receiver would arrive at, and takes as long, and counts for as much, as the form in
// which lib/transport would send it on that direction: a difference where the one before it was the
// last one sent, else the whole. A sender knows what a direction has lost. The network puts
// arrivals into the agenda and counts bytes; it does not step nodes. Not thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/rng.h"
#include "core/event.h"
#include "core/topology/topology.h"
#include "model/published_update.h"
#include "sim/agenda.h"
#include "sim/faults.h"
#include "sim/network_options.h"

namespace skiptrain::sim {

// An index into the directions of a network: two for each edge of the topology.
using DirectionIndex = std::uint32_t;
inline constexpr DirectionIndex kNoDirection = std::numeric_limits<DirectionIndex>::max();

struct Direction {
  static constexpr std::uint32_t kNoQueue = std::numeric_limits<std::uint32_t>::max();

  Position from = 0;
  Position to = 0;
  DirectionIndex reverse = 0;
  std::uint32_t options = 0;  // which LinkOptions it has
  bool up = false;            // the link; the same on both directions
  bool cut = false;
  bool partitioned = false;
  std::uint32_t queue = kNoQueue;  // which of the network's queues it has
  Instant free_at;                 // when it has sent what it was given so far
  Instant newest_arrival;          // keeps it in order
  std::uint64_t messages = 0;      // numbers them
  std::uint64_t copy_sent = 0;     // the newest public copy that the other end has; 0: none
  Instant blocked_since;

  bool is_blocked() const { return cut || partitioned; }
};

struct Parcel {
  core::Event event;
  Bytes bytes = 0;
  std::uint64_t request = 0;  // of a state fetch, in its answers; else 0
  std::uint32_t references = 0;
  // Of an update that can also travel as a difference (model/published_update.h): its public copy,
  // and the bytes then; `bytes` are those of the whole.
  std::uint64_t copy = 0;
  Bytes difference_bytes = 0;
};
using ParcelIndex = std::uint32_t;

// What a node has sent.
struct SentBytes {
  Bytes bytes = 0;
  std::uint64_t messages = 0;
};

class Network {
 public:
  Network(const core::Topology& topology, const NetworkOptions& options, std::uint64_t seed,
          Agenda& agenda, FaultCounts& counts);

  const Direction& direction(DirectionIndex index) const { return directions_[index]; }
  // Directions that leave a node, in ascending order of where they lead.
  DirectionIndex first_outgoing(Position from) const { return first_outgoing_[from]; }
  DirectionIndex end_outgoing(Position from) const { return first_outgoing_[from + 1]; }
  std::size_t direction_count() const { return directions_.size(); }
  // kNoDirection if they are no neighbours.
  DirectionIndex find(Position from, Position to) const;
  const SentBytes& sent(Position from) const { return sent_[from]; }
  // Counts the ups and downs of a link; the same on both directions.
  std::uint32_t epoch(DirectionIndex index) const { return epochs_[index]; }

  // Sends one update from `from` to those of `to` whose links are up. The only messages that links
  // lose, duplicate or reorder.
  void send_update(Position from, std::span<const NodeId> to, const PublishedUpdate& update);
  // Sends any other message, if the link is up; it is lost if the link breaks before it arrives.
  void send(DirectionIndex direction, core::Event event, Bytes bytes, std::uint64_t request = 0);
  // Tells the node at the end of a direction something about the link itself: behind all that is
  // under way, whatever happens to the link. It is lost if that node's incarnation ends.
  void notify(DirectionIndex direction, core::Event event, std::uint32_t incarnation);

  // What a kParcel or kNotice entry carries, and giving it up once it was delivered.
  const Parcel& parcel(ParcelIndex index) const { return parcels_[index]; }
  void release(ParcelIndex index);
  // What the arrival of a kParcel entry will look at.
  void prefetch_arrival(const Entry& entry) const;
  // What a node's sending to its neighbours will.
  void prefetch_sending(Position from) const;
  // False if the link broke since the parcel of a kParcel entry was sent.
  bool is_current(const Entry& entry) const { return epochs_[entry.key()] == entry.epoch; }
  // A kDirectionFree entry has come: starts what is next in its queue.
  void direction_is_free(const Entry& entry);
  // A parcel that does not travel: for an entry of the caller's own, which releases it.
  ParcelIndex keep(core::Event event, std::uint64_t request);
  // The least time from one node to another.
  Duration least_latency() const;

  // Marks a link up or down; what is under way on it is lost. Both directions follow.
  void connect(DirectionIndex direction);
  void disconnect(DirectionIndex direction);
  void set_cut(DirectionIndex direction, bool cut) { directions_[direction].cut = cut; }
  void set_partitioned(DirectionIndex direction, bool partitioned) {
    directions_[direction].partitioned = partitioned;
  }
  void set_blocked_since(DirectionIndex direction, Instant since) {
    directions_[direction].blocked_since = since;
  }
  // Uniform in (0, most]; only for what concerns the whole cluster, and so has an order.
  Duration random_delay(Duration most) { return draw_delay(rng_, most); }
  static Duration draw_delay(Rng& rng, Duration most);
  Duration latency(DirectionIndex direction) const {
    return link_options_[directions_[direction].options].latency;
  }

 private:
  struct Load {
    ParcelIndex parcel;
    Bytes bytes;  // that it takes on its direction
  };
  struct Queue {
    DirectionIndex direction;
    std::vector<Load> waiting;
  };

  ParcelIndex make_parcel(core::Event event, Bytes bytes, std::uint64_t request);
  void count_sent(Position from, Bytes bytes);
  // What a parcel takes on a direction on which it is the next.
  Bytes bytes_on(Direction& direction, const Parcel& parcel);
  void lose(Direction& direction, const Parcel& parcel);
  // Sends or queues; takes a reference of the parcel.
  void dispatch(DirectionIndex index, ParcelIndex parcel);
  void transmit(Direction& direction, DirectionIndex index, const Load& load);
  void arrive(DirectionIndex index, ParcelIndex parcel, Instant when, Happening how,
              std::uint32_t epoch);
  // Chances of one message depend on nothing but its direction and its number there.
  Duration draw_jitter(DirectionIndex index, const LinkOptions& link) const;
  void enqueue(Direction& direction, DirectionIndex index, const Load& load);
  void drop_oldest_update(Direction& direction, std::vector<Load>& waiting);
  void plan_next(const Direction& direction, DirectionIndex index);
  void drop_queue(DirectionIndex index);
  bool is_unreliable(const LinkOptions& link) const;
  // May lose the update, or send it twice.
  void dispatch_unreliably(DirectionIndex index, ParcelIndex parcel, const LinkOptions& link);

  Agenda& agenda_;
  FaultCounts& counts_;
  Instant unreliable_until_;
  std::uint64_t seed_;
  Rng rng_;
  std::vector<DirectionIndex> first_outgoing_;
  std::vector<Direction> directions_;
  std::vector<std::uint32_t> epochs_;  // by direction; apart, for each arrival looks at it
  std::vector<LinkOptions> link_options_;
  std::vector<SentBytes> sent_;
  std::vector<Parcel> parcels_;
  std::vector<ParcelIndex> free_parcels_;
  std::vector<Queue> queues_;  // of busy directions, in no order
};

}  // namespace skiptrain::sim
