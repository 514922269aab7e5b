#include "sim/network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "sim/prefetch.h"

namespace skiptrain::sim {
namespace {

constexpr std::uint64_t kJitterStream = 0x6a6974746572;
constexpr std::uint64_t kTroubleStream = 0x74726f75626c65;

// A node in passing sends its update a few parcels later than its last neighbour.
constexpr std::size_t kSoonUsed = 4;

Duration sending_time(Bytes bytes, double bytes_per_s) {
  if (std::isinf(bytes_per_s)) return Duration(0);
  return from_seconds(static_cast<double>(bytes) / bytes_per_s);
}

}  // namespace

Network::Network(const core::Topology& topology, const NetworkOptions& options, std::uint64_t seed,
                 Agenda& agenda, FaultCounts& counts)
    : agenda_(agenda),
      counts_(counts),
      unreliable_until_(options.unreliable_until),
      seed_(seed),
      rng_(derive_seed({seed, 0x6e6574})),
      link_options_({options.link}),
      sent_(topology.node_count()) {
  const auto nodes = static_cast<Position>(topology.node_count());
  first_outgoing_.push_back(0);
  for (Position from = 0; from < nodes; ++from) {
    for (const Position to : topology.neighbours(from)) {
      Direction direction;
      direction.from = from;
      direction.to = to;
      directions_.push_back(direction);
    }
    first_outgoing_.push_back(static_cast<DirectionIndex>(directions_.size()));
  }
  epochs_.resize(directions_.size());
  for (Direction& direction : directions_) direction.reverse = find(direction.to, direction.from);
  for (const LinkOverride& entry : options.overrides) {
    link_options_.push_back(entry.link);
    const auto chosen = static_cast<std::uint32_t>(link_options_.size() - 1);
    const DirectionIndex there = find(entry.from, entry.to);
    if (there == kNoDirection) continue;
    directions_[there].options = chosen;
    if (entry.both) directions_[directions_[there].reverse].options = chosen;
  }
}

DirectionIndex Network::find(Position from, Position to) const {
  const auto begin = directions_.begin() + first_outgoing(from);
  const auto end = directions_.begin() + end_outgoing(from);
  const auto found =
      std::lower_bound(begin, end, to, [](const Direction& d, Position p) { return d.to < p; });
  if (found == end || found->to != to) return kNoDirection;
  return static_cast<DirectionIndex>(found - directions_.begin());
}

Duration Network::least_latency() const {
  Duration least = Duration::max();
  for (const Direction& direction : directions_) {
    least = std::min(least, link_options_[direction.options].latency);
  }
  return least;
}

// ---- Chance ------------------------------------------------------------------------------------

Duration Network::draw_delay(Rng& rng, Duration most) {
  if (most <= Duration(0)) return Duration(0);
  return Duration(1 +
                  static_cast<Duration::rep>(rng.below(static_cast<std::uint64_t>(most.count()))));
}

Duration Network::draw_jitter(DirectionIndex index, const LinkOptions& link) const {
  if (link.jitter <= Duration(0)) return Duration(0);
  Rng rng(derive_seed({seed_, index, directions_[index].messages, kJitterStream}));
  return draw_delay(rng, link.jitter);
}

// ---- Parcels -----------------------------------------------------------------------------------

ParcelIndex Network::make_parcel(core::Event event, Bytes bytes, std::uint64_t request) {
  if (free_parcels_.empty()) {
    parcels_.push_back({std::move(event), bytes, request});
    return static_cast<ParcelIndex>(parcels_.size() - 1);
  }
  const ParcelIndex index = free_parcels_.back();
  free_parcels_.pop_back();
  if (free_parcels_.size() >= kSoonUsed) {
    fetch(&parcels_[free_parcels_[free_parcels_.size() - kSoonUsed]]);
  }
  parcels_[index] = {std::move(event), bytes, request};
  return index;
}

void Network::prefetch_arrival(const Entry& entry) const {
  fetch(&parcels_[entry.payload]);
  fetch(&epochs_[entry.key()]);
}

void Network::prefetch_sending(Position from) const {
  const DirectionIndex first = first_outgoing(from);
  fetch(&directions_[first], (end_outgoing(from) - first) * sizeof(Direction));
  fetch(&sent_[from]);
}

void Network::release(ParcelIndex index) {
  Parcel& parcel = parcels_[index];
  if (--parcel.references > 0) return;
  parcel.event = core::Tick{};  // lets go of its parameters
  free_parcels_.push_back(index);
}

ParcelIndex Network::keep(core::Event event, std::uint64_t request) {
  const ParcelIndex parcel = make_parcel(std::move(event), 0, request);
  ++parcels_[parcel].references;
  return parcel;
}

void Network::count_sent(Position from, Bytes bytes) {
  sent_[from].bytes += bytes;
  ++sent_[from].messages;
}

// ---- Sending -----------------------------------------------------------------------------------

bool Network::is_unreliable(const LinkOptions& link) const {
  return (link.loss > 0 || link.duplicate > 0 || link.reorder > 0) &&
         agenda_.now() < unreliable_until_;
}

// Updates that may go as a difference are counted here, where it is known.
Bytes Network::bytes_on(Direction& direction, const Parcel& parcel) {
  if (parcel.copy == 0) return parcel.bytes;
  const bool follows = direction.copy_sent != 0 && parcel.copy == direction.copy_sent + 1;
  direction.copy_sent = parcel.copy;
  const bool as_difference = follows && parcel.difference_bytes > 0;
  const Bytes bytes = as_difference ? parcel.difference_bytes : parcel.bytes;
  sent_[direction.from].bytes += bytes;
  return bytes;
}

void Network::lose(Direction& direction, const Parcel& parcel) {
  ++counts_.lost_messages;
  bytes_on(direction, parcel);
  direction.copy_sent = 0;
}

void Network::send_update(Position from, std::span<const NodeId> to,
                          const PublishedUpdate& published) {
  const Bytes payload = published.payload == nullptr ? 0 : published.payload->size();
  const bool is_packed_whole = published.copy == 0 && payload > 0;
  const Bytes whole = is_packed_whole ? payload : published.update.parameters->bytes().size();
  const Bytes counted = published.copy == 0 ? whole + kMessageOverheadBytes : 0;
  const ParcelIndex parcel = make_parcel(core::UpdateReceived{NodeId(from), published.update},
                                         whole + kMessageOverheadBytes, 0);
  ++parcels_[parcel].references;  // until all are on their way
  parcels_[parcel].copy = published.copy;
  parcels_[parcel].difference_bytes =
      published.has_difference() ? payload + kMessageOverheadBytes : 0;
  DirectionIndex index = first_outgoing(from);
  for (const NodeId node : to) {
    while (directions_[index].to != node.value()) ++index;  // both ascend; ids are positions
    Direction& direction = directions_[index];
    if (!direction.up) continue;
    count_sent(from, counted);
    const LinkOptions& link = link_options_[direction.options];
    if (direction.is_blocked()) {
      lose(direction, parcels_[parcel]);
    } else if (is_unreliable(link)) {
      dispatch_unreliably(index, parcel, link);
    } else {
      dispatch(index, parcel);
    }
  }
  release(parcel);
}

void Network::dispatch_unreliably(DirectionIndex index, ParcelIndex parcel,
                                  const LinkOptions& link) {
  Rng rng(derive_seed({seed_, index, ++directions_[index].messages, kTroubleStream}));
  if (rng.uniform() < link.loss) {
    lose(directions_[index], parcels_[parcel]);
    return;
  }
  if (rng.uniform() < link.reorder) {
    ++counts_.reordered_messages;
    ++parcels_[parcel].references;
    const Bytes bytes = bytes_on(directions_[index], parcels_[parcel]);
    const Duration in_order = sending_time(bytes, link.bandwidth_bytes_per_s) + link.latency;
    arrive(index, parcel, agenda_.now() + in_order + draw_delay(rng, link.reorder_delay),
           Happening::kParcel, epochs_[index]);
  } else {
    dispatch(index, parcel);
  }
  if (rng.uniform() < link.duplicate) {
    ++counts_.duplicated_messages;
    dispatch(index, parcel);
  }
}

void Network::send(DirectionIndex index, core::Event event, Bytes bytes, std::uint64_t request) {
  const Direction& direction = directions_[index];
  if (!direction.up) return;
  count_sent(direction.from, bytes);
  if (direction.is_blocked()) {
    ++counts_.lost_messages;
    return;
  }
  dispatch(index, make_parcel(std::move(event), bytes, request));
}

void Network::notify(DirectionIndex index, core::Event event, std::uint32_t incarnation) {
  Direction& direction = directions_[index];
  const LinkOptions& link = link_options_[direction.options];
  const Instant arrival = agenda_.now() + link.latency + draw_jitter(index, link);
  direction.newest_arrival = std::max(direction.newest_arrival + Duration(1), arrival);
  arrive(index, keep(std::move(event), 0), direction.newest_arrival, Happening::kNotice,
         incarnation);
}

void Network::arrive(DirectionIndex index, ParcelIndex parcel, Instant when, Happening how,
                     std::uint32_t epoch) {
  Direction& direction = directions_[index];
  agenda_.push({.when = when, .node = direction.to, .payload = parcel, .epoch = epoch, .what = how},
               index, ++direction.messages);
}

void Network::dispatch(DirectionIndex index, ParcelIndex parcel) {
  ++parcels_[parcel].references;
  Direction& direction = directions_[index];
  const Load load{parcel, bytes_on(direction, parcels_[parcel])};
  if (direction.queue != Direction::kNoQueue || direction.free_at > agenda_.now()) {
    enqueue(direction, index, load);
  } else {
    transmit(direction, index, load);
  }
}

void Network::transmit(Direction& direction, DirectionIndex index, const Load& load) {
  const LinkOptions& link = link_options_[direction.options];
  direction.free_at = agenda_.now() + sending_time(load.bytes, link.bandwidth_bytes_per_s);
  const Instant arrival = direction.free_at + link.latency + draw_jitter(index, link);
  direction.newest_arrival = std::max(direction.newest_arrival + Duration(1), arrival);
  arrive(index, load.parcel, direction.newest_arrival, Happening::kParcel, epochs_[index]);
}

// ---- Directions that are busy ------------------------------------------------------------------

void Network::enqueue(Direction& direction, DirectionIndex index, const Load& load) {
  if (direction.queue == Direction::kNoQueue) {
    direction.queue = static_cast<std::uint32_t>(queues_.size());
    queues_.push_back({index, {}});
    plan_next(direction, index);
  }
  auto& waiting = queues_[direction.queue].waiting;
  waiting.push_back(load);
  const auto updates = std::ranges::count_if(waiting, [this](const Load& each) {
    return std::holds_alternative<core::UpdateReceived>(parcels_[each.parcel].event);
  });
  if (static_cast<std::size_t>(updates) > kMaxQueuedUpdates) {
    drop_oldest_update(direction, waiting);
  }
}

// The one after it goes whole.
void Network::drop_oldest_update(Direction& direction, std::vector<Load>& waiting) {
  const auto is_update = [this](const Load& load) {
    return std::holds_alternative<core::UpdateReceived>(parcels_[load.parcel].event);
  };
  const auto oldest = std::ranges::find_if(waiting, is_update);
  const auto next = std::find_if(oldest + 1, waiting.end(), is_update);
  const Bytes whole = parcels_[next->parcel].bytes;
  sent_[direction.from].bytes += whole - next->bytes;
  next->bytes = whole;
  ++counts_.dropped_updates;
  release(oldest->parcel);
  waiting.erase(oldest);
}

void Network::plan_next(const Direction& direction, DirectionIndex index) {
  agenda_.push({.when = direction.free_at,
                .node = direction.from,
                .epoch = epochs_[index],
                .what = Happening::kDirectionFree},
               index);
}

void Network::direction_is_free(const Entry& entry) {
  if (!is_current(entry)) return;
  const DirectionIndex index = entry.key();
  Direction& direction = directions_[index];
  auto& waiting = queues_.at(direction.queue).waiting;
  SKIPTRAIN_CHECK(!waiting.empty(), "a queue ends when it is empty");
  const Load load = waiting.front();
  waiting.erase(waiting.begin());
  const bool more = !waiting.empty();
  transmit(direction, index, load);
  if (more) {
    plan_next(direction, index);
  } else {
    drop_queue(index);
  }
}

void Network::drop_queue(DirectionIndex index) {
  Direction& direction = directions_[index];
  if (direction.queue == Direction::kNoQueue) return;
  const std::uint32_t place = std::exchange(direction.queue, Direction::kNoQueue);
  for (const Load& load : queues_[place].waiting) release(load.parcel);
  if (place + 1 < queues_.size()) {
    queues_[place] = std::move(queues_.back());
    directions_[queues_[place].direction].queue = place;
  }
  queues_.pop_back();
}

// ---- Links -------------------------------------------------------------------------------------

void Network::connect(DirectionIndex index) {
  for (const DirectionIndex i : {index, directions_[index].reverse}) {
    directions_[i].up = true;
    directions_[i].copy_sent = 0;
    ++epochs_[i];
  }
}

void Network::disconnect(DirectionIndex index) {
  for (const DirectionIndex i : {index, directions_[index].reverse}) {
    drop_queue(i);
    directions_[i].up = false;
    directions_[i].free_at = agenda_.now();
    ++epochs_[i];
  }
}

}  // namespace skiptrain::sim
